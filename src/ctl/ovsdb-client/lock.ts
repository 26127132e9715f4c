/** lock, steal and unlock: ask for a lock, and print what becomes of it for as long as the program runs. */
import type { Client, ClientCommand } from './context.ts';

type LockMethod = 'lock' | 'steal' | 'unlock';

async function runLock(client: Client, method: LockMethod, name: string): Promise<void> {
  const { rpc, io, detached } = client;
  rpc.onNotification = (notification, params) => {
    io.out(`${notification}\n`);
    client.printJson(params);
  };
  const ended = client.follow();
  ended.catch(() => {});
  // One request at a time; what is asked for meanwhile waits.
  let busy: Promise<void> = Promise.resolve();
  const request = (what: LockMethod, lock: string): Promise<void> => {
    busy = busy.then(async () => client.printJson(await rpc.transact(what, [lock])));
    return busy;
  };
  for (const what of ['unlock', 'steal', 'lock'] as const)
    detached?.commands.register(what, 'LOCK', 1, 1, ([lock]) => {
      void request(what, lock!);
      return '';
    });
  await request(method, name);
  detached?.ready(false);
  await ended;
}

const lockCommand = (name: LockMethod): ClientCommand => ({
  name,
  need: 'server',
  minArgs: 1,
  maxArgs: 1,
  run: (client, [lock]) => runLock(client, name, lock!),
});

export const LOCK_COMMANDS = (['lock', 'steal', 'unlock'] as const).map(lockCommand);
