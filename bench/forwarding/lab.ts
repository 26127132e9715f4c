/**
 * The benchmark's wiring: two hosts and a switch, each a network namespace, joined by two veth pairs. The switch's
 * ends are s1 and s2, the hosts' h1 and h2. Everything goes away with `close`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ip = (...args: string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

export class Lab {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'forwarding-'));
  readonly #prefix = `ovsb${process.pid}`;
  readonly #processes = new Set<ChildProcess>();

  constructor() {
    for (const name of ['1', '2', 's']) {
      ip('netns', 'add', this.namespace(name));
      ip('-n', this.namespace(name), 'link', 'set', 'lo', 'up');
      this.exec(
        name,
        'sysctl',
        '-qw',
        'net.ipv6.conf.all.disable_ipv6=1',
        'net.ipv6.conf.default.disable_ipv6=1',
      );
    }
    for (const n of [1, 2]) {
      const host = this.namespace(String(n));
      const mac = `02:00:00:00:00:0${n}`;
      const peer = ['peer', 'name', `s${n}`, 'netns', this.namespace('s')];
      ip('link', 'add', `h${n}`, 'netns', host, 'address', mac, 'type', 'veth', ...peer);
      ip('-n', host, 'addr', 'add', `10.77.0.${n}/24`, 'dev', `h${n}`);
      ip('-n', host, 'link', 'set', `h${n}`, 'up');
      ip('-n', this.namespace('s'), 'link', 'set', `s${n}`, 'up');
    }
    for (const n of [1, 2]) {
      const other = 3 - n;
      const neighbor = ['neigh', 'add', `10.77.0.${other}`, 'lladdr', `02:00:00:00:00:0${other}`];
      ip('-n', this.namespace(String(n)), ...neighbor, 'dev', `h${n}`);
    }
  }

  namespace(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** Runs a command in a namespace and returns what it prints. */
  exec(name: string, ...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.namespace(name), ...command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Starts a process in a namespace, on one processor if `cpu` says which; it is stopped by `stop` or `close`. */
  start(
    name: string,
    cpu: number | undefined,
    command: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): ChildProcess {
    const pinned = cpu === undefined ? command : ['taskset', '-c', String(cpu), ...command];
    const child = spawn('ip', ['netns', 'exec', this.namespace(name), ...pinned], {
      stdio: 'ignore',
      env: { ...process.env, ...env },
    });
    this.#processes.add(child);
    child.on('exit', () => this.#processes.delete(child));
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  async close(): Promise<void> {
    for (const child of [...this.#processes]) await this.stop(child);
    for (const name of ['1', '2', 's']) {
      try {
        ip('netns', 'del', this.namespace(name));
      } catch {
        // It was never made.
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
