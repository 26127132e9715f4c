/** Network namespaces on veth pairs, made by a test for itself and removed by it. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';

let made = 0;

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A namespace with `eth0`, whose other end is {@link port} in the switch's namespace. */
export class Host {
  readonly namespace: string;
  port: string;
  readonly address: string;

  /** @param address IPv4 address, in a /24 */
  constructor(address: string) {
    const n = made++;
    this.namespace = `ovst${process.pid}n${n}`;
    this.port = `t${process.pid % 1_000_000}p${n}`;
    this.address = address;
    ip('netns', 'add', this.namespace);
    ip('link', 'add', this.port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.namespace);
    ip('link', 'set', this.port, 'up');
    ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
    ip('-n', this.namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'up');
  }

  /** Runs a command in the namespace. */
  run(...command: string[]): SpawnSyncReturns<string> {
    return spawnSync('ip', ['netns', 'exec', this.namespace, ...command], {
      encoding: 'utf8',
      timeout: 15_000,
    });
  }

  /** @returns how many of `count` echo requests were answered */
  ping(to: string, count = 3): number {
    const { stdout } = this.run('ping', '-n', '-c', String(count), '-i', '0.1', '-W', '1', to);
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  /** Gives the switch's end another name. */
  rename(port: string): void {
    ip('link', 'set', this.port, 'down');
    ip('link', 'set', this.port, 'name', port);
    ip('link', 'set', port, 'up');
    this.port = port;
  }

  remove(): void {
    spawnSync('ip', ['link', 'del', this.port], { stdio: 'ignore' });
    spawnSync('ip', ['netns', 'del', this.namespace], { stdio: 'ignore' });
  }
}

/** Waits until `condition` holds, checking often. @throws Error with `what` when it does not within the time */
export async function until(what: string, condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
