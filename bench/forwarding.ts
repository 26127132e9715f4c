/**
 * Forwarding: frames and TCP from one namespace to another through ovs-vswitchd's userspace datapath, ours and
 * Debian's, in the same namespaces by turns. The switch has one processor, the hosts the other.
 *
 * The C datapath passes no TCP while a veth pair leaves checksums and segmentation to it, so TCP is compared with the
 * hosts' offloads off; with them on, ours is reported alone, and beside the C daemon's `userspace-tso-enable`.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { program, type Side } from '../test/support/daemons.ts';
import { Lab } from './forwarding/lab.ts';
import { type BenchOptions, median, paired, type Row } from './row.ts';

const SWITCH_CPU = 0;
const HOST_CPU = 1;
const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
const here = import.meta.dirname;
const schema = {
  ours: path.resolve(here, '../dist/share/vswitch.ovsschema'),
  theirs: '/usr/share/openvswitch/vswitch.ovsschema',
};

/** Starts a private ovsdb-server and ovs-vswitchd of a side, with one flow each way. @returns what stops them */
async function startSwitch(lab: Lab, side: Side, tso: boolean): Promise<() => Promise<void>> {
  const { directory } = lab;
  const file = (name: string): string => path.join(directory, name);
  const env = { OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory };
  const run = (name: string, ...args: string[]): string =>
    execFileSync(program(side, name), args, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const quiet = '-vconsole:off';
  const socket = `unix:${file('db.sock')}`;
  execFileSync('rm', ['-f', file('conf.db'), file('.conf.db.~lock~'), file('db.sock')]);
  run('ovsdb-tool', 'create', file('conf.db'), schema[side]);
  const serverArgs = [file('conf.db'), `--remote=p${socket}`, quiet];
  const server = lab.start('s', HOST_CPU, [program(side, 'ovsdb-server'), ...serverArgs], env);
  await until(() => run('ovsdb-client', 'list-dbs', socket) !== '');
  const vsctl = (...args: string[]): string => run('ovs-vsctl', `--db=${socket}`, ...args);
  vsctl('--no-wait', 'init');
  if (tso) vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:userspace-tso-enable=true');
  const daemon = lab.start('s', SWITCH_CPU, [program(side, 'ovs-vswitchd'), socket, quiet], env);
  vsctl(
    '--timeout=20',
    'add-br',
    'br0',
    '--',
    'set',
    'bridge',
    'br0',
    'datapath_type=netdev',
    'fail-mode=secure',
  );
  for (const n of [1, 2]) {
    vsctl(
      '--timeout=20',
      'add-port',
      'br0',
      `s${n}`,
      '--',
      'set',
      'interface',
      `s${n}`,
      `ofport_request=${n}`,
    );
    run('ovs-ofctl', 'add-flow', `unix:${file('br0.mgmt')}`, `in_port=${n},actions=output:${3 - n}`);
  }
  return async () => {
    await lab.stop(daemon);
    await lab.stop(server);
  };
}

async function until(done: () => boolean): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      if (done()) return;
    } catch (error) {
      if (n > 100) throw error;
    }
    await sleep(50);
  }
}

/** Frames that h2 has received. */
const received = (lab: Lab): number =>
  Number(lab.exec('2', 'cat', '/sys/class/net/h2/statistics/rx_packets').trim());

/** Millions of frames a second that arrive while the sender sends as fast as it can. */
async function frameRate(lab: Lab, bytes: number, flows: number, seconds: number): Promise<number> {
  const script = path.join(here, 'forwarding/send.ts');
  const args = ['h1', String(bytes), String(flows), String(seconds + 2)];
  const sender = lab.start('1', HOST_CPU, [...node, script, ...args]);
  await sleep(1500);
  const before = received(lab);
  const start = performance.now();
  await sleep(seconds * 1000);
  const count = received(lab) - before;
  const rate = count / (performance.now() - start) / 1000;
  await lab.stop(sender);
  return rate;
}

/** Gbit/s of one TCP connection. */
async function tcpRate(lab: Lab, seconds: number): Promise<number> {
  const server = lab.start('2', HOST_CPU, ['iperf3', '-s', '-1']);
  await sleep(300);
  const report = lab.exec(
    '1',
    'iperf3',
    '-c',
    '10.77.0.2',
    '-t',
    String(seconds),
    '-J',
    '--connect-timeout',
    '3000',
  );
  await lab.stop(server);
  return (
    (JSON.parse(report) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received
      .bits_per_second / 1e9
  );
}

/** The hosts' transmit offloads. */
function setOffloads(lab: Lab, on: boolean): void {
  const script = path.join(here, 'forwarding/offloads.ts');
  for (const n of ['1', '2']) lab.exec(n, ...node, script, `h${n}`, on ? 'on' : 'off');
}

export async function run(options: BenchOptions): Promise<Row[]> {
  if (process.getuid?.() !== 0) throw new Error('the forwarding benchmark needs root for its namespaces');
  const seconds = options.quick ? 2 : 5;
  const rows: Row[] = [];
  const lab = new Lab();
  type Measure = (lab: Lab) => Promise<number>;
  const side = (which: Side, tso: boolean, measure: Measure) => async (): Promise<number> => {
    const stop = await startSwitch(lab, which, tso);
    try {
      return await measure(lab);
    } finally {
      await stop();
    }
  };
  const both = async (name: string, unit: string, measure: Measure, tso = false): Promise<void> => {
    const ours = side('ours', tso, measure);
    rows.push(await paired('forwarding', name, unit, true, options.runs, ours, side('theirs', tso, measure)));
  };
  try {
    await both('64-byte frames, 1 flow', 'Mpps', (l) => frameRate(l, 64, 1, seconds));
    await both('64-byte frames, 1,000 flows', 'Mpps', (l) => frameRate(l, 64, 1000, seconds));
    await both('1,500-byte frames, 1 flow', 'Mpps', (l) => frameRate(l, 1500, 1, seconds));
    setOffloads(lab, false);
    await both('TCP, offloads off', 'Gbit/s', (l) => tcpRate(l, seconds));
    setOffloads(lab, true);
    const alone: number[] = [];
    const measure = side('ours', false, (l) => tcpRate(l, seconds));
    for (let i = 0; i < options.runs; i++) alone.push(await measure());
    rows.push({
      group: 'forwarding',
      name: 'TCP, offloads on (C cannot)',
      unit: 'Gbit/s',
      ours: median(alone),
      theirs: undefined,
      ratio: undefined,
    });
    await both('TCP, offloads on, C with userspace-tso-enable', 'Gbit/s', (l) => tcpRate(l, seconds), true);
  } finally {
    await lab.close();
  }
  return rows;
}
