/**
 * The database server: rates of transactions and of updates, start-up, memory, pauses.
 *
 * Rates come twice: as the clients see them, and as processor time of the server, which other load on the machine
 * changes less. Transactions do not ask for durability.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { Daemons, program, type Side } from '../test/support/daemons.ts';
import { LARGE_SCHEMA, largeFile, largeRow } from './ovsdb-large.ts';
import { Client, countRows, NEW_ROW, Requests, UPDATE3 } from './ovsdb-load.ts';
import { type BenchOptions, median, paired, type Row } from './row.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds on a processor, of all the threads of a process; the kernel counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What a process holds of the memory, in MB. */
function residentMb(pid: number): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

/** The rate of something (1/s), and the server's processor time for one of it (µs). */
interface Rate {
  readonly rate: number;
  readonly cpu: number;
}

async function measured(d: Daemons, n: number, load: () => Promise<unknown>): Promise<Rate> {
  const pid = d.pid('ovsdb-server')!;
  const cpu = cpuMs(pid);
  const start = performance.now();
  await load();
  const ms = performance.now() - start;
  return { rate: (n / ms) * 1000, cpu: ((cpuMs(pid) - cpu) * 1000) / n };
}

/** Two rows, both of the same runs of both sides in turn. */
async function rates(name: string, runs: number, run: (side: Side) => Promise<Rate>): Promise<Row[]> {
  const cpus = { ours: [] as number[], theirs: [] as number[] };
  const one = (side: Side) => async (): Promise<number> => {
    const { rate, cpu } = await run(side);
    cpus[side].push(cpu);
    return rate;
  };
  const rate = await paired('ovsdb', name, '1/s', true, runs, one('ours'), one('theirs'));
  const { ours, theirs } = cpus;
  return [
    rate,
    {
      group: 'ovsdb',
      name: `  processor time of the server for each`,
      unit: 'us',
      ours: median(ours),
      theirs: median(theirs),
      ratio: median(ours.map((x, i) => theirs[i]! / x)),
    },
  ];
}

/** Inserts into a table of the switch's database. */
function* inserts(total: number, tag: string): Generator<unknown> {
  for (let i = 0; i < total; i++) {
    const row = { external_ids: ['map', [['name', `${tag}${i}`]]] };
    yield {
      method: 'transact',
      params: ['Open_vSwitch', { op: 'insert', table: 'Queue', row }],
      id: i,
    };
  }
}

async function insertRate(side: Side, total: number, clients: number, window: number): Promise<Rate> {
  const d = await Daemons.start(side, 'db');
  try {
    const connected = await Client.connectAll(d.socket, clients);
    const load = async (n: number, tag: string): Promise<Rate> => {
      const requests = connected.map((_, i) => new Requests(inserts(n / clients, `${tag}${i}-`)));
      return await measured(d, n, () =>
        Promise.all(connected.map((client, i) => client.run(requests[i]!, window))),
      );
    };
    // The first ones pay for starting up, on both sides.
    await load(total / 2, 'warm');
    const result = await load(total, 'run');
    for (const client of connected) client.close();
    await checkRows(d, 'Open_vSwitch', 'Queue', total * 1.5);
    return result;
  } finally {
    await d.stop();
  }
}

async function checkRows(d: Daemons, database: string, table: string, expected: number): Promise<void> {
  const rows = await countRows(d.socket, database, table);
  if (rows !== expected) throw new Error(`${d.side}: ${rows} rows in place of ${expected}`);
}

