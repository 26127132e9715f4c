import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, type FakeConn, fakeNetdev, flow } from '../../test/support/fake-ofconn.ts';
import { catchAllMatch } from '../flow/layout.ts';
import { formatMatch } from '../flow/match/format.ts';
import { OFPP } from '../flow/ports.ts';
import { formatActions } from '../openflow/actions/format.ts';
import { OFPBCT, OFPBF } from '../openflow/messages/bundle.ts';
import { OFPFMF } from '../openflow/messages/flow-monitor.ts';
import { FF, type FlowStats, OFPRR, PC } from '../openflow/messages/message.ts';

const OFPG_ANY = 0xffff_ffff;
const ALL = {
  kind: 'flow_stats_request',
  match: catchAllMatch(),
  cookie: 0n,
  cookieMask: 0n,
  outPort: OFPP.NONE,
  outGroup: OFPG_ANY,
  tableId: 255,
} as const;

function dump(conn: FakeConn): string[] {
  conn.replies.length = 0;
  conn.request(ALL);
  return conn.replies
    .flatMap((r) => (r.body.kind === 'flow_stats_reply' ? r.body.flows : []))
    .map(describe)
    .sort();
}

const describe = (f: FlowStats): string =>
  `table=${f.tableId}${f.cookie ? ` cookie=${f.cookie}` : ''} ${formatMatch(f.match, f.priority)} actions=${formatActions(f.actions)}`.replace(
    / {2,}/,
    ' ',
  );

test('an echo is answered in the version of its request', () => {
  const conn = new Bench().connect(4);
  for (const version of [1, 4, 6]) conn.request({ kind: 'echo_request', data: Uint8Array.of(7) }, version);
  assert.deepEqual(
    conn.replies.map((r) => [r.body.kind, r.version]),
    [1, 4, 6].map((version) => ['echo_reply', version]),
  );
});

test('flows are added, replaced, modified and deleted as the commands say', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  assert.equal(conn.flowMod('add', 'in_port=1 actions=output:2'), undefined);
  assert.equal(conn.flowMod('add', 'priority=5,in_port=2 actions=output:3'), undefined);
  assert.equal(conn.flowMod('add', 'in_port=1 actions=output:4', { newCookie: 9n }), undefined);
  assert.deepEqual(dump(conn), [
    'table=0 cookie=9 in_port=1 actions=output:4',
    'table=0 priority=5,in_port=2 actions=output:3',
  ]);
  assert.equal(conn.flowMod('modify', 'actions=output:7'), undefined);
  assert.deepEqual(dump(conn), [
    'table=0 cookie=9 in_port=1 actions=output:7',
    'table=0 priority=5,in_port=2 actions=output:7',
  ]);
  assert.equal(conn.flowMod('modify_strict', 'priority=5,in_port=2 actions=output:8'), undefined);
  // A modification of what is not there adds nothing since OpenFlow 1.1 cookies came to mean "do not add".
  assert.equal(conn.flowMod('modify_strict', 'priority=6,in_port=2 actions=output:8'), undefined);
  assert.equal(conn.flowMod('delete_strict', 'in_port=2'), undefined);
  assert.deepEqual(dump(conn), [
    'table=0 cookie=9 in_port=1 actions=output:7',
    'table=0 priority=5,in_port=2 actions=output:8',
  ]);
  assert.equal(conn.flowMod('delete', '', { tableId: 255, outPort: 8 }), undefined);
  assert.deepEqual(dump(conn), ['table=0 cookie=9 in_port=1 actions=output:7']);
  assert.equal(conn.flowMod('delete', '', { cookie: 9n, cookieMask: 0xffff_ffff_ffff_ffffn }), undefined);
  assert.deepEqual(dump(conn), []);
  assert.deepEqual(conn.flowMods.length, 9);
});

test('a flow that overlaps is refused if the message asks for the check', () => {
  const conn = new Bench().connect(4);
  conn.flowMod('add', 'in_port=1 actions=drop');
  const check = { flags: FF.CHECK_OVERLAP };
  assert.equal(conn.flowMod('add', 'dl_vlan=5 actions=drop', check), 'OFPFMFC_OVERLAP');
  assert.equal(conn.flowMod('add', 'in_port=2 actions=drop', check), undefined);
  assert.equal(conn.flowMod('add', 'priority=1,dl_vlan=5 actions=drop', check), undefined);
});

