/**
 * What a new user does first, with real packets: a two-port bridge, a ping by NORMAL, a drop flow, a learning
 * controller - Debian's tools on our daemons, and our tools on Debian's.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Daemons, type Side, whyNoDebian, whyNoNamespaces } from '../support/daemons.ts';
import { Host, until } from '../support/namespaces.ts';

const skip = whyNoNamespaces() ?? whyNoDebian() ?? false;

for (const side of ['ours', 'theirs'] as Side[]) {
  const [daemons, tools] =
    side === 'ours' ? ['our daemons', "Debian's tools"] : ["Debian's daemons", 'our tools'];

  describe(`${tools} on ${daemons}`, { skip }, () => {
    let d: Daemons;
    let a: Host;
    let b: Host;
    before(async () => {
      d = await Daemons.start(side);
      a = new Host('10.1.1.1');
      b = new Host('10.1.1.2');
    });
    after(async () => {
      a?.remove();
      b?.remove();
      await d?.stop();
    });

    test('a bridge with two ports carries a ping by NORMAL', async () => {
      d.foreign('ovs-vsctl', 'add-br', 'brt0', '--', 'set', 'bridge', 'brt0', 'datapath_type=netdev');
      d.foreign('ovs-vsctl', 'add-port', 'brt0', a.port, '--', 'add-port', 'brt0', b.port);
      assert.deepEqual(
        d.foreign('ovs-vsctl', 'list-ports', 'brt0').trim().split('\n').sort(),
        [a.port, b.port].sort(),
      );
      assert.match(d.foreign('ovs-vsctl', 'get', 'interface', a.port, 'ofport'), /^[12]\n$/);
      assert.equal(a.ping('10.1.1.2'), 3);
    });

    test('a drop flow of higher priority cuts it, and its counters are right', async () => {
      d.foreign('ovs-ofctl', 'add-flow', 'brt0', 'priority=50000,icmp,actions=drop');
      assert.equal(a.ping('10.1.1.2', 4), 0);
      // Debian's release also credits what its megaflow had counted for the rule before.
      const right = side === 'ours' ? /^4$/ : /^[4-9]$/;
      await until('the counters are there', () => {
        const flows = d.foreign('ovs-ofctl', 'dump-flows', 'brt0');
        const [, packets, bytes] = /n_packets=(\d+), n_bytes=(\d+),.*priority=50000,icmp actions=drop/.exec(
          flows,
        )!;
        return right.test(packets!) && Number(bytes) === 98 * Number(packets);
      });
    });

    test('deleting it brings the ping back', () => {
      d.foreign('ovs-ofctl', 'del-flows', 'brt0', 'icmp');
      assert.equal(a.ping('10.1.1.2'), 3);
      const flows = d.foreign('ovs-ofctl', 'dump-flows', 'brt0');
      assert.match(flows, /actions=NORMAL/);
      assert.doesNotMatch(flows, /actions=drop/);
    });

    test('the hosts are in the MAC table', () => {
      const mac = a.run('cat', '/sys/class/net/eth0/address').stdout.trim();
      assert.match(d.foreign('ovs-appctl', 'fdb/show', 'brt0'), new RegExp(` ${mac} `));
    });

    // Debian's release cannot do this: its userspace datapath does not take a veth pair's unfinished checksums.
    if (side === 'ours')
      test('TCP crosses without anyone touching offloads', () => {
        const server = spawn('ip', ['netns', 'exec', b.namespace, 'iperf3', '-s', '-1'], { stdio: 'ignore' });
        try {
          // The server may not listen yet at the first try.
          let bitsPerSecond: number | undefined;
          let output = '';
          for (let i = 0; i < 20 && bitsPerSecond === undefined; i++) {
            output = a.run('iperf3', '-J', '-t', '1', '-c', '10.1.1.2').stdout;
            const { end } = JSON.parse(output) as { end: { sum_received?: { bits_per_second: number } } };
            bitsPerSecond = end.sum_received?.bits_per_second;
          }
          assert.ok((bitsPerSecond ?? 0) > 100e6, output);
        } finally {
          server.kill();
        }
      });

    test('a learning controller drives the bridge in fail_mode=secure', async () => {
      d.foreign('ovs-vsctl', 'set-fail-mode', 'brt0', 'secure');
      d.foreign('ovs-ofctl', 'del-flows', 'brt0');
      assert.equal(a.ping('10.1.1.2', 2), 0);
      const socket = `${d.dir}/controller`;
      const controller: ChildProcess = spawn('/usr/bin/ovs-testcontroller', [`punix:${socket}`], {
        env: d.env,
        stdio: 'ignore',
      });
      try {
        await until('the controller listens', () => fs.existsSync(socket));
        d.foreign('ovs-vsctl', 'set-controller', 'brt0', `unix:${socket}`);
        await until('the ping crosses', () => a.ping('10.1.1.2', 2) === 2, 20_000);
        await until('the database says that it is connected', () =>
          d.foreign('ovs-vsctl', '--columns=is_connected', '--bare', 'list', 'controller').includes('true'),
        );
        assert.match(d.foreign('ovs-ofctl', 'dump-flows', 'brt0'), /icmp.*actions=output:/);
      } finally {
        controller.kill();
      }
    });
  });
}

test('a killed daemon loses no committed configuration', { skip }, async () => {
  const d = await Daemons.start('ours');
  const a = new Host('10.1.2.1');
  const b = new Host('10.1.2.2');
  try {
    d.tool('ovs-vsctl', 'add-br', 'br1', '--', 'set', 'bridge', 'br1', 'datapath_type=netdev');
    d.tool('ovs-vsctl', 'add-port', 'br1', a.port, '--', 'add-port', 'br1', b.port);
    const before = d.tool('ovs-vsctl', 'get', 'bridge', 'br1', 'datapath_id', 'external_ids');
    await d.kill('ovsdb-server', 'SIGKILL');
    await d.run('ovsdb-server');
    d.tool('ovs-vsctl', '--timeout=20', 'set', 'bridge', 'br1', 'external_ids:after=1');
    await d.kill('ovs-vswitchd', 'SIGKILL');
    await d.run('ovs-vswitchd');
    await until('the bridge is back', () => a.ping('10.1.2.2', 1) === 1);
    assert.deepEqual(
      d.tool('ovs-vsctl', 'list-ports', 'br1').trim().split('\n').sort(),
      [a.port, b.port].sort(),
    );
    assert.equal(
      d.tool('ovs-vsctl', 'get', 'bridge', 'br1', 'datapath_id', 'external_ids'),
      before.replace('{}', '{after="1"}'),
    );
  } finally {
    a.remove();
    b.remove();
    await d.stop();
  }
});

test('a port whose device does not exist says so, and works by itself once the device appears', {
  skip,
}, async () => {
  const d = await Daemons.start('ours');
  const a = new Host('10.1.3.1');
  let late: Host | undefined;
  try {
    d.tool('ovs-vsctl', 'add-br', 'br2', '--', 'set', 'bridge', 'br2', 'datapath_type=netdev');
    d.tool('ovs-vsctl', 'add-port', 'br2', a.port);
    const probe = new Host('10.1.3.9');
    probe.remove();
    const { status, stderr } = d.try('ovs-vsctl', ['add-port', 'br2', probe.port]);
    assert.equal(status, 65);
    assert.match(stderr, /Error detected while setting up/);
    assert.match(
      d.tool('ovs-vsctl', 'get', 'interface', probe.port, 'error'),
      /could not open network device .* \(No such device\)/,
    );
    assert.equal(d.tool('ovs-vsctl', 'get', 'interface', probe.port, 'ofport'), '-1\n');
    // A device of that name: the next host's port is renamed to it.
    late = new Host('10.1.3.2');
    late.rename(probe.port);
    await until('the port works', () => a.ping('10.1.3.2', 1) === 1);
    assert.match(
      d.tool('ovs-vsctl', 'get', 'interface', probe.port, 'ofport', 'error'),
      /^[1-9]\d*\n\[\]\n$/,
    );
    late.remove();
    await until(
      'the loss is noticed',
      () => d.tool('ovs-vsctl', 'get', 'interface', probe.port, 'ofport') === '-1\n',
    );
  } finally {
    a.remove();
    late?.remove();
    await d.stop();
  }
});
