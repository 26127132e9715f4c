import assert from 'node:assert/strict';
import test from 'node:test';
import type { Host, StoredFile, Stream, StreamConnector } from '../../base/host.ts';
import { SystemError } from '../../base/host.ts';
import { UnixctlCommands } from '../../base/unixctl.ts';
import { HeapArena } from '../arena.ts';
import { type NetdevIo, PacketBatch } from '../netdev-provider.ts';
import { NetdevRegistry } from '../netdev-registry.ts';
import { patchProvider } from '../patch-netdev.ts';
import { bytes, frame, hex, TestLoop } from '../userspace/testing.ts';
import { DummyNetdev } from './dummy-netdev.ts';
import { FrameParser } from './packet-connection.ts';
import { enableDummies } from './provider.ts';

/** A host whose files are in memory and whose streams the test holds. */
class FakeHost {
  readonly loop = new TestLoop();
  readonly files = new Map<string, Uint8Array>();
  readonly connectors: { target: string; connector: StreamConnector }[] = [];
  accept: ((stream: Stream) => void) | undefined;
  readonly storage = {
    open: (path: string): Pick<StoredFile, 'size' | 'append' | 'close'> => ({
      size: () => this.files.get(path)?.length ?? 0,
      append: (more) => {
        const old = this.files.get(path) ?? new Uint8Array(0);
        this.files.set(path, Uint8Array.from([...old, ...more]));
      },
      close: () => {},
    }),
  };
  readonly streams = {
    connect: (target: string, _port: number, connector: StreamConnector) => {
      this.connectors.push({ target, connector });
      return () => {};
    },
    listen: (target: string, _port: number, accept: (stream: Stream) => void) => {
      this.accept = accept;
      return Promise.resolve({ name: target, port: undefined, close: () => {} });
    },
  };

  get host(): Host {
    return this as unknown as Host;
  }
}

class FakeStream {
  readonly sent: Uint8Array[] = [];
  closed = false;
  backlog = 0;
  events = { data: (_: Uint8Array) => {}, close: (_: SystemError | undefined) => {} };
  send(message: Uint8Array): void {
    this.sent.push(message);
  }
  close(): void {
    this.closed = true;
  }
  get stream(): Stream {
    return this as unknown as Stream;
  }
}

function setUp() {
  const fake = new FakeHost();
  const registry = new NetdevRegistry();
  registry.register(patchProvider);
  const dummies = enableDummies(registry, fake.host, 'override');
  const commands = new UnixctlCommands('test');
  const composed: [string, number][] = [];
  dummies.registerCommands(commands, {
    composeFrame: (flow, length) => {
      if (flow === 'bad') throw new Error('bad: unknown field');
      composed.push([flow, length]);
      return frame();
    },
  });
  const command = (name: string, ...args: string[]) => commands.execute(name, args, { format: 'text' });
  const open = (name: string, type = 'dummy') => registry.open(name, type) as DummyNetdev;
  return { fake, registry, dummies, command, open, composed };
}

const arena = new HeapArena();

/** Takes what a device has received. */
function received(io: NetdevIo): string[] {
  const batch = new PacketBatch();
  const packets: string[] = [];
  while (io.receive(batch) > 0) {
    for (let i = 0; i < batch.count; i++)
      packets.push(hex(arena.u8.slice(batch.offset[i]!, batch.offset[i]! + batch.length[i]!)));
    io.release(batch);
  }
  return packets;
}

/** Sends a frame out of a device. */
function send(io: NetdevIo, packet: Uint8Array): void {
  const batch = new PacketBatch();
  batch.count = 1;
  batch.offset[0] = arena.receiveBuffers[3]!;
  batch.length[0] = packet.length;
  arena.u8.set(packet, batch.offset[0]!);
  io.transmit(batch, 0);
  io.flush();
}

test('a device is opened once, by reference, and closed with the last', () => {
  const { registry, dummies, open } = setUp();
  const p1 = open('p1');
  assert.equal(open('p1'), p1);
  assert.equal(registry.open('p1', ''), p1);
  assert.throws(() => open('p1', 'system'), { code: 'EEXIST' });
  assert.throws(() => open('p2', 'flute'), { code: 'EAFNOSUPPORT' });
  assert.throws(() => open('', 'dummy'), { code: 'EINVAL' });
  registry.release(p1);
  registry.release(p1);
  assert.equal(dummies.find('p1'), p1);
  registry.release(p1);
  assert.equal(dummies.find('p1'), undefined);
  assert.equal(registry.find('p1'), undefined);
});