test('counts survive a modification, unless the message resets them', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  conn.flowMod('add', 'in_port=1 actions=output:2');
  const rule = [...bench.ofproto.flows.tables[0]!.classifier.rules()][0]!;
  rule.credit(10, 1000, bench.ofproto.now());
  conn.flowMod('modify', 'actions=output:3');
  // A late report of the old rule's packets goes to the new one.
  rule.credit(1, 100, bench.ofproto.now());
  const counts = (): bigint[] => {
    const reply = conn.ask({ ...ALL, kind: 'aggregate_stats_request' }, 'aggregate_stats_reply');
    return [reply.packetCount, reply.byteCount];
  };
  assert.deepEqual(counts(), [11n, 1100n]);
  conn.flowMod('add', 'in_port=1 actions=output:4', { flags: FF.RESET_COUNTS });
  assert.deepEqual(counts(), [0n, 0n]);
});

test('flows expire, and their end is told to those who asked', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  const flags = FF.SEND_FLOW_REM;
  conn.flowMod('add', 'in_port=1 actions=drop', { flags, hardTimeout: 10 });
  conn.flowMod('add', 'in_port=2 actions=drop', { flags, idleTimeout: 10 });
  conn.flowMod('add', 'in_port=3 actions=drop', { idleTimeout: 5 });
  conn.flowMod('add', 'in_port=4 actions=drop', { flags });
  bench.run(6000);
  bench.ofproto.expireFlows();
  assert.equal(dump(conn).length, 3);
  assert.equal(bench.flowRemoved.length, 0);
  const used = [...bench.ofproto.flows.expirable].find((r) => r.idleTimeout > 0)!;
  used.credit(3, 300, bench.ofproto.now());
  bench.run(4500);
  bench.ofproto.expireFlows();
  assert.deepEqual(
    bench.flowRemoved.map((m) => [m.reason, m.durationSec, m.packetCount]),
    [[OFPRR.HARD_TIMEOUT, 10, 0n]],
  );
  bench.run(6000);
  bench.ofproto.expireFlows();
  conn.flowMod('delete', 'in_port=4');
  assert.deepEqual(
    bench.flowRemoved.slice(1).map((m) => [m.reason, m.packetCount]),
    [
      [OFPRR.IDLE_TIMEOUT, 3n],
      [OFPRR.DELETE, 0n],
    ],
  );
  // A flow that another replaces is not removed.
  conn.flowMod('add', 'in_port=5 actions=drop', { flags });
  conn.flowMod('add', 'in_port=5 actions=output:1', { flags });
  assert.equal(bench.flowRemoved.length, 3);
});

test('a full table refuses flows, or evicts the least important that can expire', () => {
  const bench = new Bench();
  const conn = bench.connect(5);
  const table = bench.ofproto.flows.tables[0]!;
  bench.ofproto.setMaxFlows(table, 3);
  conn.flowMod('add', 'in_port=1 actions=drop', { importance: 5, idleTimeout: 100 });
  conn.flowMod('add', 'in_port=2 actions=drop', { importance: 2, idleTimeout: 100 });
  conn.flowMod('add', 'in_port=3 actions=drop');
  assert.equal(conn.flowMod('add', 'in_port=4 actions=drop'), 'OFPFMFC_TABLE_FULL');
  // Replacing is not adding.
  assert.equal(conn.flowMod('add', 'in_port=3 actions=output:1'), undefined);
  conn.request({
    kind: 'table_mod',
    tableId: 0,
    eviction: true,
    evictionFlags: undefined,
    vacancy: undefined,
    vacancyDown: 0,
    vacancyUp: 0,
    vacancyNow: 0,
    miss: 'default',
  });
  assert.equal(conn.flowMod('add', 'in_port=4 actions=drop'), undefined);
  assert.equal(conn.flowMod('add', 'in_port=5 actions=drop'), undefined);
  assert.equal(conn.flowMod('add', 'in_port=6 actions=drop'), 'OFPFMFC_TABLE_FULL');
  assert.deepEqual(
    dump(conn).map((f) => /in_port=\d/.exec(f)![0]),
    ['in_port=3', 'in_port=4', 'in_port=5'],
  );
});

