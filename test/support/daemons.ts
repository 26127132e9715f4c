/**
 * A database server and a switch, ours or Debian's, in a private run directory: for tests and benchmarks.
 * Ends only processes that it started, by their ids.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** The tap that Debian's userspace datapath makes for itself. */
const DATAPATH_DEVICE = 'ovs-netdev';
const root = path.resolve(import.meta.dirname, '../..');

export type Side = 'ours' | 'theirs';
export type DaemonName = 'ovsdb-server' | 'ovs-vswitchd';

/** Where the C programs are: Debian's, or those of another build, in directories separated by colons. */
const C_PROGRAMS = (process.env['OVS_C_PROGRAMS'] ?? '/usr/sbin:/usr/bin').split(':');

/** The path of a program of that side. */
export function program(side: Side, name: string): string {
  if (side === 'ours') return path.join(root, 'bin', name);
  return C_PROGRAMS.map((d) => path.join(d, name)).find((p) => fs.existsSync(p)) ?? name;
}

/** Why tests against Debian's programs cannot run here; undefined when they can. */
export const whyNoDebian = (): string | undefined =>
  fs.existsSync('/usr/sbin/ovs-vswitchd') ? undefined : 'needs the Debian package openvswitch-switch';

/** Why tests with network namespaces cannot run here; undefined when they can. */
export const whyNoNamespaces = (): string | undefined =>
  process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0
    ? undefined
    : 'needs root and iproute2';

/** Whether somebody listens on that socket. */
function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

export interface RunResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Daemons {
  readonly side: Side;
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #ownsDatapathDevice: boolean;
  readonly #children = new Map<DaemonName, ChildProcess>();
  readonly #arguments = new Map<DaemonName, readonly string[]>();

  private constructor(side: Side) {
    this.side = side;
    this.#ownsDatapathDevice = !fs.existsSync(`/sys/class/net/${DATAPATH_DEVICE}`);
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), `ovs-${side}-`));
    const dir = this.dir;
    this.env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
  }

  /**
   * @param what which daemons to start
   * @param options further options of ovs-vswitchd
   */
  static async start(side: Side, what: 'db' | 'switch' = 'switch', ...options: string[]): Promise<Daemons> {
    const d = new Daemons(side);
    try {
      const schema =
        side === 'ours'
          ? path.join(root, 'dist/share/vswitch.ovsschema')
          : '/usr/share/openvswitch/vswitch.ovsschema';
      d.tool('ovsdb-tool', 'create', `${d.dir}/conf.db`, schema);
      await d.run('ovsdb-server', `--remote=punix:${d.socket}`, `${d.dir}/conf.db`);
      d.tool('ovs-vsctl', '--no-wait', 'init');
      if (what === 'switch') await d.run('ovs-vswitchd', '--disable-system', ...options);
      return d;
    } catch (error) {
      await d.stop();
      throw error;
    }
  }

  /** Starts a daemon, with the arguments of its last start if none are given, and waits until it serves. */
  async run(name: DaemonName, ...args: string[]): Promise<void> {
    const given = args.length > 0 ? args : (this.#arguments.get(name) ?? []);
    this.#arguments.set(name, given);
    const log = path.join(this.dir, `${name}.log`);
    const child = spawn(
      program(this.side, name),
      [...given, '--pidfile', `--log-file=${log}`, '-vconsole:off'],
      {
        env: this.env,
        stdio: 'ignore',
      },
    );
    this.#children.set(name, child);
    for (let i = 0; i < 400; i++) {
      const serves = name === 'ovsdb-server' ? this.socket : path.join(this.dir, `${name}.${child.pid}.ctl`);
      if (await accepts(serves)) return;
      if (child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`${name} (${this.side}) did not start: ${this.log(name)}`);
  }

  /** Ends a daemon by a signal and waits for its end. */
  async kill(name: DaemonName, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#children.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  isRunning(name: DaemonName): boolean {
    const child = this.#children.get(name);
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  pid(name: DaemonName): number | undefined {
    return this.#children.get(name)?.pid;
  }

  /** What a daemon has logged. */
  log(name: DaemonName): string {
    const file = path.join(this.dir, `${name}.log`);
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }

  /** Runs a tool, of this side or the other, against these daemons. */
  try(name: string, args: readonly string[], { side = this.side, input = '' } = {}): RunResult {
    const { status, stdout, stderr } = spawnSync(program(side, name), args, {
      env: this.env,
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      timeout: 120_000,
      input,
    });
    return { status, stdout, stderr };
  }

  /** Runs a tool of this side and returns its output. @throws Error when it fails */
  tool(name: string, ...args: string[]): string {
    const { status, stdout, stderr } = this.try(name, args);
    if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr || `status ${status}`}`);
    return stdout;
  }

  /** Runs a tool of the other side against these daemons. @throws Error when it fails */
  foreign(name: string, ...args: string[]): string {
    const side = this.side === 'ours' ? 'theirs' : 'ours';
    const { status, stdout, stderr } = this.try(name, args, { side });
    if (status !== 0) throw new Error(`${name} (${side}) ${args.join(' ')}: ${stderr || `status ${status}`}`);
    return stdout;
  }

  get socket(): string {
    return `${this.dir}/db.sock`;
  }

  async stop(): Promise<void> {
    // Debian's daemon makes its tap devices persistent and leaves them unless told otherwise, its own in any case.
    if (this.side === 'theirs' && this.isRunning('ovs-vswitchd')) {
      this.try('ovs-appctl', ['exit', '--cleanup']);
      for (let i = 0; i < 100 && this.isRunning('ovs-vswitchd'); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.#ownsDatapathDevice) spawnSync('ip', ['link', 'del', DATAPATH_DEVICE], { stdio: 'ignore' });
    }
    await this.kill('ovs-vswitchd');
    await this.kill('ovsdb-server');
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
