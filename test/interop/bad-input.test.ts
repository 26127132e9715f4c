/**
 * Running daemons of ours get what no client should send: each answers or ends that connection, as the C daemons do,
 * and goes on serving the others.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemons } from '../support/daemons.ts';
import { RawPeer, residentMegabytes } from '../support/raw-peer.ts';

let d: Daemons;
let mgmt: string;
let control: string;

before(async () => {
  d = await Daemons.start('ours', 'switch', '--enable-dummy');
  const bridge = ['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=dummy', 'fail-mode=secure'];
  d.tool('ovs-vsctl', ...bridge);
  mgmt = `${d.dir}/br0.mgmt`;
  control = `${d.dir}/ovs-vswitchd.${d.pid('ovs-vswitchd')}.ctl`;
});

after(async () => {
  const logs = [d.log('ovsdb-server'), d.log('ovs-vswitchd')].join('\n');
  const alive = d.isRunning('ovsdb-server') && d.isRunning('ovs-vswitchd');
  await d.stop();
  assert.ok(alive, `a daemon died: ${logs.slice(-2000)}`);
  assert.doesNotMatch(logs, /^.*\|EMER\|.*$|failed to (handle|take|carry|process|compose)/m);
});

// --- OpenFlow -------------------------------------------------------------------------------------------------

const HELLO_13 = '0400000800000001';
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function frame(version: number, type: number, xid: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(version, 0);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(8 + body.length, 2);
  header.writeUInt32BE(xid, 4);
  return Buffer.concat([header, body]);
}

/** A connection with OpenFlow 1.3 agreed. */
async function openflow(): Promise<RawPeer> {
  const peer = (await RawPeer.connect(mgmt)).send(hex(HELLO_13));
  await peer.until('a hello', () => peer.length >= 8);
  return peer;
}

/** What came after the hello, in hexadecimal. */
const answer = async (peer: RawPeer, bytes: number): Promise<string> => {
  await peer.until(`${bytes} bytes`, () => peer.length >= 8 + bytes || peer.isClosed);
  return peer.got.subarray(8).toString('hex');
};

test('an OpenFlow connection that begins with garbage is closed', async () => {
  for (const garbage of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100), '\xff'.repeat(70_000)]) {
    const peer = (await RawPeer.connect(mgmt)).send(Buffer.from(garbage, 'latin1'));
    // The first bytes may ask for a longer message than came.
    peer.socket.end();
    await peer.closed();
  }
});

test('an OpenFlow connection that says nothing is closed after a second', async () => {
  const peer = await RawPeer.connect(mgmt);
  const start = performance.now();
  await peer.closed();
  assert.ok(performance.now() - start > 500);
});

test('a header with a length below 8 ends the connection', async () => {
  for (const length of [0, 7]) {
    const peer = (await openflow()).send(hex(`0414000${length}00000002`));
    await peer.closed();
    assert.equal(peer.length, 8);
  }
});

test('a message of another version is answered with an error, and the next is served', async () => {
  const peer = (await openflow()).send(hex('0114000800000002 0414000800000003'));
  assert.equal(
    await answer(peer, 28),
    // C the same: OFPBRC_BAD_VERSION in the version of the message, then the barrier's reply.
    '0101001400000002000100000114000800000002' + '0415000800000003',
  );
  peer.close();
});

test('the newest version that both know is taken, also with a peer from the future', async () => {
  const peer = (await RawPeer.connect(mgmt)).send(hex('0900000800000001 0614000800000002'));
  assert.equal(await answer(peer, 8), '0615000800000002');
  peer.close();
});

test('a message that ends early with its connection does nothing', async () => {
  const peer = (await openflow()).send(hex('0402ffff00000002aabb'));
  peer.socket.end();
  await peer.closed();
  assert.equal(peer.length, 8);
});