test('with override, devices of all types but patch are dummies with addresses in the order of their making', () => {
  const { open, registry } = setUp();
  const devices = ['system', 'internal', 'dummy-pmd'].map((type, i) => open(`q${i}`, type));
  assert.ok(devices.every((device) => device instanceof DummyNetdev));
  assert.ok(!(registry.open('patch0', 'patch') instanceof DummyNetdev));
  const [first, second, third] = devices.map((device) => device.mac());
  assert.equal(first!.toString(16).slice(0, 8), 'aa55aa55');
  assert.deepEqual([second! - first!, third! - second!], [1, 1]);
});

test('changes reach the listeners of the registry, and only changes', () => {
  const { open, registry } = setUp();
  const seen: string[] = [];
  const p1 = open('p1');
  const stop = registry.onChange((netdev) => seen.push(netdev.name));
  const before = p1.changeSeq;
  p1.setMtu(1500);
  p1.setMtu(9000);
  p1.setUp(false);
  p1.setUp(false);
  p1.setMac(5);
  assert.equal(seen.length, 3);
  assert.equal(p1.changeSeq, before + 3);
  assert.throws(() => p1.setMtu(20), { code: 'EINVAL' });
  stop();
  p1.setMac(6);
  assert.equal(seen.length, 3);
});

test('netdev-dummy/receive takes frames in hexadecimal and flows', async () => {
  const { open, command, composed } = setUp();
  const io = open('p1').openIo(arena);
  let woken = 0;
  io.onReadable = () => woken++;
  const packet = hex(frame());
  await command(
    'netdev-dummy/receive',
    'p1',
    packet,
    packet.toUpperCase(),
    'in_port(1)',
    '--len',
    '100',
    'eth()',
  );
  assert.deepEqual(received(io), [packet, packet, packet, packet]);
  assert.equal(woken, 4);
  assert.deepEqual(composed, [
    ['in_port(1)', 100],
    ['eth()', 0],
  ]);
  const fails = (message: string, ...args: string[]) =>
    assert.rejects(command('netdev-dummy/receive', ...args), { message });
  await fails('no such dummy netdev', 'p9', packet);
  await fails('too small packet len', 'p1', 'in_port(1)', '--len', '63');
  await fails('bad rx queue id.', 'p1', '--qid', '1', packet);
  await fails('bad: unknown field', 'p1', 'bad');
  assert.deepEqual(received(io), []);
});

test('a full queue loses packets, and so does a device that nobody has opened', async () => {
  const { open, command } = setUp();
  const packet = hex(frame());
  const p1 = open('p1');
  await command('netdev-dummy/receive', 'p1', packet);
  const io = p1.openIo(arena);
  await command('netdev-dummy/receive', 'p1', ...new Array<string>(130).fill(packet));
  assert.equal(received(io).length, 100);
  const { rxPackets, rxBytes, rxErrors } = p1.stats();
  assert.deepEqual([rxPackets, rxBytes, rxErrors], [100, 6200, -1]);
});

test('netdev-dummy/set-admin-state and conn-state', async () => {
  const { open, command } = setUp();
  const [p1, p2] = [open('p1'), open('p2')];
  assert.equal(await command('netdev-dummy/set-admin-state', 'p1', 'down'), 'OK');
  assert.deepEqual([p1.link().up, p2.link().up], [false, true]);
  await command('netdev-dummy/set-admin-state', 'DOWN');
  assert.equal(p2.link().up, false);
  await assert.rejects(command('netdev-dummy/set-admin-state', 'sideways'), {
    message: 'Invalid Admin State',
  });
  await assert.rejects(command('netdev-dummy/set-admin-state', 'p7', 'up'), {
    message: 'Unknown Dummy Interface',
  });
  assert.equal(await command('netdev-dummy/conn-state', 'p1'), 'p1: unknown\n');
  p1.configure(new Map([['stream', 'unix:/x']]));
  assert.equal(await command('netdev-dummy/conn-state'), 'p1: disconnected\n');
});

