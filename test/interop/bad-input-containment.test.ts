/** A mistake of ours in handling one packet, message or transaction costs that one, is in the log, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stream } from '../../src/base/host.ts';
import { JsonRpc } from '../../src/jsonrpc/jsonrpc.ts';
import { Vconn } from '../../src/ofproto/connmgr/vconn.ts';
import { encodeOne } from '../../src/openflow/messages/encode.ts';
import { helloMessage } from '../../src/openflow/messages/hello.ts';
import { OvsdbServer } from '../../src/ovsdb/server/server.ts';
import { Session } from '../../src/ovsdb/server/session.ts';
import { simDatabase } from '../../src/sim/sim-database.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { errorsLogged } from '../support/log-capture.ts';
import { pipePair, VirtualTime } from '../support/memory-streams.ts';
import { SwitchNetwork } from '../support/switch-network.ts';

const mistake = (): never => {
  throw new TypeError('a mistake');
};
const PACKET = 'dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,dl_type=0x1234';

test('a packet whose translation fails is dropped, and the next is forwarded', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  for (const [i, name] of ['p1', 'p2'].entries()) net.port(br, name, i + 1);
  net.flow(br, 'actions=output:2');
  const { backer } = net.dpifUdpif;
  const lookup = backer.lookup.bind(backer);
  backer.lookup = mistake;
  const errors = errorsLogged(() => net.inject('p1', `in_port=1,${PACKET}`));
  backer.lookup = lookup;
  assert.match(
    errors.join(),
    /ofproto_dpif_upcall\|ERR\|failed to handle a packet: TypeError: a mistake\n +at /,
  );
  assert.deepEqual(net.outputs(), []);
  net.inject('p1', `in_port=1,${PACKET}`);
  assert.deepEqual(net.outputs(), ['p2']);
});

test('a flow whose revalidation fails is deleted, and the others are kept', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  for (const [i, name] of ['p1', 'p2', 'p3'].entries()) net.port(br, name, i + 1);
  net.flow(br, 'actions=output:3');
  net.inject('p1', `in_port=1,${PACKET}`);
  net.inject('p2', `in_port=2,${PACKET}`);
  const { backer } = net.dpifUdpif;
  const lookup = backer.lookup.bind(backer);
  let lookups = 0;
  backer.lookup = (key) => (lookups++ === 0 ? mistake() : lookup(key));
  net.dpifUdpif.revalidate();
  const errors = errorsLogged(() => net.revalidate());
  assert.match(errors.join(), /failed to revalidate ufid:[-0-9a-f]{36}: TypeError: a mistake/);
  assert.equal(net.dpif.stats().flows, 1);
  assert.equal(net.dpifUdpif.ukeys.size, 1);
});

test('an OpenFlow message that fails unexpectedly ends its connection', () => {
  const time = new VirtualTime();
  const [here, peer] = pipePair(time.loop, 'unix#0', 'tester');
  const seen: string[] = [];
  Vconn.accept(here, 0, {
    connected: () => {},
    message: mistake,
    closed: (end) => void seen.push(String(end?.code)),
  });
  peer.events = { data: () => {}, close: () => void seen.push('peer closed') };
  peer.send(encodeOne(helloMessage(1 << 4, 1)));
  peer.send(encodeOne({ version: 4, xid: 1, kind: 'barrier_request' }));
  const errors = errorsLogged(() => time.turn());
  assert.match(errors.join(), /vconn\|ERR\|unix#0: failed to take a message: TypeError: a mistake/);
  assert.deepEqual(seen, ['EPROTO', 'peer closed']);
});

test('a JSON-RPC message that fails unexpectedly ends its connection', () => {
  const stream = new Line();
  const closed: (string | undefined)[] = [];
  new JsonRpc(stream, { message: mistake, closed: (error) => void closed.push(error?.code) });
  const errors = errorsLogged(() => stream.events.data(Buffer.from('{"method":"x","params":[],"id":1}')));
  assert.match(errors.join(), /jsonrpc\|ERR\|line: failed to take a message: TypeError: a mistake/);
  assert.deepEqual(closed, ['EPROTO']);
  assert.ok(stream.isClosed);
});

test('a transaction that fails unexpectedly changes nothing and is answered, and so is the next', async () => {
  const { served, stream, ask } = database();
  const write = served.db.sink!;
  served.db.sink = { write: mistake };
  const insert = '{"method":"transact","params":["db",{"op":"insert","table":"T","row":{}}],"id":1}';
  const errors = errorsLogged(() => stream.events.data(Buffer.from(insert)));
  assert.match(errors.join(), /transaction\|ERR\|failed to carry out a transaction: TypeError: a mistake/);
  served.db.sink = write;
  const select = '{"method":"transact","params":["db",{"op":"select","table":"T","where":[]}],"id":2}';
  assert.equal(
    await ask(select),
    '{"error":null,"id":1,"result":[{"uuid":["uuid","UUID"]},{"details":"a mistake","error":"internal error"}]}' +
      '{"error":null,"id":2,"result":[{"rows":[]}]}',
  );
});

test('an update that cannot be composed costs that client its connection and no other', async () => {
  const { host, server, served, stream, ask } = database();
  const other = new Line();
  new Session(server, other, SETTINGS);
  for (const line of [stream, other])
    line.events.data(Buffer.from('{"method":"monitor","params":["db",null,{"T":{}}],"id":3}'));
  const [first] = server.sessions;
  const [entry] = first!.monitors.values();
  entry!.monitor.takeUpdate = mistake;
  // A third client changes the database.
  const writer = new Line();
  new Session(server, writer, SETTINGS);
  writer.events.data(
    Buffer.from('{"method":"transact","params":["db",{"op":"insert","table":"T","row":{}}],"id":1}'),
  );
  const errors = errorsLogged(() => host.run(10));
  assert.match(errors.join(), /failed to compose an update: TypeError: a mistake/);
  await ask('');
  assert.ok(stream.isClosed);
  assert.ok(!other.isClosed);
  assert.match(other.sent, /"method":"update"/);
  assert.equal(served.db.tables.get('T')!.rows.size, 1);
});

test('a transaction that is on the disk and cannot be completed is not contained', () => {
  const { host, served, stream } = database();
  served.db.listeners.add(mistake);
  stream.events.data(
    Buffer.from('{"method":"transact","params":["db",{"op":"insert","table":"T","row":{}}],"id":1}'),
  );
  assert.throws(() => host.run(10), { message: 'a mistake' });
});

const SETTINGS = { readOnly: false, maxBackoffMs: 0, probeIntervalMs: 0 };

/** A stream whose other end is the test. */
class Line implements Stream {
  readonly name = 'line';
  backlog = 0;
  events: Stream['events'] = { data() {}, close() {} };
  sent = '';
  isPaused = false;
  isClosed = false;
  send(bytes: Uint8Array): void {
    this.sent += new TextDecoder().decode(bytes);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  close(): void {
    this.isClosed = true;
  }
  end(): void {
    this.isClosed = true;
  }
}

function database() {
  const host = new SimHost(1);
  const server = new OvsdbServer(host);
  const served = simDatabase(host, {
    name: 'db',
    tables: { T: { isRoot: true, columns: { s: { type: 'string' } } } },
  });
  server.addDatabase(served);
  const stream = new Line();
  new Session(server, stream, SETTINGS);
  const ask = async (text: string): Promise<string> => {
    stream.events.data(Buffer.from(text));
    await new Promise((done) => setImmediate(done));
    return stream.sent.replace(/[0-9a-f]{8}-[-0-9a-f]{27}/g, 'UUID');
  };
  return { host, server, served, stream, ask };
}
