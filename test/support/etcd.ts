/** Members of an etcd cluster on loopback, which may be killed and started again. Ends only processes that it started. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const ETCD = '/usr/bin/etcd';

/** Why tests with etcd cannot run here; undefined when they can. */
export const whyNoEtcd = (): string | undefined =>
  fs.existsSync(ETCD) ? undefined : 'needs the Debian package etcd-server';

/** Ports that nobody listens on now. */
async function freePorts(n: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: n },
      () =>
        new Promise<net.Server>((resolve) => {
          const server = net.createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

interface Member {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  child: ChildProcess | undefined;
}

/** Files; clients' certificates must be of the same authority. */
export interface EtcdTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export class EtcdCluster {
  readonly dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-etcd-'));
  readonly members: readonly Member[];

  readonly #tls: EtcdTls | undefined;

  private constructor(ports: readonly number[], tls: EtcdTls | undefined) {
    this.#tls = tls;
    const scheme = tls ? 'https' : 'http';
    this.members = Array.from({ length: ports.length / 2 }, (_, i) => ({
      name: `m${i}`,
      clientUrl: `${scheme}://127.0.0.1:${ports[2 * i]}`,
      peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
      child: undefined,
    }));
  }

  /** @param tls what clients have to speak; the members among themselves do not */
  static async start(n = 3, tls?: EtcdTls): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(await freePorts(2 * n), tls);
    try {
      for (let i = 0; i < n; i++) cluster.run(i);
      await cluster.healthy();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** The members as a database's name has them. */
  get endpoints(): string {
    return this.members.map(({ clientUrl }) => clientUrl.replace('http://', '')).join(',');
  }

  /** Starts a member, with the data that it had. */
  run(i: number): void {
    const member = this.members[i]!;
    const { name, clientUrl, peerUrl } = member;
    const log = fs.openSync(path.join(this.dir, `${name}.log`), 'a');
    member.child = spawn(
      ETCD,
      [
        ['--name', name],
        ['--data-dir', path.join(this.dir, name)],
        ['--listen-client-urls', clientUrl],
        ['--advertise-client-urls', clientUrl],
        ['--listen-peer-urls', peerUrl],
        ['--initial-advertise-peer-urls', peerUrl],
        ['--initial-cluster', this.members.map((m) => `${m.name}=${m.peerUrl}`).join(',')],
        ['--initial-cluster-token', path.basename(this.dir)],
        this.#tls
          ? ['--cert-file', this.#tls.cert, '--key-file', this.#tls.key, '--trusted-ca-file', this.#tls.ca]
          : [],
        this.#tls ? ['--client-cert-auth'] : [],
      ].flat(),
      { stdio: ['ignore', log, log] },
    );
    fs.closeSync(log);
  }

  isRunning(i: number): boolean {
    const { child } = this.members[i]!;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  async kill(i: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this.members[i]!;
    if (!child || !this.isRunning(i)) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Waits until all members that run answer what takes a majority. */
  async healthy(): Promise<void> {
    for (const [i, { clientUrl, name }] of this.members.entries()) {
      if (!this.isRunning(i)) continue;
      for (let tries = 0; ; tries++) {
        if (await this.#answers(clientUrl)) break;
        if (tries > 300 || !this.isRunning(i))
          throw new Error(
            `etcd does not answer: ${fs.readFileSync(path.join(this.dir, `${name}.log`), 'utf8')}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((_, i) => this.kill(i)));
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  async #answers(url: string): Promise<boolean> {
    if (this.#tls) {
      const { cert, key, ca } = this.#tls;
      const args = ['--endpoints', url, '--cert', cert, '--key', key, '--cacert', ca, 'endpoint', 'health'];
      return spawnSync('etcdctl', args, { env: { ...process.env, ETCDCTL_API: '3' } }).status === 0;
    }
    try {
      const signal = AbortSignal.timeout(2000);
      const reply = await fetch(`${url}/v3/kv/range`, { method: 'POST', body: '{"key":"Zm9v"}', signal });
      return reply.ok;
    } catch {
      return false;
    }
  }
}
