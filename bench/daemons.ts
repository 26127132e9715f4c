/** Starts a pair of daemons, ours or Debian's, in a private run directory, and ends them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

export type Side = 'ours' | 'theirs';

/** The path of a program of that side. */
export function program(side: Side, name: string): string {
  if (side === 'ours') return path.join(root, 'bin', name);
  return ['/usr/sbin', '/usr/bin'].map((d) => path.join(d, name)).find((p) => fs.existsSync(p)) ?? name;
}

export class Daemons {
  readonly side: Side;
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];

  private constructor(side: Side) {
    this.side = side;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), `ovs-bench-${side}-`));
    this.env = {
      ...process.env,
      OVS_RUNDIR: this.dir,
      OVS_LOGDIR: this.dir,
      OVS_DBDIR: this.dir,
      OVS_SYSCONFDIR: this.dir,
    };
  }

  /** @param what which daemons to start @param options further options of ovs-vswitchd */
  static async start(side: Side, what: 'db' | 'switch' = 'switch', ...options: string[]): Promise<Daemons> {
    const d = new Daemons(side);
    const schema =
      side === 'ours'
        ? path.join(root, 'dist/share/vswitch.ovsschema')
        : '/usr/share/openvswitch/vswitch.ovsschema';
    d.tool('ovsdb-tool', 'create', `${d.dir}/conf.db`, schema);
    await d.#daemon('ovsdb-server', `--remote=punix:${d.dir}/db.sock`, `${d.dir}/conf.db`);
    d.tool('ovs-vsctl', '--no-wait', 'init');
    if (what === 'switch') await d.#daemon('ovs-vswitchd', '--disable-system', ...options);
    return d;
  }

  async #daemon(name: string, ...args: string[]): Promise<void> {
    const child = spawn(
      program(this.side, name),
      [...args, '--pidfile', `--log-file=${this.dir}/${name}.log`, '-vconsole:off'],
      {
        env: this.env,
        stdio: 'ignore',
      },
    );
    this.#children.push(child);
    for (let i = 0; i < 400; i++) {
      if (fs.readdirSync(this.dir).some((f) => f.startsWith(`${name}.`) && f.endsWith('.ctl'))) return;
      await new Promise((r) => setTimeout(r, 25));
    }
    throw new Error(`${program(this.side, name)} did not start: see ${this.dir}/${name}.log`);
  }

  /** Runs a tool of this side and returns its output. */
  tool(name: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync(program(this.side, name), args, {
      env: this.env,
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    });
    if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  get socket(): string {
    return `${this.dir}/db.sock`;
  }

  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