test('hidden flows are not seen, changed or deleted by controllers', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  bench.ofproto.addFlow(catchAllMatch(), 0xf0f0f0, [{ kind: 'output', port: OFPP.NORMAL, maxLen: 0 }]);
  assert.deepEqual(dump(conn), []);
  conn.flowMod('delete', '', { tableId: 255 });
  assert.equal(bench.ofproto.flows.tables[0]!.flowCount, 1);
  const stats = conn.ask({ kind: 'table_stats_request' }, 'table_stats_reply');
  assert.equal(stats.tables.length, 254);
  assert.equal(stats.tables[0]!.activeCount, 0);
  bench.ofproto.deleteFlow(catchAllMatch(), 0xf0f0f0);
  assert.equal(bench.ofproto.flows.tables[0]!.flowCount, 0);
});

test('the internal table cannot be written', () => {
  const conn = new Bench().connect(4);
  assert.equal(conn.flowMod('add', 'actions=drop', { tableId: 254 }), 'OFPBRC_EPERM');
});

test('a long dump comes in parts, and in slices', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  for (let i = 0; i < 450; i++) bench.ofproto.flowMod(flow('add', `metadata=${i} actions=drop`));
  assert.ok(conn.request(ALL) > 1);
  assert.deepEqual(
    conn.replies.map((r) => r.more),
    [true, true, false],
  );
  assert.equal(dump(conn).length, 450);
});

test('a deletion of very many flows is visible at once and cleaned up later', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  for (let i = 0; i < 5000; i++) bench.ofproto.flowMod(flow('add', `metadata=${i} actions=drop`));
  conn.flowMod('delete', '', { tableId: 255 });
  const { flows } = bench.ofproto;
  assert.ok(flows.hasGarbage);
  assert.deepEqual(dump(conn), []);
  assert.equal(conn.flowMod('add', 'metadata=3 actions=output:1'), undefined);
  bench.run(10);
  assert.ok(!flows.hasGarbage);
  assert.equal(flows.tables[0]!.classifier.size, 1);
  assert.deepEqual(dump(conn), ['table=0 metadata=0x3 actions=output:1']);
});

test('groups hold buckets; flows of a deleted group go with it', () => {
  const bench = new Bench();
  const conn = bench.connect(6);
  const bucket = (bucketId: number, port: number) => ({
    weight: 1,
    watchPort: OFPP.NONE,
    watchGroup: OFPG_ANY,
    bucketId,
    actions: [{ kind: 'output', port, maxLen: 0 }] as const,
  });
  const mod = {
    kind: 'group_mod',
    type: 'select',
    groupId: 5,
    commandBucketId: 0xffff_ffff,
    props: { selectionMethod: '', selectionMethodParam: 0n, fields: [] },
  } as const;
  assert.equal(conn.flowMod('add', 'actions=group:5'), 'OFPBAC_BAD_OUT_GROUP');
  assert.equal(conn.errorOf({ ...mod, command: 'add', buckets: [bucket(1, 1), bucket(2, 2)] }), undefined);
  assert.equal(conn.errorOf({ ...mod, command: 'add', buckets: [] }), 'OFPGMFC_GROUP_EXISTS');
  assert.equal(conn.flowMod('add', 'actions=group:5', { flags: FF.SEND_FLOW_REM }), undefined);
  const insert = { ...mod, command: 'insert_bucket', commandBucketId: 1 } as const;
  assert.equal(conn.errorOf({ ...insert, buckets: [bucket(3, 3)] }), undefined);
  assert.equal(conn.errorOf({ ...insert, buckets: [bucket(3, 3)] }), 'OFPGMFC_BUCKET_EXISTS');
  const ids = (): number[] =>
    conn
      .ask({ kind: 'group_desc_stats_request', groupId: 5 }, 'group_desc_stats_reply')
      .groups[0]!.buckets.map((b) => b.bucketId);
  assert.deepEqual(ids(), [1, 3, 2]);
  const remove = { ...mod, command: 'remove_bucket', buckets: [] } as const;
  assert.equal(conn.errorOf({ ...remove, commandBucketId: 1 }), undefined);
  assert.equal(conn.errorOf({ ...remove, commandBucketId: 1 }), 'OFPGMFC_UNKNOWN_BUCKET');
  assert.deepEqual(ids(), [3, 2]);
  bench.ofproto.groups.get(5)!.credit(undefined, 2, 20);
  const [stats] = conn.ask({ kind: 'group_stats_request', groupId: 0xffff_fffc }, 'group_stats_reply').groups;
  assert.deepEqual([stats!.refCount, stats!.packetCount, stats!.buckets[1]!.byteCount], [1, 2n, 20n]);
  assert.equal(conn.errorOf({ ...mod, command: 'delete', buckets: [] }), undefined);
  assert.deepEqual(dump(conn), []);
  assert.equal(bench.flowRemoved[0]!.reason, OFPRR.GROUP_DELETE);
});