test('frames longer than the MTU allows are not sent', () => {
  const { open } = setUp();
  const p1 = open('p1');
  const io = p1.openIo(arena);
  p1.setMtu(100);
  send(io, frame({ payload: 72 }));
  send(io, frame({ payload: 73 }));
  send(io, frame({ payload: 72, tags: [[0x8100, 1]] }));
  assert.deepEqual([p1.stats().txPackets, p1.stats().txBytes], [2, 114 + 118]);
});

test('pcap files get what is received and sent, with one header', async () => {
  const { open, command, fake } = setUp();
  const p1 = open('p1');
  p1.configure(new Map([['pcap', 'both.pcap']]));
  p1.configure(new Map([['pcap', 'both.pcap']]));
  const io = p1.openIo(arena);
  await command('netdev-dummy/receive', 'p1', hex(frame()));
  send(io, frame({ payload: 1 }));
  const file = fake.files.get('both.pcap')!;
  assert.equal(file.length, 24 + 16 + 62 + 16 + 43);
  assert.equal(hex(file.subarray(0, 24)), 'd4c3b2a1020004000000000000000000ee05000001000000');
  assert.equal(hex(file.subarray(24, 40)), '01000000000000003e0000003e000000');
});

test('a device with an address answers ARP requests for it', async () => {
  const { open, command } = setUp();
  const p1 = open('p1');
  const io = p1.openIo(arena);
  assert.equal(await command('netdev-dummy/ip4addr', 'p1', '10.0.0.9/24'), 'OK');
  await assert.rejects(command('netdev-dummy/ip4addr', 'p1', '10.0.0.999/24'));
  const request = (target: string) =>
    bytes(`ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 ${target}`);
  send(io, request('0a000008'));
  send(io, request('0a000009'));
  const [reply, ...more] = received(io);
  const mac = p1.mac().toString(16);
  assert.equal(reply, `020000000001${mac}08060001080006040002${mac}0a0000090200000000010a000001`);
  assert.equal(more.length, 0);
});

test('packets travel over streams, each behind its length', async () => {
  const { open, fake } = setUp();
  const p1 = open('p1');
  const io = p1.openIo(arena);
  p1.configure(new Map([['pstream', 'punix:sock']]));
  assert.deepEqual([...p1.config()], [['pstream', 'punix:sock']]);
  await Promise.resolve();
  const peers = [new FakeStream(), new FakeStream()];
  for (const peer of peers) fake.accept!(peer.stream);
  send(io, frame());
  for (const peer of peers) assert.equal(hex(peer.sent[0]!), `003e${hex(frame())}`);
  peers[0]!.events.data(bytes(`003e${hex(frame())}00`));
  peers[0]!.events.data(bytes(`3e${hex(frame())}`));
  assert.equal(received(io).length, 2);
  peers[0]!.events.data(bytes('0003aabbcc'));
  assert.ok(peers[0]!.closed);
  assert.ok(!peers[1]!.closed);
});

test('an active stream is connected again after it broke', () => {
  const { open, fake } = setUp();
  const p1 = open('p1');
  p1.configure(new Map([['stream', 'unix:sock']]));
  assert.equal(p1.connectionState, 'disconnected');
  const stream = new FakeStream();
  fake.connectors[0]!.connector.connected(stream.stream);
  assert.equal(p1.connectionState, 'connected');
  stream.events.close(undefined);
  assert.equal(p1.connectionState, 'disconnected');
  fake.loop.pass(999);
  assert.equal(fake.connectors.length, 1);
  fake.loop.pass(1);
  assert.equal(fake.connectors.length, 2);
  fake.connectors[1]!.connector.failed(new SystemError('ECONNREFUSED'));
  fake.loop.pass(1999);
  assert.equal(fake.connectors.length, 2);
  fake.loop.pass(1);
  assert.equal(fake.connectors.length, 3);
});

test('frames are cut from a stream however it is chopped', () => {
  const packet = hex(frame());
  const all = bytes(`003e${packet}003e${packet}`);
  for (const step of [1, 2, 7, 63, 64, 65, 200]) {
    const frames: string[] = [];
    const parser = new FrameParser((part) => frames.push(hex(part)));
    for (let at = 0; at < all.length; at += step) assert.ok(parser.push(all.slice(at, at + step)));
    assert.deepEqual(frames, [packet, packet]);
  }
});
