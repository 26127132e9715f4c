/** Transactions a second of the database server, over its Unix socket, from this process. */
import net from 'node:net';
import { JsonStreamParser } from '../src/jsonrpc/json-stream.ts';
import { Daemons } from '../test/support/daemons.ts';
import { type BenchOptions, paired, type Row } from './row.ts';

/** A client that keeps `window` inserts under way until `total` are answered; the rate in 1/s. */
function inserts(socket: string, total: number, window: number, tag: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const parser = new JsonStreamParser();
    let sent = 0;
    let answered = 0;
    const start = performance.now();
    const connection = net.connect(socket);
    const send = (): void => {
      const row = { external_ids: ['map', [['name', `${tag}${sent}`]]] };
      sent++;
      connection.write(
        JSON.stringify({
          method: 'transact',
          params: ['Open_vSwitch', { op: 'insert', table: 'Queue', row }],
          id: sent,
        }),
      );
    };
    connection.on('error', reject);
    connection.on('connect', () => {
      for (let i = 0; i < Math.min(window, total); i++) send();
    });
    connection.on('data', (bytes: Uint8Array) =>
      parser.feed(bytes, (json) => {
        const { error } = json as { error?: unknown };
        if (error) return reject(new Error(JSON.stringify(error)));
        answered++;
        if (sent < total) send();
        else if (answered === total) {
          connection.destroy();
          resolve((total / (performance.now() - start)) * 1000);
        }
      }),
    );
  });
}

export async function run({ runs, quick }: BenchOptions): Promise<Row[]> {
  const total = quick ? 2000 : 20_000;
  let round = 0;
  const rate = (side: 'ours' | 'theirs', window: number) => async (): Promise<number> => {
    const d = await Daemons.start(side, 'db');
    try {
      // The first ones pay for starting up, on both sides.
      await inserts(d.socket, total / 4, window, `warm${round}-`);
      return await inserts(d.socket, total, window, `run${round++}-`);
    } finally {
      await d.stop();
    }
  };
  return [
    await paired('ovsdb', 'inserts, one at a time', '1/s', true, runs, rate('ours', 1), rate('theirs', 1)),
    await paired(
      'ovsdb',
      'inserts, 100 under way',
      '1/s',
      true,
      runs,
      rate('ours', 100),
      rate('theirs', 100),
    ),
  ];
}