test('a bundle takes effect as a whole or not at all', () => {
  const bench = new Bench();
  const conn = bench.connect(5);
  const control = (type: number) =>
    ({ kind: 'bundle_control', bundleId: 1, type, flags: OFPBF.ATOMIC }) as const;
  conn.flowMod('add', 'in_port=9 actions=drop');
  const add = (xid: number, text: string, more?: Parameters<typeof flow>[2]): void => {
    const inner = bench.connect(5);
    const message = { kind: 'flow_mod', ...flow('add', text, more) } as const;
    conn.addToBundle(1, OFPBF.ATOMIC, xid, inner, message);
  };
  conn.request(control(OFPBCT.OPEN_REQUEST));
  add(101, 'in_port=1 actions=drop');
  add(102, 'in_port=9 actions=output:1');
  conn.request(control(OFPBCT.COMMIT_REQUEST));
  assert.equal(conn.errors.length, 0);
  assert.deepEqual(dump(conn), ['table=0 in_port=1 actions=drop', 'table=0 in_port=9 actions=output:1']);

  conn.request(control(OFPBCT.OPEN_REQUEST));
  add(103, 'in_port=1 actions=output:5');
  add(104, 'in_port=2 actions=drop');
  add(105, 'actions=group:7');
  conn.request(control(OFPBCT.COMMIT_REQUEST));
  assert.deepEqual(
    conn.errors.map((e) => e.error),
    ['OFPBAC_BAD_OUT_GROUP', 'OFPBFC_MSG_FAILED'],
  );
  assert.deepEqual(dump(conn), ['table=0 in_port=1 actions=drop', 'table=0 in_port=9 actions=output:1']);
  assert.equal(bench.ofproto.flows.tables[0]!.classifier.size, 2);
  conn.errors.length = 0;
  conn.request(control(OFPBCT.OPEN_REQUEST));
  bench.run(12_000);
  assert.deepEqual(
    conn.errors.map((e) => e.error),
    ['OFPBFC_TIMEOUT'],
  );
});

test('flow monitors hear of the changes of others, in brief of their own', () => {
  const bench = new Bench();
  const watcher = bench.connect(1);
  const other = bench.connect(1);
  watcher.flowMod('add', 'in_port=1 actions=output:2');
  watcher.request({
    kind: 'flow_monitor_stats_request',
    requests: [
      {
        id: 3,
        command: 'add',
        flags: OFPFMF.INITIAL | OFPFMF.ADD | OFPFMF.REMOVED | OFPFMF.MODIFY | OFPFMF.INSTRUCTIONS,
        outPort: OFPP.NONE,
        outGroup: OFPG_ANY,
        tableId: 255,
        match: catchAllMatch(),
      },
    ],
  });
  const events = (bodies: readonly { kind: string }[]): string[] =>
    bodies.flatMap((b) =>
      'updates' in b ? (b as { updates: { event: string; actions?: [] }[] }).updates.map((u) => u.event) : [],
    );
  assert.deepEqual(events(watcher.replies.map((r) => r.body)), ['initial']);
  other.flowMod('add', 'in_port=2 actions=drop');
  other.flowMod('modify', 'in_port=2 actions=output:1');
  other.flowMod('modify', 'in_port=2 actions=output:1');
  other.flowMod('delete', 'in_port=2');
  watcher.flowMod('add', 'in_port=3 actions=drop');
  assert.deepEqual(events(watcher.async), ['added', 'modified', 'removed', 'abbrev']);
  assert.equal(watcher.errorOf({ kind: 'flow_monitor_cancel', id: 4 }), 'OFPMOFC_UNKNOWN_MONITOR');
  assert.equal(watcher.errorOf({ kind: 'flow_monitor_cancel', id: 3 }), undefined);
  other.flowMod('delete', 'in_port=3');
  assert.equal(watcher.async.length, 4);
});

