// Debian's ovs-ofctl and ovs-testcontroller against a bridge of ours without datapath.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { NodeHost } from '../../src/node/host.ts';
import { ConnMgr } from '../../src/ofproto/connmgr/connmgr.ts';
import {
  type ControllerSettings,
  DEFAULT_CONTROLLER,
  MANAGEMENT_SERVICE,
} from '../../src/ofproto/connmgr/settings.ts';
import { handleFrame } from '../../src/ofproto/handlers/handle-openflow.ts';
import { Ofproto } from '../../src/ofproto/ofproto.ts';
import { NO_PROVIDER } from '../../src/ofproto/ofproto-provider.ts';
import { whyNoDebian } from '../support/daemons.ts';

const run = promisify(execFile);
const missing = whyNoDebian();
const skip = missing === undefined ? {} : { skip: missing };
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-conn-'));
const env = { ...process.env, OVS_RUNDIR: dir };
const mgmt = `unix:${dir}/br0.mgmt`;

let mgr: ConnMgr;
let ofproto: Ofproto;
const children: ChildProcess[] = [];

function configure(controllers: Record<string, Partial<ControllerSettings>> = {}): void {
  const all = new Map<string, ControllerSettings>([[`p${mgmt}`, MANAGEMENT_SERVICE]]);
  for (const [target, settings] of Object.entries(controllers))
    all.set(target, { ...DEFAULT_CONTROLLER, maxBackoff: 1, ...settings });
  mgr.setControllers(all);
}

async function ofctl(...args: string[]): Promise<string> {
  const { stdout } = await run('ovs-ofctl', args, { env, timeout: 10_000 });
  return stdout;
}

/** Waits until `check` holds, for at most 5 seconds. */
async function until(what: string, check: () => boolean): Promise<void> {
  for (let i = 0; i < 250; i++) {
    if (check()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.fail(`waited in vain for ${what}`);
}

before(async () => {
  const host = new NodeHost();
  ofproto = new Ofproto({
    name: 'br0',
    type: 'netdev',
    loop: host.loop,
    random: host.random,
    makeProvider: () => NO_PROVIDER,
  });
  mgr = new ConnMgr({ host, bridge: ofproto, handle: (conn, bytes) => handleFrame(ofproto, conn, bytes) });
  ofproto.connections = mgr;
  configure();
  mgr.setSnoops([`punix:${dir}/br0.snoop`]);
  await until('the socket', () => fs.existsSync(`${dir}/br0.mgmt`));
});

after(() => {
  for (const child of children) child.kill();
  mgr.destroy();
  ofproto.destroy();
  fs.rmSync(dir, { recursive: true, force: true });
});

const VERSIONS = ['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'];

for (const version of VERSIONS) {
  test(`ovs-ofctl adds, prints and deletes flows in ${version}`, skip, async () => {
    await ofctl('-O', version, 'add-flow', mgmt, 'priority=7,ip,actions=mod_nw_dst:1.2.3.4,resubmit(,3)');
    const flows = await ofctl('-O', version, 'dump-flows', '--no-stats', mgmt);
    const change = version < 'OpenFlow12' ? 'mod_nw_dst:1.2.3.4' : 'set_field:1.2.3.4->ip_dst';
    assert.match(flows, new RegExp(` priority=7,ip actions=${change},resubmit\\(,3\\)`));
    await ofctl('-O', version, 'del-flows', mgmt);
    assert.doesNotMatch(await ofctl('-O', version, 'dump-flows', mgmt), /priority=7/);
    assert.match(await ofctl('-O', version, 'show', mgmt), /n_tables:254/);
    await ofctl('-O', version, 'probe', mgmt);
  });
}

test('a peer without a common version is told so', skip, async () => {
  configure({});
  mgr.setControllers(new Map([[`p${mgmt}`, { ...MANAGEMENT_SERVICE, allowedVersions: 1 << 4 }]]));
  await until('the socket', () => fs.existsSync(`${dir}/br0.mgmt`));
  const failed = await ofctl('-O', 'OpenFlow10', 'show', mgmt).catch((error: Error) => error.message);
  assert.match(
    String(failed),
    /version negotiation failed \(we support version 0x01, peer supports version 0x04\)/,
  );
  await ofctl('-O', 'OpenFlow13', 'probe', mgmt);
  configure({});
  await until('the socket', () => fs.existsSync(`${dir}/br0.mgmt`));
});

test('many flows in one go arrive, and come back', { ...skip, timeout: 30_000 }, async () => {
  const lines = Array.from(
    { length: 5000 },
    (_, i) => `priority=${i + 1},ip,nw_src=10.0.${i >> 8}.${i & 255},actions=output:${(i % 9) + 1}`,
  );
  fs.writeFileSync(`${dir}/flows`, lines.join('\n'));
  await ofctl('add-flows', mgmt, `${dir}/flows`);
  const dump = await run('ovs-ofctl', ['dump-flows', '--no-stats', mgmt], { env, maxBuffer: 10_000_000 });
  assert.deepEqual(
    new Set(
      dump.stdout
        .trim()
        .split('\n')
        .map((l) => l.trim()),
    ),
    new Set(lines.map((l) => l.replace(',actions', ' actions'))),
  );
  await ofctl('del-flows', mgmt);
});

test('a controller that goes and comes back is connected to again, and can be watched', {
  ...skip,
  timeout: 30_000,
}, async () => {
  const target = `unix:${dir}/controller`;
  configure({ [target]: {} });
  const info = (): string | undefined => mgr.controllerInfo().get(target)?.status.get('state');
  await until('a failed attempt', () => info() === 'BACKOFF');
  const controller = spawn('ovs-testcontroller', ['-vconsole:off', `p${target}`], { env });
  children.push(controller);
  await until('the controller', () => info() === 'ACTIVE');
  const isLearning = (): boolean => {
    for (const rule of ofproto.flows.tables[0]!.classifier.rules(undefined, ofproto.flows.version))
      if (rule.actions[0]?.kind === 'output') return true;
    return false;
  };
  await until("the controller's flow", isLearning);
  const snoop = spawn('ovs-ofctl', ['snoop', `unix:${dir}/br0.snoop`], { env });
  children.push(snoop);
  let seen = '';
  snoop.stderr.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  await new Promise((done) => setTimeout(done, 300));
  mgr.sendPortStatus(undefined, 0, {
    portNo: 3,
    hwAddr: 0x20000000001n,
    name: 'veth3',
    config: 0,
    state: 0,
    curr: 0,
    advertised: 0,
    supported: 0,
    peer: 0,
    currSpeed: 0,
    maxSpeed: 0,
  });
  await until('the snoop', () => /OFPT_PORT_STATUS.*ADD: 3\(veth3\)/.test(seen));
  controller.kill();
  await until('the loss of the controller', () => info() === 'BACKOFF');
  assert.equal(mgr.controllerInfo().get(target)!.status.get('last_error'), 'End of file');
  configure({});
});
