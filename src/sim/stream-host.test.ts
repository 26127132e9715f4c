import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stream } from '../base/host.ts';
import { SimHost } from './sim-host.ts';
import { StreamHost } from './stream-host.ts';

const MAC = 0x020000000001;
const IP = 0x0a000001;

/** Two hosts whose frames a wire copies to the other, unless `cut`. */
async function pair(): Promise<{ sim: SimHost; a: StreamHost; b: StreamHost; wire: { cut: boolean } }> {
  const sim = new SimHost();
  const wire = { cut: false };
  const ends: (Stream | undefined)[] = [];
  for (const n of [0, 1]) {
    await sim.streams.listen(`punix:/h${n}`, 0, (stream) => {
      ends[n] = stream;
      stream.events = { data: (bytes) => wire.cut || ends[1 - n]?.send(bytes.slice()), close: () => {} };
    });
  }
  const [a, b] = [0, 1].map((n) => new StreamHost(sim, `unix:/h${n}`, { mac: MAC + n, ip: IP + n }));
  return { sim, wire, a: a!, b: b! };
}

test('one host resolves and pings the other', async () => {
  const { sim, a, b } = await pair();
  const ping = a.ping(b.address, 1, 1000);
  sim.run(500);
  assert.ok((await ping)! < 500);
});

test('a ping over a cut wire is given up in time', async () => {
  const { sim, a, b, wire } = await pair();
  wire.cut = true;
  const ping = a.ping(b.address, 1, 1000);
  sim.run(2000);
  assert.equal(await ping, undefined);
});

test('bytes that are no frames are dropped', async () => {
  const sim = new SimHost(7);
  let end: Stream | undefined;
  let sent = 0;
  await sim.streams.listen('punix:/h', 0, (stream) => {
    end = stream;
    stream.events = { data: () => sent++, close: () => {} };
  });
  new StreamHost(sim, 'unix:/h', { mac: MAC, ip: IP });
  sim.run(1);
  for (let i = 0; i < 200; i++) end!.send(sim.random.bytes(sim.random.u32() % 200));
  sim.run(1);
  assert.equal(sent, 0);
});
