import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inVirtualTime, pass, SIM_DATABASE, startSimDatabase } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { mapOf } from '../datum.ts';
import { type OpenVswitchSchema, openVswitchSchema } from '../schemas/open-vswitch.ts';
import { schemaJson } from '../schemas/schema-json.ts';
import { Idl } from './idl.ts';
import { update } from './update.ts';

async function world() {
  const host = new SimHost();
  const server = await startSimDatabase(host, schemaJson(openVswitchSchema));
  return { host, server };
}

async function client(host: SimHost, prepare = (idl: Idl<OpenVswitchSchema>) => idl.monitorAll()) {
  const idl = new Idl(host, openVswitchSchema);
  prepare(idl);
  idl.connect([SIM_DATABASE]);
  await pass(host, 50);
  return idl;
}

test('what is committed is there for others, with references as rows', async () => {
  const { host } = await world();
  const [writer, reader] = [await client(host), await client(host)];
  const txn = writer.txn();
  const iface = txn.insert('Interface', { name: 'p1', options: new Map([['a', 'b']]) });
  const port = txn.insert('Port', { name: 'p1', interfaces: [iface], tag: 9 });
  const bridge = txn.insert('Bridge', { name: 'br0', ports: [port], fail_mode: 'secure' });
  txn.insert('Open_vSwitch', { bridges: [bridge] });
  assert.equal(bridge.ports[0], port);
  assert.equal(await inVirtualTime(host, txn.commit()), 'success');
  await pass(host, 50);

  const row = reader.first('Bridge')!;
  assert.equal(row.name, 'br0');
  assert.equal(row.fail_mode, 'secure');
  assert.deepEqual(row.flood_vlans, []);
  assert.equal(row.ports[0]!.tag, 9);
  assert.equal(row.ports[0]!.interfaces[0]!.options.get('a'), 'b');
  assert.equal(row._uuid, txn.finalUuid(bridge._uuid));
  assert.equal(reader.first('Open_vSwitch')!.bridges[0], row);
});

test('a transaction reads its own writes, and nothing stays of one that is aborted', async () => {
  const { host } = await world();
  const idl = await client(host);
  const txn = idl.txn();
  const row = txn.insert('Open_vSwitch', { next_cfg: 4 });
  txn.set(row, { next_cfg: 5 });
  assert.equal(row.next_cfg, 5);
  assert.deepEqual([...idl.rows('Open_vSwitch')], [row]);
  txn.abort();
  assert.equal(idl.first('Open_vSwitch'), undefined);
});

test('a transaction without effect is not sent', async () => {
  const { host } = await world();
  const idl = await client(host);
  assert.equal(await idl.txn().commit(), 'unchanged');
});

test('an increment says what it made of the column', async () => {
  const { host } = await world();
  const idl = await client(host);
  for (const expected of [1, 2]) {
    const txn = idl.txn();
    const row = idl.first('Open_vSwitch') ?? txn.insert('Open_vSwitch');
    txn.increment(row, 'next_cfg', true);
    assert.equal(await inVirtualTime(host, txn.commit()), 'success');
    assert.equal(txn.incrementedValue, expected);
  }
});

test('a verified column that has changed meanwhile asks for another try', async () => {
  const { host } = await world();
  const [a, b] = [await client(host), await client(host)];
  const first = a.txn();
  first.insert('Open_vSwitch', { next_cfg: 1 });
  await inVirtualTime(host, first.commit());
  await pass(host, 50);

  const [ta, tb] = [a.txn(), b.txn()];
  for (const [idl, txn] of [
    [a, ta],
    [b, tb],
  ] as const) {
    const row = idl.first('Open_vSwitch')!;
    txn.verify(row, 'next_cfg');
    txn.set(row, { next_cfg: row.next_cfg + 1 });
  }
  const results = [ta.commit(), tb.commit()];
  assert.deepEqual(await inVirtualTime(host, Promise.all(results)), ['success', 'try-again']);
  assert.equal(a.first('Open_vSwitch')!.next_cfg, 2);
});

test('partial changes of a map leave what others put into it', async () => {
  const { host } = await world();
  const [a, b] = [await client(host), await client(host)];
  const first = a.txn();
  first.insert('Open_vSwitch', {
    other_config: new Map([
      ['k', 'old'],
      ['gone', 'x'],
    ]),
  });
  await inVirtualTime(host, first.commit());
  await pass(host, 50);

  const column = a.tables.get('Open_vSwitch').byName.get('other_config')!;
  const [ta, tb] = [a.txn(), b.txn()];
  ta.addTo(a.first('Open_vSwitch')!, column, mapOf([['k', 'new']]));
  ta.removeFrom(a.first('Open_vSwitch')!, column, ['gone']);
  tb.addTo(b.first('Open_vSwitch')!, column, mapOf([['other', 'y']]));
  await inVirtualTime(host, Promise.all([ta.commit(), tb.commit()]));
  await pass(host, 50);
  assert.deepEqual(
    [...a.first('Open_vSwitch')!.other_config],
    [
      ['k', 'new'],
      ['other', 'y'],
    ],
  );
});

test('an error of the server is told in its words', async () => {
  const { host } = await world();
  const idl = await client(host);
  const txn = idl.txn();
  const values = { name: 'twin', interfaces: [] };
  txn.insert('Open_vSwitch', {
    bridges: [txn.insert('Bridge', { name: 'b', ports: [txn.insert('Port', values)] })],
  });
  assert.equal(await inVirtualTime(host, txn.commit()), 'error');
  assert.match(txn.error!, /constraint violation|syntax error/);
});

