import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStreams, type Pipe, SeededRandom, VirtualTime } from '../../../test/support/memory-streams.ts';
import { catchAllMatch } from '../../flow/layout.ts';
import { formatActions } from '../../openflow/actions/format.ts';
import { OfpError } from '../../openflow/errors.ts';
import { decodeMessage } from '../../openflow/messages/decode.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import { helloMessage } from '../../openflow/messages/hello.ts';
import { OFPR, type OfpMessage } from '../../openflow/messages/message.ts';
import type { PacketInEvent } from '../ofconn.ts';
import { ConnMgr } from './connmgr.ts';
import type { Job, OfConnection } from './ofconn.ts';
import { type ControllerSettings, DEFAULT_CONTROLLER, MANAGEMENT_SERVICE } from './settings.ts';

const MGMT = 'punix:/br0.mgmt';
const packetIn: PacketInEvent = {
  controllerId: 0,
  maxLen: 0xffff,
  packet: new Uint8Array(60),
  reason: OFPR.NO_MATCH,
  tableId: 0,
  cookie: 0n,
  metadata: catchAllMatch(),
  userdata: new Uint8Array(0),
  continuation: undefined,
};

/** One end of a connection as a client or controller has it. */
class Peer {
  readonly got: OfpMessage[] = [];
  readonly pipe: Pipe;
  isClosed = false;
  constructor(pipe: Pipe, version: number) {
    this.pipe = pipe;
    pipe.events = {
      data: (b) => void this.got.push(decodeMessage(b.slice())),
      close: () => {
        this.isClosed = true;
      },
    };
    pipe.send(encodeOne(helloMessage(1 << version, 1)));
  }
  get kinds(): string[] {
    return this.got.map((m) => m.kind).filter((kind) => kind !== 'hello');
  }
}

class World {
  readonly time = new VirtualTime();
  readonly streams = new MemoryStreams(this.time.loop);
  readonly flows: string[] = [];
  readonly handled: string[] = [];
  handler: (conn: OfConnection, message: OfpMessage) => Job | undefined = () => undefined;
  readonly mgr: ConnMgr;
  constructor() {
    this.mgr = new ConnMgr({
      host: { loop: this.time.loop, random: new SeededRandom(), streams: this.streams },
      bridge: {
        name: 'br0',
        flushFlows: () => {
          this.flows.length = 0;
          this.mgr.flushed();
        },
        addFlow: (_, priority, actions) => void this.flows.push(`${priority} ${formatActions(actions)}`),
        deleteFlow: (_, priority) =>
          void this.flows.splice(
            this.flows.findIndex((f) => f.startsWith(`${priority} `)),
            1,
          ),
      },
      handle: (conn, bytes) => {
        const message = decodeMessage(bytes);
        this.handled.push(message.kind);
        return this.handler(conn, message);
      },
    });
  }
  async configure(settings: Partial<ControllerSettings> = {}): Promise<void> {
    this.mgr.setControllers(
      new Map([
        [MGMT, MANAGEMENT_SERVICE],
        ['unix:/controller', { ...DEFAULT_CONTROLLER, ...settings }],
      ]),
    );
    await Promise.resolve();
    this.time.turn();
  }
  /** Connects to the management socket. */
  client(version: number): Peer {
    let peer: Peer | undefined;
    this.streams.connect(MGMT.slice(1), 0, {
      connected: (stream) => {
        peer = new Peer(stream as Pipe, version);
      },
      failed: (error) => {
        throw error;
      },
    });
    this.time.turn();
    return peer!;
  }
  /** Listens as the controller. */
  async controller(version: number): Promise<() => Peer> {
    let peer: Peer | undefined;
    await this.streams.listen('punix:/controller', 0, (stream) => {
      peer = new Peer(stream as Pipe, version);
    });
    return () => peer!;
  }
}

const barrier = encodeOne({ version: 4, xid: 5, kind: 'barrier_request' });

test('errors of handlers are answered with the start of the request', async () => {
  const w = new World();
  await w.configure();
  const peer = w.client(4);
  w.handler = () => {
    throw new OfpError('OFPBRC_EPERM');
  };
  peer.pipe.send(barrier);
  w.time.turn();
  const reply = peer.got[1]!;
  assert.ok(reply.kind === 'error' && reply.error === 'OFPBRC_EPERM' && reply.xid === 5);
  assert.deepEqual(Buffer.from(reply.payload), Buffer.from(barrier));
});

test('a request that fails otherwise ends its connection and no other', async () => {
  const w = new World();
  await w.configure();
  const [bad, good] = [w.client(4), w.client(4)];
  const [unlucky] = w.mgr.connections();
  w.handler = (conn) => {
    if (conn === unlucky) throw new TypeError('a mistake');
    return undefined;
  };
  bad.pipe.send(barrier);
  good.pipe.send(barrier);
  w.time.turn();
  assert.ok(bad.isClosed);
  assert.ok(!good.isClosed);
  assert.equal([...w.mgr.connections()].length, 1);
});

test('requests wait while a long one is under way', async () => {
  const w = new World();
  await w.configure();
  const peer = w.client(4);
  const steps: string[] = [];
  w.handler = (_, message) => {
    if (message.kind !== 'desc_stats_request') return void steps.push(message.kind) as undefined;
    return (function* () {
      for (let i = 0; i < 3; i++) {
        steps.push(`slice ${i}`);
        yield;
      }
    })();
  };
  peer.pipe.send(encodeOne({ version: 4, xid: 1, kind: 'desc_stats_request' }));
  peer.pipe.send(barrier);
  w.time.turn();
  assert.deepEqual(steps, ['slice 0', 'slice 1', 'slice 2', 'barrier_request']);
});