/** One client inserts rows, `window` under way; what counts is the news of them that `watchers` clients get. */
async function fanOut(side: Side, total: number, watchers: number, window: number): Promise<Rate> {
  const d = await Daemons.start(side, 'db');
  try {
    const writer = await Client.connect(d.socket);
    const clients = await Client.connectAll(d.socket, watchers);
    const request = { Queue: [{ columns: ['dscp', 'external_ids', 'other_config'] }] };
    const params = ['Open_vSwitch', null, request, '00000000-0000-0000-0000-000000000000'];
    for (const client of clients) await client.call({ method: 'monitor_cond_since', params, id: 0 });
    const load = async (n: number, tag: string): Promise<Rate> => {
      const requests = new Requests(inserts(n, tag));
      return await measured(
        d,
        n * watchers,
        () =>
          new Promise<void>((resolve) => {
            let sent = 0;
            let answered = 0;
            let told = 0;
            const next = (): void => {
              if (answered === n && told === n * watchers) resolve();
              // With one at a time, the next goes out when everybody has heard of the last.
              if (window === 1 && told < sent * watchers) return;
              const upTo = Math.min(n, answered + window);
              if (upTo > sent) writer.write(requests.slice(sent, upTo));
              sent = Math.max(sent, upTo);
            };
            writer.onCount = (replies) => {
              answered += replies;
              next();
            };
            for (const client of clients)
              client.count(window === 1 ? UPDATE3 : NEW_ROW, (news) => {
                told += news;
                if (told >= sent * watchers) next();
              });
            next();
          }),
      );
    };
    await load(total / 4, 'warm');
    const result = await load(total, 'run');
    for (const client of [writer, ...clients]) client.close();
    return result;
  } finally {
    await d.stop();
  }
}

/** A server with a database of {@link LARGE_SCHEMA}, which holds `rows` rows in one record. */
async function large(side: Side, rows: number): Promise<Daemons> {
  const d = await Daemons.start(side, 'db');
  await d.kill('ovsdb-server');
  largeFile(`${d.dir}/large.db`, rows);
  await d.run('ovsdb-server', `--remote=punix:${d.socket}`, `${d.dir}/large.db`);
  return d;
}

/** Rows a second that come in few transactions, and what the server holds afterwards. */
async function bulk(side: Side, rows: number, transactions: number): Promise<Rate & { mb: number }> {
  const d = await large(side, 0);
  try {
    const each = rows / transactions;
    const requests = new Requests(
      Array.from({ length: transactions }, (_, t) => ({
        method: 'transact',
        params: [
          LARGE_SCHEMA.name,
          ...Array.from({ length: each }, (_, i) => ({
            op: 'insert',
            table: 'Port',
            row: largeRow(t * each + i),
          })),
        ],
        id: t,
      })),
    );
    const client = await Client.connect(d.socket);
    const result = await measured(d, rows, () => client.run(requests, 1));
    await sleep(SETTLE_MS);
    const mb = residentMb(d.pid('ovsdb-server')!);
    await checkRows(d, LARGE_SCHEMA.name, 'Port', rows);
    client.close();
    return { ...result, mb };
  } finally {
    await d.stop();
  }
}

/** After what time memory is looked at. */
const SETTLE_MS = 10_000;

/** Whether the server answers a request about the large database; the promise fails while nobody listens. */
function answers(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    socket.on('error', reject);
    socket.on('data', () => {
      socket.destroy();
      resolve();
    });
    const select = { op: 'select', table: 'Port', where: [['name', '==', 'port-1']] };
    socket.write(JSON.stringify({ method: 'transact', params: [LARGE_SCHEMA.name, select], id: 0 }));
  });
}

