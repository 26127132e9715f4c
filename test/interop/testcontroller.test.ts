/** ovs-testcontroller with switches: ours and Debian's. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { Daemons, program, type Side, whyNoDebian } from '../support/daemons.ts';

const A = '50:54:00:00:00:01';
const B = '50:54:00:00:00:02';

/** Waits until `check` holds, for at most ten seconds. */
async function until(what: string, check: () => boolean): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (check()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`waited in vain for ${what}`);
}

async function learns(side: Side): Promise<void> {
  const d = await Daemons.start(side, 'switch', '--enable-dummy');
  const socket = `${d.dir}/controller`;
  const controller = spawn(program('ours', 'ovs-testcontroller'), [`punix:${socket}`, '--pidfile'], {
    env: d.env,
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => controller.once('exit', resolve));
  try {
    await until('the controller', () => fs.existsSync(socket));
    d.tool(
      'ovs-vsctl',
      'add-br',
      'br0',
      '--',
      'set',
      'bridge',
      'br0',
      'datapath_type=dummy',
      'fail_mode=secure',
    );
    for (const port of ['1', '2'])
      d.tool(
        'ovs-vsctl',
        'add-port',
        'br0',
        `p${port}`,
        '--',
        'set',
        'interface',
        `p${port}`,
        'type=dummy',
        `ofport_request=${port}`,
      );
    d.tool('ovs-vsctl', 'set-controller', 'br0', `unix:${socket}`);
    const flows = (): string => d.tool('ovs-ofctl', '-O', 'OpenFlow13', 'dump-flows', 'br0');
    await until('its first flow', () => /priority=0 actions=CONTROLLER:128/.test(flows()));
    const receive = (port: string, src: string, dst: string): void => {
      const packet = `in_port(${port}),eth(src=${src},dst=${dst}),eth_type(0x1234)`;
      d.tool('ovs-appctl', 'netdev-dummy/receive', `p${port}`, packet);
    };
    receive('1', A, B);
    // Again and again: the first packets may come before the address is known.
    await until('a flow back', () => {
      receive('2', B, A);
      return new RegExp(`dl_src=${B},dl_dst=${A},dl_type=0x1234 actions=output:1`).test(flows());
    });
    assert.match(
      flows(),
      new RegExp(`idle_timeout=60, priority=1,in_port=2,vlan_tci=0x0000/0x1fff,dl_src=${B}`),
    );
  } finally {
    controller.kill('SIGTERM');
    await ended;
    await d.stop();
  }
  assert.equal(fs.existsSync(socket), false, 'its socket goes with it');
}

test('a bridge of ours learns through the controller', () => learns('ours'));
test("a bridge of Debian's learns through the controller", { skip: whyNoDebian() ?? false }, () =>
  learns('theirs'),
);
