import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSwitch } from '../../../test/support/fake-switch.ts';
import { OfctlWorld } from '../../../test/support/ofctl-world.ts';
import { UnixctlCommands } from '../../base/unixctl.ts';
import { inPortMatch } from '../../openflow/messages/body.ts';
import { NO_BUFFER, UNKNOWN_COUNT } from '../../openflow/messages/message.ts';
import { inVirtualTime, pass } from '../../sim/sim-database.ts';

async function world(): Promise<{ world: OfctlWorld; fake: FakeSwitch; ofctl: OfctlWorld['run'] }> {
  const made = new OfctlWorld();
  const fake = await FakeSwitch.listen(made.host);
  return { world: made, fake, ofctl: (args, stdin) => made.run(args, stdin) };
}

const ok = (out: string): { status: number; out: string; err: string } => ({ status: 0, out, err: '' });

test('an added flow is listed, with the ages and counters of the switch', async () => {
  const { ofctl } = await world();
  assert.deepEqual(await ofctl(['add-flow', 'br0', 'table=2,ip,actions=output:7']), ok(''));
  assert.deepEqual(
    await ofctl(['dump-flows', 'br0']),
    ok(
      'NXST_FLOW reply (xid=0x4):\n' +
        ' cookie=0x0, duration=1.500s, table=2, n_packets=7, n_bytes=420, ip actions=output:7\n',
    ),
  );
  assert.deepEqual(await ofctl(['--no-stats', 'dump-flows', 'br0']), ok(' table=2, ip actions=output:7\n'));
});

test('names of ports and tables are accepted, and shown where that is asked for', async () => {
  const { ofctl } = await world();
  await ofctl(['add-flow', 'br0', 'table=three,in_port=p1,actions=output:p2']);
  assert.deepEqual(
    await ofctl(['--no-stats', '--names', 'dump-flows', 'br0']),
    ok(' table=three, in_port=p1 actions=output:p2\n'),
  );
  const refused = await ofctl(['--no-names', 'add-flow', 'br0', 'in_port=p1,actions=drop']);
  assert.equal(refused.status, 1);
});

test('names are fetched only for texts that have some', async () => {
  const { fake, ofctl } = await world();
  await ofctl(['add-flow', 'br0', 'in_port=1,actions=drop']);
  assert.deepEqual(fake.takeReceived(), ['flow_mod', 'barrier_request']);
  await ofctl(['add-flow', 'br0', 'in_port=p1,actions=drop']);
  assert.deepEqual(fake.takeReceived(), [
    'features_request',
    'table_stats_request',
    'flow_mod',
    'barrier_request',
  ]);
});

test('a refused flow is printed with its error', async () => {
  const { ofctl } = await world();
  const { status, out, err } = await ofctl(['-O', 'OpenFlow11', 'add-flow', 'br0', 'actions=group:99']);
  assert.equal(status, 1);
  assert.equal(out, '');
  const lines = err.split('\n');
  assert.deepEqual(lines.slice(0, 3), [
    'OFPT_ERROR (OF1.1) (xid=0x6): OFPBAC_BAD_OUT_GROUP',
    'OFPT_FLOW_MOD (OF1.1) (xid=0x6):',
    '(***truncated to 64 bytes from 152***)',
  ]);
  assert.match(lines[3]!, /^00000000 {2}02 0e 00 98 00 00 00 06-/);
});

test('flows of a file are sent in order; the first refused one ends it', async () => {
  const { fake, ofctl } = await world();
  const result = await ofctl(
    ['-O', 'OpenFlow13', 'add-flows', 'br0', '-'],
    'in_port=1,actions=drop\nin_port=2,actions=group:99\nin_port=3,actions=drop\n',
  );
  assert.equal(result.status, 1);
  assert.deepEqual(
    [...fake.flows.values()].map((flow) => flow.match.flow.some((word) => word === 1)),
    [true],
  );
});

test('many flows do not wait for a barrier each', async () => {
  const { fake, ofctl } = await world();
  const lines = Array.from({ length: 3000 }, (_, i) => `priority=${i},actions=drop\n`).join('');
  assert.deepEqual(await ofctl(['add-flows', 'br0', '-'], lines), ok(''));
  assert.equal(fake.flows.size, 3000);
  const barriers = fake.received.filter((kind) => kind === 'barrier_request').length;
  assert.ok(barriers < 300, `${barriers} barriers`);
  assert.equal(fake.received.at(-1), 'barrier_request');
});