test('the longest message is echoed, and an error to it quotes as much as fits', async () => {
  const body = Buffer.alloc(65_527, 0x5a);
  const peer = (await openflow()).send(frame(4, 2, 7, body));
  await peer.until('the echo', () => peer.length === 8 + 65_535);
  assert.deepEqual(peer.got.subarray(8), frame(4, 3, 7, body));
  peer.send(frame(4, 99, 8, body)).send(frame(4, 20, 9));
  await peer.until('the error and the barrier', () => peer.length > 65_543 + 8 + 8);
  await peer.until('the barrier', () => peer.got.subarray(-8).equals(frame(4, 21, 9)));
  const error = peer.got.subarray(65_543, -8);
  assert.equal(error.subarray(0, 12).toString('hex'), `0401${error.length.toString(16)}0000000800010001`);
  assert.deepEqual(error.subarray(12, 1000), frame(4, 99, 8, body).subarray(0, 988));
  peer.close();
});

test('every type of message, empty and cut short, is answered before the next', async () => {
  const peer = await openflow();
  let expected = 0;
  for (let type = 1; type < 64; type++) {
    for (const n of [0, 1, 8, 17]) {
      // Errors and echo replies are for the peer to send.
      if (type === 1 || type === 3) continue;
      peer.send(frame(4, type, 5, Buffer.alloc(n, type)));
      expected++;
    }
  }
  peer.send(frame(4, 20, 77));
  await peer.until('the last barrier', () => peer.got.subarray(-8).equals(frame(4, 21, 77)) || peer.isClosed);
  assert.ok(!peer.isClosed);
  const got = peer.got;
  let answers = 0;
  for (let at = 8; at < got.length; at += got.readUInt16BE(at + 2)) answers++;
  assert.ok(answers > expected / 2, `${answers} answers`);
  peer.close();
});

test('a client that does not read its replies costs no memory and delays nobody', async () => {
  const pid = d.pid('ovs-vswitchd')!;
  const before = residentMegabytes(pid);
  const echo = Buffer.concat(Array.from({ length: 1000 }, () => frame(4, 2, 1, Buffer.alloc(1016))));
  const peers = await Promise.all([openflow(), openflow(), openflow()]);
  for (const peer of peers) {
    peer.socket.pause();
    for (let i = 0; i < 20; i++) peer.send(echo);
  }
  await new Promise((done) => setTimeout(done, 300));
  const start = performance.now();
  const other = (await openflow()).send(frame(4, 20, 3));
  assert.equal(await answer(other, 8), '0415000800000003');
  assert.ok(performance.now() - start < 1000);
  assert.ok(residentMegabytes(pid) - before < 60, 'memory grew');
  for (const peer of [...peers, other]) peer.close();
});

test('thousands of requests at once are all answered, in order', async () => {
  const peer = await openflow();
  peer.send(Buffer.concat(Array.from({ length: 5000 }, (_, i) => frame(4, 20, i + 1))));
  await peer.until('all replies', () => peer.length === 8 + 5000 * 8);
  const got = peer.got;
  for (let i = 0; i < 5000; i++) assert.equal(got.readUInt32BE(8 + i * 8 + 4), i + 1);
  peer.close();
});

test('a flood of connections leaves room for one more', async () => {
  const peers: RawPeer[] = [];
  for (let i = 0; i < 300; i++) peers.push(await RawPeer.connect(mgmt));
  const client = (await openflow()).send(frame(4, 20, 3));
  assert.equal(await answer(client, 8), '0415000800000003');
  for (const peer of [...peers, client]) peer.close();
});

// --- JSON-RPC -------------------------------------------------------------------------------------------------

/** Sends a text to a socket. @returns what came back until it was closed, or a whole reply */
async function exchange(socket: string, text: string | Uint8Array): Promise<string> {
  const peer = (await RawPeer.connect(socket)).send(text);
  await peer.until('an answer', () => peer.isClosed || peer.got.includes('}'));
  const got = peer.got.toString();
  const closed = peer.isClosed;
  peer.close();
  return closed ? `${got}CLOSED` : got;
}

