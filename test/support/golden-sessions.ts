/**
 * Sessions of database tools, each on a new database, as the tools of release 3.7.1 had them: the words of each call,
 * its exit status, output and error output. UUIDs are numbered in the order in which they first appear; DIR is the run
 * directory; log lines lack their time. Rows come in the order of their UUIDs, so where there are several the lines are
 * sorted.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { SimHost } from '../../src/sim/sim-host.ts';
import type { Outcome } from './tool-world.ts';

type Step = readonly [args: readonly string[], status: number, out: string, err: string, sorted?: 'sorted'];

export interface Session {
  readonly name: string;
  readonly tool: string;
  readonly steps: readonly Step[];
}

/** @param file in test/golden/ */
export const goldenSessions = (file: string): readonly Session[] =>
  JSON.parse(readFileSync(new URL(`../golden/${file}`, import.meta.url), 'utf8')) as readonly Session[];

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Has the same session with `call` and compares. @throws AssertionError */
export async function repeatSession(
  { steps }: Session,
  host: SimHost,
  call: (...argv: string[]) => Promise<Outcome>,
): Promise<void> {
  const numbers = new Map<string, string>();
  const plain = (text: string): string =>
    text
      // The server's, which is in the same process.
      .replace(/^LOG\|ovsdb_jsonrpc_server\|.*\n/gm, '')
      .replaceAll(host.dirs.run, 'DIR')
      .replace(/>[0-9a-f]{8}<\/a>/g, '>SHORT</a>')
      .replace(UUID, (uuid) => {
        if (/^(00000000|11111111)-/.test(uuid)) return uuid;
        const number = numbers.get(uuid) ?? `UUID${numbers.size}`;
        numbers.set(uuid, number);
        return number;
      });
  const real = (word: string): string =>
    word
      .replaceAll('DIR', host.dirs.run)
      .replace(/UUID\d+/, (number) => [...numbers].find(([, n]) => n === number)?.[0] ?? number);
  for (const [args, status, out, err, sorted] of steps) {
    const outcome = await call(...args.map(real));
    const text = sorted ? outcome.out.split('\n').sort().join('\n') : outcome.out;
    assert.deepEqual(
      { args, status: outcome.status, out: plain(text), err: plain(outcome.err) },
      { args, status, out, err },
    );
  }
}
