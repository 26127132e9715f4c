/** The two hosts of `npm start`: network namespaces as root, otherwise hosts in this process. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { NodeHost } from '../src/node/host.ts';
import { StreamHost } from '../src/sim/stream-host.ts';

export interface Hosts {
  /** Makes the hosts and adds their ports with ovs-vsctl. */
  create(vsctl: (...args: string[]) => void, bridge: string): void;
  /** Pings from the first to the second, showing each answer. @throws Error when none comes */
  ping(): Promise<void>;
  /** What a user may type next. */
  hints(): string[];
  remove(): void;
}

const ip = (...args: string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

/** Whether this process may make network namespaces. */
export function namespacesWork(): boolean {
  if (process.getuid?.() !== 0) return false;
  const name = `ovs-ts-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { stdio: 'ignore' }).status === 0;
  if (made) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  return made;
}

export class NamespaceHosts implements Hosts {
  readonly #hosts: readonly { namespace: string; port: string; address: string }[];

  constructor(id: number) {
    const short = id % 100_000;
    this.#hosts = [1, 2].map((n) => ({
      namespace: `ovs-ts-${short}-h${n}`,
      port: `ots${short}h${n}`,
      address: `10.0.0.${n}`,
    }));
  }

  create(vsctl: (...args: string[]) => void, bridge: string): void {
    for (const { namespace, port, address } of this.#hosts) {
      ip('netns', 'add', namespace);
      ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
      ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('link', 'set', port, 'up');
      vsctl('add-port', bridge, port);
    }
  }

  ping(): Promise<void> {
    const [a, b] = this.#hosts;
    return new Promise((resolve, reject) => {
      const args = ['netns', 'exec', a!.namespace, 'ping', '-c', '3', '-i', '0.2', '-W', '2', b!.address];
      spawn('ip', args, { stdio: 'inherit' })
        .once('error', reject)
        .once('exit', (status) =>
          status === 0 ? resolve() : reject(new Error('the ping was not answered')),
        );
    });
  }

  hints(): string[] {
    const [a, b] = this.#hosts;
    return [`ip netns exec ${a!.namespace} ping ${b!.address}`];
  }

  remove(): void {
    for (const { namespace, port } of this.#hosts) {
      spawnSync('ip', ['link', 'del', port], { stdio: 'ignore' });
      spawnSync('ip', ['netns', 'del', namespace], { stdio: 'ignore' });
    }
  }
}

export class DummyHosts implements Hosts {
  readonly #dir: string;
  readonly #hosts: StreamHost[] = [];

  constructor(dir: string) {
    this.#dir = dir;
  }

  create(vsctl: (...args: string[]) => void, bridge: string): void {
    const host = new NodeHost();
    for (const n of [1, 2]) {
      const socket = path.join(this.#dir, `host${n}.sock`);
      vsctl(
        'add-port',
        bridge,
        `h${n}`,
        '--',
        'set',
        'interface',
        `h${n}`,
        'type=dummy',
        `options:pstream=punix:${socket}`,
      );
      this.#hosts.push(
        new StreamHost(host, `unix:${socket}`, { mac: 0x020000000000 + n, ip: 0x0a000000 + n }),
      );
    }
  }

  async ping(): Promise<void> {
    const [a, b] = this.#hosts;
    for (let seq = 1; seq <= 3; seq++) {
      const ms = await a!.ping(b!.address, seq, 2000);
      if (ms === undefined) throw new Error('the ping was not answered');
      console.log(`reply from 10.0.0.2: icmp_seq=${seq} time=${ms.toFixed(3)} ms`);
    }
  }

  hints(): string[] {
    return [];
  }

  remove(): void {
    for (const host of this.#hosts) host.close();
  }
}
