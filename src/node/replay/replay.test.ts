import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { captureLog } from '../../../test/support/log-capture.ts';
import type { Host, Stream } from '../../base/host.ts';
import { randomUuid } from '../../base/uuid.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { NodeHost } from '../host.ts';
import { withReplay } from './replay.ts';
import { parseRecords } from './replay-file.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-replay-'));
after(() => fs.rmSync(root, { recursive: true }));
const newDir = (): string => fs.mkdtempSync(path.join(root, 'r'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** A host that records or replays, over another. */
const replayHost = (host: Host, mode: 'record' | 'replay', dir: string): Host =>
  Object.assign(Object.create(host) as Host, withReplay(host, mode, dir));

/**
 * Answers each message with a UUID after two turns, and tells the first client of the messages of the others. Connects to a
 * server that is not there, too. @returns what it has seen
 */
function program({ streams, random, loop }: Host): string[] {
  const trace: string[] = [];
  let first: Stream | undefined;
  void streams.listen('punix:/run/p', 0, (stream) => {
    trace.push(`accepted ${stream.name}`);
    first ??= stream;
    stream.events = {
      data: (bytes) => {
        trace.push(`${stream.name}: ${text(bytes)}`);
        loop.defer(() =>
          loop.defer(() => {
            const answer = `${text(bytes)} ${randomUuid(random)}`;
            trace.push(`answered ${answer}`);
            stream.send(Buffer.from(answer));
            if (first !== stream) first?.send(bytes);
          }),
        );
      },
      close: (error) => trace.push(`${stream.name} ended: ${error?.message ?? 'end of file'}`),
    };
  });
  void streams.listen('ptcp:1:/nowhere', 0, () => {}).catch((error: Error) => trace.push(error.message));
  streams.connect('unix:/run/absent', 0, {
    connected: () => trace.push('connected'),
    failed: (error) => trace.push(`failed: ${error.message}`),
  });
  return trace;
}

test('a program that is replayed sees and does what it did', async () => {
  const dir = newDir();
  const host = new SimHost(1);
  const trace = program(replayHost(host, 'record', dir));
  const clients: Stream[] = [];
  const connect = (): void => {
    host.streams.connect('unix:/run/p', 0, {
      connected: (stream) => {
        clients.push(stream);
        stream.events = { data() {}, close() {} };
        stream.send(Buffer.from(`hello ${clients.length}`));
      },
      failed: (error) => assert.fail(error.message),
    });
  };
  await host.pass(1, () => new Promise(setImmediate));
  for (let i = 0; i < 3; i++) connect();
  await host.pass(10, () => new Promise(setImmediate));
  // All at once: what comes of one is done before the next is let through.
  for (const client of clients) client.send(Buffer.from('again'));
  clients[2]!.close();
  await host.pass(10, () => new Promise(setImmediate));
  assert.ok(trace.length >= 12, trace.join('\n'));

  const other = new SimHost(2);
  const replayed = program(replayHost(other, 'replay', dir));
  await other.pass(1000, () => new Promise(setImmediate));
  assert.deepEqual(replayed, trace);
});

test('a peer that does not read is replayed with its pauses', { timeout: 20_000 }, async () => {
  const dir = newDir();
  const socket = path.join(dir, 's');
  /** Less than what is gathered before it is sent, where that is done. */
  const CHUNK = 4096;
  const total = 4 << 20;
  /** Sends much, waiting for the peer whenever there is a backlog. @returns what it saw, and its end */
  const sender = (host: Host): { trace: string[]; done: Promise<void> } => {
    const trace: string[] = [];
    const done = new Promise<void>((resolve) => {
      const listening = host.streams.listen(`punix:${socket}`, 0, (stream) => {
        let sent = 0;
        const send = (): void => {
          while (stream.backlog === 0 && sent < total) {
            stream.send(new Uint8Array(CHUNK));
            sent += CHUNK;
            trace.push(`sent ${sent}, backlog ${stream.backlog}`);
          }
        };
        stream.events = {
          data: () => {},
          drain: () => {
            trace.push('drained');
            send();
          },
          close: () => {
            trace.push('closed');
            void listening.then((listener) => listener.close()).then(resolve);
          },
        };
        send();
      });
    });
    return { trace, done };
  };

  const host = new NodeHost();
  const recording = new NodeHost();
  Object.assign(recording.dirs, { run: dir });
  await recording.record('record', '.');
  const recorded = sender(recording);
  for (let i = 0; i < 200 && !fs.existsSync(socket); i++) await new Promise((r) => setTimeout(r, 10));
  let got = 0;
  host.streams.connect(`unix:${socket}`, 0, {
    connected: (stream) => {
      stream.events = {
        data: (bytes) => {
          got += bytes.length;
          if (got === total) stream.close();
        },
        close: () => assert.fail('closed'),
      };
    },
    failed: (error) => assert.fail(error.message),
  });
  await recorded.done;
  assert.ok(recorded.trace.includes('drained'));

  const replayed = sender(replayHost(new NodeHost(), 'replay', dir));
  await replayed.done;
  assert.deepEqual(replayed.trace, recorded.trace);
});

test('a program that does something else is told of, and replayed to the end', async () => {
  const dir = newDir();
  const talk = (host: Host, answers: boolean): string[] => {
    const trace: string[] = [];
    void host.streams.listen('punix:/run/p', 0, (stream) => {
      stream.events = {
        data: (bytes) => {
          trace.push(text(bytes));
          if (answers) stream.send(bytes);
        },
        close: () => trace.push('closed'),
      };
    });
    return trace;
  };
  const host = new SimHost(1);
  talk(replayHost(host, 'record', dir), true);
  await host.pass(1, () => new Promise(setImmediate));
  let client: Stream | undefined;
  host.streams.connect('unix:/run/p', 0, {
    connected: (stream) => {
      client = stream;
      stream.events = { data() {}, close() {} };
    },
    failed: () => {},
  });
  await host.pass(1, () => new Promise(setImmediate));
  client!.send(Buffer.from('one'));
  await host.pass(1, () => new Promise(setImmediate));
  client!.close();
  await host.pass(1, () => new Promise(setImmediate));

  const log = captureLog(['warn']);
  const other = new SimHost(2);
  const trace = talk(replayHost(other, 'replay', dir), false);
  await other.pass(60_000, () => new Promise(setImmediate));
  log.stop();
  assert.deepEqual(trace, ['one', 'closed']);
  assert.match(log.lines.join('\n'), /the replay differs from the recording from record \d+ on/);
});

test('records have a number, a length and what was read', () => {
  const ints = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
  const bytes = Buffer.concat([ints(1, 0, 2, 3), Buffer.from('abc'), ints(-4, 10, 5, -104), ints(6, 9)]);
  const records = [...parseRecords(bytes)];
  assert.deepEqual(
    records.map(({ seqno, isRead, length, data }) => [seqno, isRead, length, text(data)]),
    [
      [1, true, 0, ''],
      [2, true, 3, 'abc'],
      [4, false, 10, ''],
      [5, true, -104, ''],
    ],
  );
});
