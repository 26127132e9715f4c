import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as library from './index.ts';

const { OFP10, OFP13, OFPP, OfpError, ParseError } = library;

test('messages come back from their bytes', () => {
  const flow = library.createFlowMod({ match: library.parseMatch('in_port=3'), actions: [] });
  const decoded = library.decodeMessage(library.encodeMessage({ ...flow, version: OFP13, xid: 1 }));
  assert.deepEqual({ ...decoded, match: 0 }, { ...flow, version: OFP13, xid: 1, match: 0 });
});

test('a message that is longer or shorter than its header says is refused', () => {
  const whole = library.encodeMessage({ kind: 'barrier_request', version: OFP13, xid: 1 });
  for (const bytes of [new Uint8Array(0), whole.subarray(0, 7), Uint8Array.of(...whole, 0)]) {
    assert.throws(
      () => library.decodeMessage(bytes),
      (e) => e instanceof OfpError && e.code === 'OFPBRC_BAD_LEN',
    );
  }
});

test('a reply that is too long for one message comes as several, which the splitter finds', () => {
  const port = { portNo: 1, hwAddr: 5n, name: 'eth0', config: 0, state: 0, curr: 0, advertised: 0 };
  const ports = Array.from({ length: 2000 }, (_, i) => ({
    ...port,
    portNo: i,
    supported: 0,
    peer: 0,
    currSpeed: 0,
    maxSpeed: 0,
  }));
  const bytes = library.encodeMessage({ kind: 'port_desc_stats_reply', ports, version: OFP13, xid: 1 });
  const messages = new library.MessageSplitter().push(bytes).map((b) => library.decodeMessage(b));
  assert.deepEqual(
    messages.map((m) => m.more ?? false),
    [true, false],
  );
  const found = messages.flatMap((m) => (m.kind === 'port_desc_stats_reply' ? m.ports : []));
  assert.deepEqual(found, ports);
});

test('the splitter refuses a stream that is none of OpenFlow', () => {
  const splitter = new library.MessageSplitter();
  assert.deepEqual(splitter.push(Uint8Array.of(4, 0, 0)), []);
  assert.ok(splitter.isMidMessage);
  assert.throws(() => splitter.push(Uint8Array.of(7, 0, 0, 0, 0)), OfpError);
});

test('flow_mods of OpenFlow 1.0 carry a table only where both sides say so', () => {
  const flow = { ...library.parseFlow('table=3,actions=drop'), version: OFP10, xid: 1 };
  const table = (bytes: Uint8Array, flowModTableId: boolean): unknown => {
    const m = library.decodeMessage(bytes, { flowModTableId });
    return m.kind === 'flow_mod' && m.tableId;
  };
  assert.equal(table(library.encodeMessage(flow, { flowModTableId: true }), true), 3);
  assert.equal(table(library.encodeMessage(flow), false), 255);
});

test('a parser that is told the version refuses what it cannot express, and knows what needs NXM', () => {
  assert.throws(() => library.parseFlow('actions=meter:1', { version: OFP10 }), ParseError);
  assert.throws(() => library.parseMatch('reg0=1', { version: 2 }), ParseError);
  assert.equal(library.parseFlow('reg0=1,actions=drop', { version: OFP10 }).nxm, true);
  assert.equal(library.parseFlow('tcp,actions=drop', { version: OFP10 }).nxm, undefined);
});

test('the text of a flow makes the flow', () => {
  for (const [text, command] of [
    ['actions=drop', 'add'],
    [
      'cookie=0x5, table=0, idle_timeout=7, send_flow_rem importance=3, priority=1,in_port=2 actions=NORMAL',
      'add',
    ],
    ['cookie=0x5/0xf, cookie=0x9, tcp,tp_dst=80 actions=output:1,goto_table:3', 'modify'],
    ['table=2, out_port=LOCAL, out_group=5, ip', 'delete'],
    ['priority=7,in_port=1', 'delete_strict'],
  ] as const) {
    const flow = library.parseFlow(text, { command });
    assert.equal(library.formatFlow(flow), text);
    assert.deepEqual(library.parseFlow(library.formatFlow(flow), { command }), flow);
  }
});

test('a match is made of fields and taken apart into them', () => {
  const values = {
    in_port_oxm: 7,
    eth_type: 0x86dd,
    ipv6_src: '2001:db8::/32',
    metadata: { value: 0x12n, mask: 0xffn },
    tun_metadata3: 5,
    reg1: 9n,
  } as const;
  const match = library.createMatch(values);
  const found = library.matchFields(match);
  assert.deepEqual(
    found.map((f) => f.field),
    ['in_port_oxm', 'eth_type', 'ipv6_src', 'tun_metadata3', 'metadata', 'reg1'],
  );
  const again = library.createMatch(
    Object.fromEntries(found.map(({ field, value, mask }) => [field, { value, mask }])),
  );
  assert.equal(library.formatMatch(again), library.formatMatch(match));
});

test('a value or mask that a field cannot have is refused', () => {
  for (const values of [
    { in_port: -1 },
    { eth_type: 0x10000 },
    { eth_type: { value: 1n, mask: 1n } },
    { ip_dst: 'nowhere' },
    { nw_tos: 3 },
    { no_such_field: 1 } as object,
  ]) {
    assert.throws(
      () => library.createMatch(values),
      ParseError,
      JSON.stringify(values, (_, v) => `${v}`),
    );
  }
});

test('names that are not unique are neither printed nor read', () => {
  const portNames = library.createNames([
    [1, 'a'],
    [2, 'b'],
    [3, 'b'],
  ]);
  assert.equal(
    library.formatActions(library.parseActions('a,output:2', { portNames }), { portNames }),
    'output:a,output:2',
  );
  assert.throws(() => library.parseActions('b', { portNames }), ParseError);
  assert.deepEqual(library.parseActions('output:a', { portNames }), [{ kind: 'output', port: 1, maxLen: 0 }]);
});

test('instructions are for flows only', () => {
  assert.throws(() => library.parseActions('goto_table:1'), ParseError);
  assert.deepEqual(library.parseActions('goto_table:1', { instructions: true }), [
    { kind: 'goto_table', table: 1 },
  ]);
});

test('colours are those of ovs-ofctl', () => {
  assert.equal(
    library.formatMatch(library.parseMatch('in_port=1'), { color: true }),
    '\x1b[36m\x1b[Kin_port=\x1b[m\x1b[K1',
  );
});

test('packets to send come from the controller unless said', () => {
  const message = { ...library.createPacketOut({ packet: new Uint8Array(14) }), version: OFP13, xid: 1 };
  const back = library.decodeMessage(library.encodeMessage(message));
  assert.ok(back.kind === 'packet_out');
  const inPort = library.matchFields(back.metadata).find((f) => f.field === 'in_port_oxm');
  assert.equal(inPort?.value, BigInt(OFPP.CONTROLLER));
});