test('only columns that concern the program wake it', async () => {
  const { host } = await world();
  const reader = await client(host, (idl) => {
    idl.monitor('Open_vSwitch', ['next_cfg']);
    idl.monitor('Open_vSwitch', ['cur_cfg'], { alert: false });
  });
  const writer = await client(host);
  const write = async (values: { next_cfg?: number; cur_cfg?: number }): Promise<void> => {
    const txn = writer.txn();
    txn.set(writer.first('Open_vSwitch') ?? txn.insert('Open_vSwitch'), values);
    await inVirtualTime(host, txn.commit());
    await pass(host, 50);
  };
  await write({ next_cfg: 1 });
  const { seqno } = reader;
  await write({ cur_cfg: 7 });
  assert.equal(reader.seqno, seqno);
  assert.equal(reader.first('Open_vSwitch')!.cur_cfg, 7);
  await write({ next_cfg: 2 });
  assert.equal(reader.seqno, seqno + 1);
});

test('changes are collected by row and column', async () => {
  const { host } = await world();
  const idl = await client(host);
  idl.trackChanges();
  const txn = idl.txn();
  txn.insert('Open_vSwitch', { next_cfg: 1 });
  await inVirtualTime(host, txn.commit());
  assert.deepEqual(
    idl.takeChanges().map((c) => c.kind),
    ['inserted'],
  );
  const again = idl.txn();
  again.set(idl.first('Open_vSwitch')!, { next_cfg: 2 });
  await inVirtualTime(host, again.commit());
  assert.deepEqual(
    idl.takeChanges().map((c) => [c.kind, ...c.columns]),
    [['modified', 'next_cfg']],
  );
  assert.deepEqual(idl.takeChanges(), []);
});

test('rows keep their identity when the server restarts, and learn what changed meanwhile', async () => {
  const { host, server } = await world();
  const idl = await client(host);
  const txn = idl.txn();
  txn.insert('Open_vSwitch', { next_cfg: 1 });
  await inVirtualTime(host, txn.commit());
  const row = idl.first('Open_vSwitch')!;
  server.stop();
  await pass(host, 100);
  assert.equal(idl.isConnected, false);
  await startSimDatabase(host, schemaJson(openVswitchSchema));
  const other = await client(host);
  const change = other.txn();
  change.set(other.first('Open_vSwitch')!, { next_cfg: 8 });
  await inVirtualTime(host, change.commit());
  await pass(host, 10_000);
  assert.equal(idl.isConnected, true);
  assert.equal(idl.first('Open_vSwitch'), row);
  assert.equal(row.next_cfg, 8);
});

test('of two programs that want the lock one waits until the other is gone', async () => {
  const { host } = await world();
  const [a, b] = [
    await client(host, (idl) => idl.setLock('L')),
    await client(host, (idl) => idl.setLock('L')),
  ];
  assert.deepEqual([a.hasRequestedLock, b.hasRequestedLock, b.isLockContended], [true, false, true]);
  assert.equal(await b.txn().commit(), 'not-locked');
  a.close();
  await pass(host, 50);
  assert.deepEqual([b.hasRequestedLock, b.isLockContended], [true, false]);
});

test('an update runs again when the database changes under it', async () => {
  const { host } = await world();
  const clients = [await client(host), await client(host)];
  const runs = [0, 0];
  const results = clients.map((idl, i) =>
    update(idl, (txn) => {
      runs[i]!++;
      const row = idl.first('Open_vSwitch') ?? txn.insert('Open_vSwitch');
      txn.verify(row, 'next_cfg');
      txn.set(row, { next_cfg: row.next_cfg + 1 });
      return row.next_cfg;
    }),
  );
  assert.deepEqual((await inVirtualTime(host, Promise.all(results))).sort(), [1, 2]);
  assert.deepEqual(runs.sort(), [1, 2]);
});

test('an update waits for the connection, and tells what the server refuses or that there is none', async () => {
  const host = new SimHost();
  const idl = new Idl(host, openVswitchSchema);
  idl.monitorAll();
  idl.connect([SIM_DATABASE]);
  const made = update(idl, (txn) => txn.insert('Open_vSwitch')._uuid);
  await startSimDatabase(host, schemaJson(openVswitchSchema));
  await inVirtualTime(host, made);
  const refused = update(idl, (txn) => txn.insert('Queue', { dscp: 99 }));
  await inVirtualTime(host, assert.rejects(refused, /99 is not in the valid range 0 to 63/));
  idl.close();
  await assert.rejects(
    update(idl, () => undefined),
    /connection to the database is gone/,
  );
});

test('elements are added and removed by their own types, whatever others do to the rest', async () => {
  const { host } = await world();
  const [a, b] = [await client(host), await client(host)];
  await inVirtualTime(
    host,
    update(a, (txn) => {
      txn.insert('QoS', {
        type: 'q',
        other_config: new Map([
          ['k', 'old'],
          ['gone', 'x'],
        ]),
      });
    }),
  );
  await pass(host, 50);
  const [ta, tb] = [a.txn(), b.txn()];
  ta.mutate(a.first('QoS')!, {
    add: { other_config: new Map([['k', 'new']]) },
    remove: { other_config: ['gone'] },
  });
  tb.mutate(b.first('QoS')!, { add: { other_config: new Map([['mine', 'y']]), queues: new Map() } });
  await inVirtualTime(host, Promise.all([ta.commit(), tb.commit()]));
  await pass(host, 50);
  assert.deepEqual(
    [...a.first('QoS')!.other_config],
    [
      ['k', 'new'],
      ['mine', 'y'],
    ],
  );
});