test('a connection that lags behind gets no flow updates until it has caught up', () => {
  const bench = new Bench();
  const watcher = bench.connect(5);
  watcher.request({
    kind: 'flow_monitor_stats_request',
    requests: [
      {
        id: 1,
        command: 'add',
        flags: OFPFMF.ADD | OFPFMF.REMOVED | OFPFMF.MODIFY,
        outPort: OFPP.NONE,
        outGroup: OFPG_ANY,
        tableId: 255,
        match: catchAllMatch(),
      },
    ],
  });
  const kinds = (): string[] => watcher.async.map((b) => b.kind);
  watcher.backlog = 1 << 20;
  bench.ofproto.flowMod(flow('add', 'in_port=1 actions=drop'));
  bench.ofproto.flowMod(flow('add', 'in_port=2 actions=drop'));
  bench.run(1000);
  assert.deepEqual(kinds(), ['flow_monitor_stats_reply', 'flow_monitor_paused']);
  watcher.backlog = 0;
  bench.run(1000);
  assert.deepEqual(kinds().slice(2), ['flow_monitor_stats_reply', 'flow_monitor_resumed']);
  const [, , missed] = watcher.async;
  assert.deepEqual(missed!.kind === 'flow_monitor_stats_reply' && missed!.updates.map((u) => u.event), [
    'added',
  ]);
});

test('ports get the numbers that they ask for, or the next that was not used', () => {
  const bench = new Bench();
  const { ofproto } = bench;
  assert.equal(ofproto.portAdd(fakeNetdev('br0', 0x11)).ofpPort, OFPP.LOCAL);
  assert.equal(ofproto.portAdd(fakeNetdev('p1', 0x12)).ofpPort, 1);
  assert.equal(ofproto.portAdd(fakeNetdev('p7', 0x13), 7).ofpPort, 7);
  assert.equal(ofproto.portAdd(fakeNetdev('other', 0x14), 7).ofpPort, 2);
  ofproto.portDel(2);
  assert.equal(ofproto.portAdd(fakeNetdev('again', 0x15)).ofpPort, 3);
  assert.deepEqual(
    bench.portStatus.map((s) => [s.reason, s.port.name]),
    [
      [0, 'br0'],
      [0, 'p1'],
      [0, 'p7'],
      [0, 'other'],
      [1, 'other'],
      [0, 'again'],
    ],
  );
});

test('a port mod brings the device down, and a change of the device is told once', () => {
  const bench = new Bench();
  const conn = bench.connect(4);
  const netdev = fakeNetdev('p1', 0x12);
  bench.ofproto.portAdd(netdev);
  bench.portStatus.length = 0;
  const mod = { kind: 'port_mod', portNo: 1, hwAddr: 0x12n, mask: PC.PORT_DOWN, advertise: 0 } as const;
  assert.equal(conn.errorOf({ ...mod, portNo: 2, config: 0 }), 'OFPPMFC_BAD_PORT');
  assert.equal(conn.errorOf({ ...mod, hwAddr: 1n, config: 0 }), 'OFPPMFC_BAD_HW_ADDR');
  assert.equal(conn.errorOf({ ...mod, config: PC.PORT_DOWN }), undefined);
  assert.equal(netdev.up, false);
  bench.ofproto.wake();
  bench.run(10);
  assert.deepEqual(
    bench.portStatus.map((s) => [s.reason, s.port.config]),
    [[2, PC.PORT_DOWN]],
  );
  netdev.setUp(true);
  bench.ofproto.wake();
  bench.run(10);
  assert.deepEqual(bench.portStatus.at(-1)!.port.config, 0);
  assert.equal(bench.portStatus.length, 2);
});

test('a secondary controller may read but not write', () => {
  const conn = new Bench().connect(4);
  conn.role = 'secondary';
  assert.equal(conn.flowMod('add', 'actions=drop'), 'OFPBRC_IS_SECONDARY');
  assert.equal(dump(conn).length, 0);
});

test('an error names the request, also when it cannot be decoded', () => {
  const conn = new Bench().connect(4);
  conn.errors.length = 0;
  assert.equal(conn.errorOf({ kind: 'meter_stats_request', meterId: 7 }), 'OFPMMFC_UNKNOWN_METER');
  assert.equal(conn.errors[0]!.request[1], 18);
  assert.equal(conn.errorOf({ kind: 'hello', versions: 0x10, understood: true }), 'OFPBRC_BAD_TYPE');
});