const BAD_JSON: readonly (string | Uint8Array)[] = [
  'hello\n',
  '['.repeat(100_000),
  '{"a":'.repeat(2000),
  '[]',
  '{"method":"list_dbs","id":0}',
  '{"method":1,"params":[],"id":0}',
  '{"id":1,"result":[],"error":null}',
  '{"method":"a\\u0000","params":[],"id":1}',
  '{"method":"list_dbs","params":[],"id":1,"more":2}',
  Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d),
  '\x01',
];

test('what is no JSON-RPC ends the connection, to the database and to the control socket', async () => {
  for (const socket of [d.socket, control])
    for (const bad of BAD_JSON) assert.equal(await exchange(socket, bad), 'CLOSED', String(bad).slice(0, 60));
});

test('requests that make no sense are answered in the words of the C daemons', async () => {
  const error = (text: string): string => `{"error":${text},"id":0,"result":null}`;
  const syntax = (params: string, details: string): string =>
    error(`{"details":"${details}","error":"syntax error","syntax":"${params.replaceAll('"', '\\"')}"}`);
  const cases: readonly (readonly [method: string, params: string, reply: string])[] = [
    ['nix', '[]', error('"unknown method"')],
    ['transact', '[1]', syntax('[1]', 'transact request params must begin with <db-name>')],
    ['monitor', '["Open_vSwitch",null,[]]', syntax('[]', 'monitor-requests must be object')],
    ['monitor_cond', '["Open_vSwitch"]', syntax('["Open_vSwitch"]', 'invalid parameters')],
  ];
  for (const [method, params, reply] of cases)
    assert.equal(await exchange(d.socket, `{"method":"${method}","params":${params},"id":0}`), reply);
  assert.equal(
    await exchange(control, '{"method":"nix","params":[],"id":0}'),
    error('"\\"nix\\" is not a valid command (use \\"list-commands\\" to see a list of valid commands)"'),
  );
});

test('a client of JSON-RPC that does not read costs no memory and delays nobody', async () => {
  const pid = d.pid('ovsdb-server')!;
  const before = residentMegabytes(pid);
  const echo = `{"method":"echo","params":["${'x'.repeat(1000)}"],"id":1}`.repeat(1000);
  const schema = '{"method":"get_schema","params":["Open_vSwitch"],"id":1}'.repeat(300);
  const peers = await Promise.all(Array.from({ length: 6 }, () => RawPeer.connect(d.socket)));
  for (const [i, peer] of peers.entries()) {
    peer.socket.pause();
    for (let k = 0; k < 20; k++) peer.send(i % 2 ? schema : echo);
  }
  await new Promise((done) => setTimeout(done, 300));
  const start = performance.now();
  assert.match(await exchange(d.socket, '{"method":"list_dbs","params":[],"id":0}'), /"Open_vSwitch"/);
  assert.ok(performance.now() - start < 1000);
  assert.ok(residentMegabytes(pid) - before < 80, 'memory grew');
  for (const peer of peers) peer.close();
});

test('a client that monitors all and never reads is told the sum of the changes, not each', async () => {
  const pid = d.pid('ovsdb-server')!;
  const peer = await RawPeer.connect(d.socket);
  peer.send('{"method":"monitor","params":["Open_vSwitch",0,{"Bridge":{}}],"id":0}');
  await peer.until('the reply', () => peer.got.includes('}'));
  peer.socket.pause();
  const before = residentMegabytes(pid);
  const writer = await RawPeer.connect(d.socket);
  const set = (i: number): string =>
    `{"method":"transact","params":["Open_vSwitch",{"op":"update","table":"Bridge","where":[],"row":{"external_ids":["map",[["k","${i}${'x'.repeat(20_000)}"]]]}}],"id":${i}}`;
  for (let i = 0; i < 2000; i++) {
    writer.send(set(i));
    if (i % 50 === 49) await writer.until('replies', () => writer.got.includes(`"id":${i},`));
  }
  assert.ok(residentMegabytes(pid) - before < 120, 'memory grew');
  peer.socket.resume();
  await peer.until('the last change', () => peer.got.includes(`"1999${'x'.repeat(10)}`));
  assert.ok(peer.length < 20_000_000, `${peer.length} bytes`);
  peer.close();
  writer.close();
});