test('a refused flow among very many is told, and ends the sending soon', async () => {
  const { fake, ofctl } = await world();
  const refused = 17_000;
  const lines = Array.from(
    { length: 20_000 },
    (_, i) => `priority=${i},actions=${i === refused ? 'group:99' : 'drop'}\n`,
  );
  const { status, err } = await ofctl(['-O', 'OpenFlow13', 'add-flows', 'br0', '-'], lines.join(''));
  assert.equal(status, 1);
  assert.match(err, /^OFPT_ERROR \(OF1\.3\) \(xid=\S+\): OFPBAC_BAD_OUT_GROUP\nOFPT_FLOW_MOD/);
  assert.ok(fake.flows.size >= refused && fake.flows.size <= refused + 128, `${fake.flows.size} flows`);
});

test('a bundle is all or nothing', async () => {
  const { fake, ofctl } = await world();
  const failed = await ofctl(
    ['--bundle', 'add-flows', 'br0', '-'],
    'in_port=1,actions=drop\nin_port=2,actions=group:99\n',
  );
  assert.equal(failed.status, 1);
  assert.equal(
    failed.err,
    'Error OFPBAC_BAD_OUT_GROUP for: OFPT_FLOW_MOD (OF1.4) (xid=0x7): ADD in_port=2 actions=group:99\n' +
      'ovs-ofctl: talking to unix:/run/br0.mgmt (Protocol error)\n',
  );
  assert.equal(fake.flows.size, 0);
  const done = await ofctl(['--bundle', 'add-flows', 'br0', '-'], 'in_port=1,actions=drop\nactions=drop\n');
  assert.deepEqual(done, ok(''));
  assert.equal(fake.flows.size, 2);
});

test('replace-flows sends only what differs', async () => {
  const { fake, ofctl } = await world();
  await ofctl(['add-flows', 'br0', '-'], 'in_port=1,actions=drop\nin_port=2,actions=drop\nip,actions=1\n');
  fake.takeReceived();
  const wanted = 'in_port=1,actions=drop\nip,actions=2\ntcp,actions=3\n';
  assert.deepEqual(await ofctl(['replace-flows', 'br0', '-'], wanted), ok(''));
  assert.equal(fake.takeReceived().filter((kind) => kind === 'flow_mod').length, 3);
  const { out } = await ofctl(['--no-stats', '--sort', 'dump-flows', 'br0']);
  assert.deepEqual(out.trim().split('\n').sort(), [
    ' ip actions=output:2',
    ' tcp actions=output:3',
    'in_port=1 actions=drop',
  ]);
});

test('diff-flows prints both sides and says by its status that they differ', async () => {
  const { world: made, ofctl } = await world();
  const put = (name: string, text: string): void =>
    made.host.storage.open(name, { create: 'maybe' }).append(new TextEncoder().encode(text));
  await ofctl(['add-flows', 'br0', '-'], 'ip,actions=1\nudp,actions=2\n');
  put('/same', 'udp,actions=2\nip,actions=1\n');
  put('/other', 'ip,actions=1\nudp,cookie=5,actions=3\ntable=1,actions=drop\n');
  assert.deepEqual(await ofctl(['diff-flows', 'br0', '/same']), ok(''));
  assert.deepEqual(await ofctl(['diff-flows', 'br0', '/other']), {
    status: 2,
    out: '-udp actions=output:2\n+udp cookie=0x5 actions=output:3\n+table=1  actions=drop\n',
    err: '',
  });
  assert.deepEqual(await ofctl(['diff-flows', '/none', 'br0']), {
    status: 1,
    out: '',
    err: 'ovs-ofctl: /none: open (No such file or directory)\n',
  });
});

