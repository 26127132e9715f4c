/**
 * Forwarding: frames and TCP from one namespace to another through the userspace datapath, ours and that of Debian's
 * ovs-vswitchd, in the same namespaces by turns. The switch has one processor, the hosts the other.
 *
 * TCP is measured against the C daemon with `userspace-tso-enable`, its best: without it, and with veth's checksum
 * offload on, TCP does not pass at all.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstLine, Lab } from './forwarding/lab.ts';
import { type BenchOptions, paired, type Row } from './row.ts';

const SWITCH_CPU = 0;
const HOST_CPU = 1;
const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
const here = import.meta.dirname;

type Stop = () => Promise<void>;

async function startOurs(lab: Lab): Promise<Stop> {
  const child = lab.start('s', SWITCH_CPU, [...node, path.join(here, 'forwarding/switch.ts')]);
  await firstLine(child);
  return () => lab.stop(child);
}

/** A private ovsdb-server and ovs-vswitchd, with one flow each way. */
async function startTheirs(lab: Lab, tso: boolean): Promise<Stop> {
  const { directory } = lab;
  const file = (name: string): string => path.join(directory, name);
  const env = { OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory };
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const socket = `unix:${file('db.sock')}`;
  execFileSync('rm', ['-f', file('conf.db'), file('.conf.db.~lock~')]);
  run('ovsdb-tool', 'create', file('conf.db'), '/usr/share/openvswitch/vswitch.ovsschema');
  const server = lab.start('s', HOST_CPU, ['ovsdb-server', file('conf.db'), `--remote=p${socket}`], env);
  await until(() => run('ovsdb-client', 'list-dbs', socket) !== '');
  const vsctl = (...args: string[]): string => run('ovs-vsctl', `--db=${socket}`, ...args);
  vsctl('--no-wait', 'init');
  if (tso) vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:userspace-tso-enable=true');
  const daemon = lab.start('s', SWITCH_CPU, ['ovs-vswitchd', socket, '-vconsole:emer'], env);
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
  for (const n of ['1', '2']) {
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
    run('ovs-ofctl', 'add-flow', `unix:${file('br0.mgmt')}`, `in_port=${n},actions=output:${3 - Number(n)}`);
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

export async function run(options: BenchOptions): Promise<Row[]> {
  if (process.getuid?.() !== 0) throw new Error('the forwarding benchmark needs root for its namespaces');
  const seconds = options.quick ? 2 : 5;
  const measures: readonly (readonly [
    name: string,
    unit: string,
    tso: boolean,
    (lab: Lab) => Promise<number>,
  ])[] = [
    ['64-byte frames, 1 flow', 'Mpps', false, (lab) => frameRate(lab, 64, 1, seconds)],
    ['64-byte frames, 1,000 flows', 'Mpps', false, (lab) => frameRate(lab, 64, 1000, seconds)],
    ['1,500-byte frames, 1 flow', 'Mpps', false, (lab) => frameRate(lab, 1500, 1, seconds)],
    ['TCP, one connection', 'Gbit/s', true, (lab) => tcpRate(lab, seconds)],
  ];
  const rows: Row[] = [];
  const lab = new Lab();
  try {
    for (const [name, unit, tso, measure] of measures) {
      const side = (start: () => Promise<Stop>) => async (): Promise<number> => {
        const stop = await start();
        try {
          return await measure(lab);
        } finally {
          await stop();
        }
      };
      const ours = side(() => startOurs(lab));
      const theirs = side(() => startTheirs(lab, tso));
      rows.push(await paired('forwarding', name, unit, true, options.runs, ours, theirs));
    }
  } finally {
    await lab.close();
  }
  return rows;
}