test('a client that does not read its replies is not read from until it does', async () => {
  const w = new World();
  await w.configure();
  const peer = w.client(4);
  const here = peer.pipe.peer;
  here.kernelTakes = false;
  w.handler = (conn, message) => {
    conn.sendReply({ kind: 'echo_reply', data: new Uint8Array(60_000) }, message.xid);
    return undefined;
  };
  for (let i = 0; i < 50; i++) peer.pipe.send(barrier);
  w.time.turn();
  assert.equal(w.handled.length, 9);
  assert.ok(here.isPaused);
  here.kernelTakes = true;
  here.flush();
  here.events.drain?.();
  w.time.turn();
  assert.equal(w.handled.length, 50);
  assert.equal(peer.kinds.length, 50);
});

test('a management client hears asynchronous messages only when it asked for them', async () => {
  const w = new World();
  await w.configure();
  const peer = w.client(1);
  w.mgr.sendPacketIn(packetIn);
  const [conn] = w.mgr.connections();
  conn!.missSendLen = 128;
  w.mgr.sendPacketIn(packetIn);
  w.mgr.sendPacketIn({ ...packetIn, controllerId: 7 });
  w.mgr.sendPacketIn({ ...packetIn, reason: OFPR.INVALID_TTL });
  conn!.invalidTtlToController = true;
  w.mgr.sendPacketIn({ ...packetIn, reason: OFPR.INVALID_TTL });
  w.time.turn();
  assert.deepEqual(peer.kinds, ['packet_in', 'packet_in']);
});

test('a new primary demotes the old one, and generations that lie behind are refused', async () => {
  const w = new World();
  await w.configure();
  const [a, b] = [w.client(5), w.client(5)];
  const [first, second] = w.mgr.connections();
  first!.setRole('primary', 5n);
  second!.setRole('primary', 6n);
  assert.equal(first!.role, 'secondary');
  assert.throws(
    () => first!.setRole('primary', 5n),
    (e: unknown) => e instanceof OfpError && e.code === 'OFPRRFC_STALE',
  );
  w.time.turn();
  assert.deepEqual(a.kinds, ['role_status']);
  assert.deepEqual(b.kinds, []);
});

test('table misses go by default to controllers before OpenFlow 1.3', async () => {
  const w = new World();
  await w.configure();
  w.client(4);
  assert.ok(!w.mgr.wantsPacketInOnMiss());
  w.client(1);
  assert.ok(w.mgr.wantsPacketInOnMiss());
});

test('packet-ins beyond the rate are held back, and dropped beyond the queue', async () => {
  const w = new World();
  const controller = await w.controller(1);
  await w.configure({ rateLimit: 10, burstLimit: 2, maxPacketInQueue: 100 });
  w.time.turn();
  for (let i = 0; i < 6; i++) w.mgr.sendPacketIn(packetIn);
  w.time.turn();
  assert.equal(controller().kinds.length, 2);
  w.time.advance(150);
  assert.equal(controller().kinds.length, 3);
  const status = w.mgr.controllerInfo().get('unix:/controller')!.status;
  assert.equal(status.get('packet-in-miss-bypassed'), '2');
  assert.equal(status.get('packet-in-miss-dropped'), '2');
  assert.equal(status.get('state'), 'ACTIVE');
});

test('a standalone switch forwards by itself without controllers, and again when they are lost', async () => {
  const w = new World();
  w.mgr.setFailMode('standalone');
  assert.deepEqual(w.flows, ['0 NORMAL']);
  await w.configure();
  assert.deepEqual(w.flows, []);
  w.time.advance(14_000);
  assert.deepEqual(w.flows, []);
  w.time.advance(3000);
  assert.deepEqual(w.flows, ['15790320 NORMAL']);
  const controller = await w.controller(4);
  w.time.advance(9000);
  assert.equal(w.flows.length, 1, 'a controller that only connects does not end it');
  assert.ok(controller().kinds.includes('packet_in'), 'a made-up packet invites it to act');
  controller().pipe.send(barrier);
  w.time.advance(10);
  assert.deepEqual(w.flows, []);
});

test('connections of a controller that stays are kept, others are closed', async () => {
  const w = new World();
  const controller = await w.controller(4);
  await w.configure();
  const client = w.client(4);
  w.mgr.setControllers(new Map([['unix:/controller', { ...DEFAULT_CONTROLLER, maxBackoff: 3 }]]));
  w.time.turn();
  assert.ok(client.isClosed);
  assert.ok(!controller().isClosed);
  w.mgr.setControllers(new Map([['unix:/controller', { ...DEFAULT_CONTROLLER, allowedVersions: 1 << 4 }]]));
  const old = controller();
  w.time.turn();
  assert.ok(old.isClosed);
  assert.equal([...w.mgr.connections()].length, 1);
  w.mgr.destroy();
  w.time.turn();
  assert.ok(controller().isClosed);
});

test('a snoop sees what a controller and the switch say to each other', async () => {
  const w = new World();
  const controller = await w.controller(4);
  await w.configure();
  w.mgr.setSnoops(['punix:/br0.snoop']);
  await Promise.resolve();
  let snoop: Peer | undefined;
  w.streams.connect('unix:/br0.snoop', 0, {
    connected: (stream) => {
      snoop = new Peer(stream as Pipe, 4);
    },
    failed: (error) => {
      throw error;
    },
  });
  w.time.turn();
  w.handler = (conn, message) => void conn.sendReply({ kind: 'barrier_reply' }, message.xid) as undefined;
  controller().pipe.send(barrier);
  w.time.turn();
  assert.deepEqual(snoop!.kinds, ['barrier_request', 'barrier_reply']);
});