test('a number or string of any length takes no longer than it takes to come', async () => {
  const numbers = [`1${'0'.repeat(500_000)}1`, `0.${'0'.repeat(500_000)}1`, '9'.repeat(500_000)];
  for (const text of [...numbers, `"${'x'.repeat(2_000_000)}"`]) {
    const start = performance.now();
    const reply = await exchange(d.socket, `{"method":"transact","params":[${text}],"id":0}`);
    assert.match(reply, /CLOSED|"error"/);
    assert.ok(performance.now() - start < 2000, `${text.slice(0, 9)}... took too long`);
  }
});

test('a control command longer than any command line ends its connection', async () => {
  const peer = (await RawPeer.connect(control)).send('{"method":"');
  for (let i = 0; i < 17 && !peer.isClosed; i++) peer.send(Buffer.alloc(1 << 20, 0x61));
  await peer.closed();
});

test('one client may hold only so many locks, and the next client as many again', async () => {
  const peer = await RawPeer.connect(d.socket);
  for (let i = 0; i < 1001; i++) peer.send(`{"method":"lock","params":["l${i}"],"id":${i}}`);
  await peer.until('the last reply', () => peer.got.includes('"id":1000,'));
  assert.match(peer.got.toString(), /"details":"too many locks","error":"resources exhausted"\},"id":1000,/);
  peer.close();
});

// --- memory ---------------------------------------------------------------------------------------------------

test('flows that come and go leave no memory behind', { timeout: 60_000 }, async () => {
  const pid = d.pid('ovs-vswitchd')!;
  const peer = await openflow();
  const flowMod = (command: number, n: number): Buffer => {
    const body = Buffer.alloc(56);
    body.writeUInt8(command, 17);
    body.writeUInt16BE(1000, 22);
    body.writeUInt32BE(0xffffffff, 24);
    body.writeUInt32BE(0xffffffff, 28);
    body.writeUInt32BE(0xffffffff, 32);
    // A match on the metadata.
    hex('0001001080000408 0000000000000000').copy(body, 40);
    body.writeUInt32BE(n, 52);
    return frame(4, 14, n, body);
  };
  let barriers = 0;
  const cycle = async (): Promise<void> => {
    for (const command of [0, 4]) {
      peer.send(Buffer.concat(Array.from({ length: 5000 }, (_, n) => flowMod(command, n))));
      peer.send(frame(4, 20, ++barriers));
      await peer.until('the barrier', () => peer.got.subarray(-8).equals(frame(4, 21, barriers)));
    }
  };
  for (let i = 0; i < 2; i++) await cycle();
  const before = residentMegabytes(pid);
  for (let i = 0; i < 5; i++) await cycle();
  assert.equal(peer.length, 8 + 8 * barriers, 'only barriers are answered');
  assert.ok(residentMegabytes(pid) - before < 60, `grew from ${before} MB`);
  assert.doesNotMatch(d.tool('ovs-ofctl', 'dump-flows', `unix:${mgmt}`), /metadata/);
  peer.close();
});

test('transactions leave no memory behind', { timeout: 60_000 }, async () => {
  const pid = d.pid('ovsdb-server')!;
  const peer = await RawPeer.connect(d.socket);
  const text = (i: number): string =>
    `{"method":"transact","params":["Open_vSwitch",{"op":"update","table":"Bridge","where":[],"row":{"external_ids":["map",[["n","${i}"]]]}}],"id":${i}}`;
  let done = 0;
  const run = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i += 100) {
      let batch = '';
      for (let k = 0; k < 100; k++) batch += text(++done);
      peer.send(batch);
      await peer.until('replies', () => peer.got.subarray(-200).includes(`"id":${done},`));
    }
  };
  await run(2000);
  const before = residentMegabytes(pid);
  await run(20_000);
  assert.ok(residentMegabytes(pid) - before < 60, `grew from ${before} MB`);
  peer.close();
});
