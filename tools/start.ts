/**
 * `npm start`: the whole switch in one command, for someone who has never seen it.
 *
 * Builds the programs, creates a database, starts ovsdb-server and ovs-vswitchd in a private run directory,
 * adds a bridge with two hosts, pings across it, shows the tables that the ping left, says what to type next,
 * and serves until Ctrl-C. As root the hosts are network namespaces on veth pairs; otherwise they live in this
 * process, on dummy devices (as with `--dummy`). `--once` ends after the ping (for tests).
 *
 * Everything it makes is its own and is removed at the end: processes by their ids, namespaces by their names,
 * the directory by its path.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildAll } from './build.ts';
import { DummyHosts, type Hosts, NamespaceHosts, namespacesWork } from './start-hosts.ts';

const root = path.resolve(import.meta.dirname, '..');
const once = process.argv.includes('--once');
const dummy = process.argv.includes('--dummy');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-ts-'));
const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
/** Somebody's own br0 stays untouched. */
const BRIDGE = fs.existsSync('/sys/class/net/br0') ? `br${process.pid}` : 'br0';

const program = (name: string): string => path.join(root, 'bin', name);
const step = (text: string): void => console.log(`\x1b[1m==> ${text}\x1b[0m`);

/** Runs one of our tools and returns what it printed; its failure ends the start. */
function tool(name: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program(name), args, { env, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${name} ${args.join(' ')} failed: ${stderr.trim() || `status ${status}`}`);
  return stdout;
}

/** Shows a command as the user could type it, and its output. */
function show(name: string, ...args: string[]): void {
  console.log(`\n$ ${name} ${args.join(' ')}`);
  process.stdout.write(tool(name, ...args));
}

const daemons: ChildProcess[] = [];
let hosts: Hosts | undefined;
let stopping = false;

async function startDaemon(name: string, ...args: string[]): Promise<void> {
  const log = path.join(dir, `${name}.log`);
  const child = spawn(program(name), [...args, '--pidfile', `--log-file=${log}`, '-vconsole:off'], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  daemons.push(child);
  const died = new Promise<never>((_, reject) =>
    child.once('exit', (status, signal) => {
      if (!stopping) reject(new Error(`${name} ended (${signal ?? `status ${status}`}); its log is ${log}`));
    }),
  );
  died.catch((error: Error) => {
    if (hosts) void stop(1, error.message);
  });
  const ready = async (): Promise<void> => {
    for (let tries = 0; tries < 200; tries++) {
      const files = fs.readdirSync(dir);
      if (
        name === 'ovsdb-server'
          ? files.includes('db.sock')
          : files.some((f) => f.startsWith(name) && f.endsWith('.ctl'))
      )
        return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${name} did not start within 10 seconds; its log is ${log}`);
  };
  await Promise.race([ready(), died]);
}

async function stop(status: number, why?: string): Promise<never> {
  if (!stopping) {
    stopping = true;
    if (why) console.error(`ovs-ts: ${why}`);
    hosts?.remove();
    for (const child of daemons.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    if (status === 0) fs.rmSync(dir, { recursive: true, force: true });
    else console.error(`ovs-ts: logs are kept in ${dir}`);
  }
  process.exit(status);
}

process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));

async function main(): Promise<void> {
  if (!process.argv.includes('--no-build')) {
    step('building the programs');
    await buildAll();
  }

  step(`creating the database and starting ovsdb-server in ${dir}`);
  tool('ovsdb-tool', 'create', path.join(dir, 'conf.db'), path.join(root, 'dist/share/vswitch.ovsschema'));
  await startDaemon('ovsdb-server', `--remote=punix:${dir}/db.sock`, path.join(dir, 'conf.db'));
  tool('ovs-vsctl', '--no-wait', 'init');

  const real = !dummy && namespacesWork();
  step(`starting ovs-vswitchd (${real ? 'userspace datapath on veth pairs' : 'dummy devices'})`);
  await startDaemon('ovs-vswitchd', ...(real ? [] : ['--enable-dummy', '--disable-system']));

  step(`adding bridge ${BRIDGE} with two hosts`);
  tool(
    'ovs-vsctl',
    'add-br',
    BRIDGE,
    '--',
    'set',
    'bridge',
    BRIDGE,
    `datapath_type=${real ? 'netdev' : 'dummy'}`,
  );
  hosts = real ? new NamespaceHosts(process.pid) : new DummyHosts(dir);
  hosts.create((...args) => void tool('ovs-vsctl', ...args), BRIDGE);
  show('ovs-vsctl', 'show');

  step('pinging from one host to the other');
  await hosts.ping();
  show('ovs-ofctl', 'dump-flows', BRIDGE);
  show('ovs-appctl', 'fdb/show', BRIDGE);
  show('ovs-appctl', 'dpctl/dump-flows');

  console.log(`
The switch is up. In another terminal:

  export OVS_RUNDIR=${dir} PATH=${path.join(root, 'bin')}:$PATH
  ovs-vsctl show
  ovs-ofctl add-flow ${BRIDGE} priority=100,icmp,actions=drop
  ovs-ofctl dump-flows ${BRIDGE}
  ovs-appctl ofproto/trace ${BRIDGE} in_port=1,icmp
  ovs-ofctl del-flows ${BRIDGE} icmp
${hosts
  .hints()
  .map((line) => `  ${line}\n`)
  .join('')}
Ctrl-C stops it and removes everything it made.`);
  if (once) await stop(0);
}

main().catch((error: Error) => stop(1, error.message));