/** How long a server takes from its start to its first answer, in s, and what it holds later, in MB. */
async function startUp(side: Side, file: string, dir: string): Promise<{ seconds: number; mb: number }> {
  const socket = `${dir}/start.sock`;
  const start = performance.now();
  const args = [`--remote=punix:${socket}`, `--unixctl=${dir}/start.ctl`, '-vconsole:off', file];
  const child = spawn(program(side, 'ovsdb-server'), args, { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  try {
    for (;;) {
      if (fs.existsSync(socket)) {
        try {
          await answers(socket);
          break;
        } catch {
          // It is about to listen.
        }
      }
      if (child.exitCode !== null) throw new Error(`ovsdb-server (${side}) did not start`);
      await sleep(2);
    }
    const seconds = (performance.now() - start) / 1000;
    await sleep(SETTLE_MS);
    return { seconds, mb: residentMb(child.pid!) };
  } finally {
    child.kill();
    await gone;
  }
}

/** The longest time that a client waited for an echo while the log was compacted, in ms. */
async function compactionPause(side: Side, rows: number): Promise<number> {
  const d = await large(side, rows);
  try {
    const client = await Client.connect(d.socket);
    const echo = new Requests([{ method: 'echo', params: [], id: 0 }]);
    for (let i = 0; i < 100; i++) await client.run(echo, 1);
    let compacting = true;
    const compacted = new Promise<void>((resolve, reject) => {
      const child = spawn(
        program(side, 'ovs-appctl'),
        ['-t', `${d.dir}/ovsdb-server.${d.pid('ovsdb-server')}.ctl`, 'ovsdb-server/compact'],
        { env: d.env, stdio: 'ignore' },
      );
      child.once('exit', (status) => {
        compacting = false;
        if (status === 0) resolve();
        else reject(new Error(`${side}: compaction failed`));
      });
    });
    let longest = 0;
    while (compacting) {
      const start = performance.now();
      await client.run(echo, 1);
      longest = Math.max(longest, performance.now() - start);
    }
    await compacted;
    client.close();
    return longest;
  } finally {
    await d.stop();
  }
}

const row = (
  name: string,
  unit: string,
  higherIsBetter: boolean,
  ours: readonly number[],
  theirs: readonly number[],
): Row => ({
  group: 'ovsdb',
  name,
  unit,
  ours: median(ours),
  theirs: median(theirs),
  ratio: median(ours.map((x, i) => (higherIsBetter ? x / theirs[i]! : theirs[i]! / x))),
});

async function startUps(name: string, runs: number, rows: number): Promise<Row[]> {
  const seconds = { ours: [] as number[], theirs: [] as number[] };
  const mb = { ours: [] as number[], theirs: [] as number[] };
  const dir = fs.mkdtempSync('/tmp/ovs-bench-');
  try {
    for (let i = 0; i < runs; i++) {
      for (const side of ['ours', 'theirs'] as const) {
        // Anew each time: a server may have written to it.
        largeFile(`${dir}/large.db`, rows);
        const result = await startUp(side, `${dir}/large.db`, dir);
        seconds[side].push(result.seconds);
        mb[side].push(result.mb);
      }
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
  return [
    row(name, 's', false, seconds.ours, seconds.theirs),
    row('  memory after that', 'MB', false, mb.ours, mb.theirs),
  ];
}

async function bulks(name: string, runs: number, rows: number): Promise<Row[]> {
  const mb = { ours: [] as number[], theirs: [] as number[] };
  const result = await rates(name, runs, async (side) => {
    const one = await bulk(side, rows, 10);
    mb[side].push(one.mb);
    return one;
  });
  return [...result, row('  memory after that', 'MB', false, mb.ours, mb.theirs)];
}

export async function* run({ runs, quick, only }: BenchOptions): AsyncGenerator<Row> {
  const total = quick ? 4000 : 40_000;
  const rows = quick ? 10_000 : 100_000;
  const inserted = (clients: number, window: number) => (side: Side) =>
    insertRate(side, total, clients, window);
  const measurements: Readonly<Record<string, (name: string) => Promise<Row[]>>> = {
    'inserts, one at a time': (name) => rates(name, runs, inserted(1, 1)),
    'inserts, one at a time from each of 10 clients': (name) => rates(name, runs, inserted(10, 1)),
    'inserts, 100 under way': (name) => rates(name, runs, inserted(1, 100)),
    [`rows inserted, ${rows} in 10 transactions`]: (name) => bulks(name, runs, rows),
    'updates to 100 clients, one at a time': (name) =>
      rates(name, runs, (side) => fanOut(side, total / 40, 100, 1)),
    'rows told to 100 clients, 100 under way': (name) =>
      rates(name, runs, (side) => fanOut(side, total / 4, 100, 100)),
    [`start-up with ${rows} rows, to the first answer`]: (name) => startUps(name, runs, rows),
    [`longest wait for an echo while ${rows} rows are compacted`]: async (name) => [
      await paired(
        'ovsdb',
        name,
        'ms',
        false,
        runs,
        () => compactionPause('ours', rows),
        () => compactionPause('theirs', rows),
      ),
    ],
  };
  for (const [name, measure] of Object.entries(measurements)) if (only.test(name)) yield* await measure(name);
}