test('flows are sorted by fields, those without the field last', async () => {
  const { ofctl } = await world();
  await ofctl(
    ['add-flows', 'br0', '-'],
    'priority=1,in_port=2,actions=drop\npriority=2,actions=drop\npriority=3,in_port=9,actions=drop\n',
  );
  const order = async (...options: string[]): Promise<string[]> => {
    const { out } = await ofctl([...options, '--no-stats', 'dump-flows', 'br0']);
    return out.split('\n').flatMap((line) => /priority=(\d)/.exec(line)?.[1] ?? []);
  };
  assert.deepEqual(await order('--sort=in_port'), ['1', '3', '2']);
  assert.deepEqual(await order('--rsort=in_port'), ['3', '1', '2']);
  assert.deepEqual(await order('--sort'), ['1', '2', '3']);
  assert.deepEqual(await order('--rsort'), ['3', '2', '1']);
});

test('the version is one that both sides allow', async () => {
  const made = new OfctlWorld();
  await FakeSwitch.listen(made.host, 'br0', 1 << 4);
  assert.deepEqual(await made.run(['probe', 'br0']), {
    status: 1,
    out: '',
    err: 'ovs-ofctl: br0: failed to connect to socket (Protocol error)\n',
  });
  assert.deepEqual(await made.run(['-O', 'OpenFlow10,OpenFlow13', 'probe', 'br0']), ok(''));
});

test('a switch that hangs up is an error', async () => {
  const { fake, ofctl } = await world();
  fake.hangUpOn = 'echo_request';
  assert.deepEqual(await ofctl(['probe', 'br0']), {
    status: 1,
    out: '',
    err: 'ovs-ofctl: talking to br0 (End of file)\n',
  });
  fake.hangUpOn = 'barrier_request';
  assert.equal(
    (await ofctl(['add-flow', 'br0', 'actions=drop'])).err,
    'ovs-ofctl: talking to unix:/run/br0.mgmt (End of file)\n',
  );
});

/** A packet that the switch sends to its controllers. */
const packetIn = {
  kind: 'packet_in',
  format: 'nxt_packet_in2',
  packet: Uint8Array.from([...new Array<number>(12).fill(1), 0x12, 0x34]),
  totalLen: 14,
  bufferId: NO_BUFFER,
  metadata: inPortMatch(2),
  reason: 1,
  tableId: 0,
  cookie: UNKNOWN_COUNT,
  userdata: new Uint8Array(0),
} as const;

test('a monitor prints what comes, and obeys its control socket', async () => {
  const { world: made, fake } = await world();
  const commands = new UnixctlCommands('1');
  const call = (name: string, ...args: string[]): Promise<unknown> =>
    Promise.resolve(commands.execute(name, args, { format: 'text' }));
  let isReady = false;
  const service = {
    commands,
    ready: () => {
      isReady = true;
    },
    redirectErrors: () => {},
  };
  const { done, printed } = made.start(['monitor', 'br0', '65534'], service);
  await pass(made.host, 50);
  assert.ok(isReady);
  assert.deepEqual(
    fake.received.filter((kind) => kind !== 'barrier_request'),
    ['get_config_request', 'set_config', 'set_packet_in_format'],
  );

  fake.announce(packetIn);
  await pass(made.host, 50);
  assert.match(
    printed(),
    /^NXT_PACKET_IN2 \(xid=0x0\): total_len=14 in_port=2 \(via action\) data_len=14 \(unbuffered\)\n/,
  );

  const before = printed().length;
  await call('ofctl/block');
  fake.announce(packetIn);
  await pass(made.host, 50);
  assert.equal(printed().length, before);
  assert.equal(await call('ofctl/block'), 'already blocking');
  await call('ofctl/unblock');
  await pass(made.host, 50);
  assert.ok(printed().length > before);

  const barrier = call('ofctl/barrier');
  await pass(made.host, 50);
  assert.equal(await barrier, '');
  assert.match(printed(), /OFPT_BARRIER_REPLY \(xid=0x[0-9a-f]+\):\n$/);

  await assert.rejects(call('ofctl/send', '01'), /Message too short for OpenFlow/);
  assert.equal(await call('ofctl/send', '0102000812345678'), 'sent\n');
  await pass(made.host, 50);
  assert.match(printed(), /send: OFPT_ECHO_REQUEST \(xid=0x12345678\): 0 bytes of payload\nOFPT_ECHO_REPLY/);

  await call('exit');
  assert.equal(await inVirtualTime(made.host, done), 0);
});
