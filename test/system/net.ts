/** Network namespaces for system tests: made for one test, gone after it. */
import { execFileSync } from 'node:child_process';

/** Why tests that need namespaces cannot run here; undefined if they can. */
export const cannotRun: string | undefined =
  process.getuid?.() === 0 ? undefined : 'needs root for network namespaces and packet sockets';

export function run(...command: string[]): string {
  return execFileSync(command[0]!, command.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

let made = 0;

/** A namespace with `lo` up. `using` deletes it, and with it every device in it. */
export class Namespace implements Disposable {
  readonly name = `ovst${process.pid}x${made++}`;

  constructor() {
    run('ip', 'netns', 'add', this.name);
    run('ip', '-n', this.name, 'link', 'set', 'lo', 'up');
    this.exec('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
  }

  ip(...args: string[]): string {
    return run('ip', '-n', this.name, ...args);
  }

  exec(...command: string[]): string {
    return run('ip', 'netns', 'exec', this.name, ...command);
  }

  [Symbol.dispose](): void {
    run('ip', 'netns', 'del', this.name);
  }
}
