/** The userspace datapath on real devices. Each test runs a child in the switch's namespace (see datapath-child.ts). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'node:test';
import { cannotRun, Namespace } from './net.ts';

const options = { skip: cannotRun ?? false, timeout: 60_000 };

/** The switch: reports what its program prints as JSON lines. */
class Switch implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #wake = (): void => {};

  constructor(namespace: Namespace, scenario: string) {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
    const script = path.join(import.meta.dirname, 'datapath-child.ts');
    this.#child = spawn('ip', ['netns', 'exec', namespace.name, ...node, script, scenario], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const lines = text.split('\n');
      text = lines.pop()!;
      this.#lines.push(...lines);
      this.#wake();
    });
    this.#child.on('exit', () => this.#wake());
  }

  /** The next line that says something about `what`. */
  async next(what: string): Promise<Record<string, unknown>> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        const report = JSON.parse(line) as Record<string, unknown>;
        if (report['what'] === what) return report;
      }
      if (this.#child.exitCode !== null) throw new Error(`the switch ended before it reported ${what}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await ended;
  }
}

/** Joins a host to the switch by a veth pair: `eth0` there, `port` here. */
function plug(host: Namespace, middle: Namespace, port: string, address: string): void {
  middle.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.name);
  middle.ip('link', 'set', port, 'up');
  host.ip('addr', 'add', address, 'dev', 'eth0');
  host.ip('link', 'set', 'eth0', 'up');
}

/** Sends 20 MB over TCP; throws if they do not arrive. */
async function tcp(from: Namespace, to: Namespace, address: string): Promise<void> {
  const server = spawn('ip', ['netns', 'exec', to.name, 'iperf3', '-s', '-1', '-p', '5299'], {
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  try {
    for (let n = 0; n < 50; n++) {
      if (to.exec('ss', '-ltnH', 'sport', '=', ':5299') !== '') break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    from.exec(
      'timeout',
      '20',
      'iperf3',
      '-c',
      address,
      '-p',
      '5299',
      '-n',
      '20M',
      '--connect-timeout',
      '5000',
    );
  } finally {
    server.kill();
    await ended;
  }
}

test('TCP with unfinished checksums and large segments passes between veth ports', options, async () => {
  using middle = new Namespace();
  using one = new Namespace();
  using two = new Namespace();
  plug(one, middle, 's1', '10.9.0.1/24');
  plug(two, middle, 's2', '10.9.0.2/24');
  await using datapath = new Switch(middle, 'flood');
  await datapath.next('ready');
  await tcp(one, two, '10.9.0.2');
  await tcp(two, one, '10.9.0.1');
});

test('a port that goes down and up again carries packets again', options, async () => {
  using middle = new Namespace();
  using one = new Namespace();
  using two = new Namespace();
  plug(one, middle, 's1', '10.9.0.1/24');
  plug(two, middle, 's2', '10.9.0.2/24');
  await using datapath = new Switch(middle, 'flood');
  await datapath.next('ready');
  await tcp(one, two, '10.9.0.2');
  for (const port of ['s1', 's2']) middle.ip('link', 'set', port, 'down');
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const port of ['s1', 's2']) middle.ip('link', 'set', port, 'up');
  await tcp(one, two, '10.9.0.2');
});

test(
  'a tag that one switch pushes and another pops carries TCP over the trunk between them',
  options,
  async () => {
    using left = new Namespace();
    using right = new Namespace();
    using one = new Namespace();
    using two = new Namespace();
    plug(one, left, 's1', '10.9.0.1/24');
    plug(two, right, 's1', '10.9.0.2/24');
    left.ip('link', 'add', 's2', 'type', 'veth', 'peer', 'name', 's2', 'netns', right.name);
    left.ip('link', 'set', 's2', 'up');
    right.ip('link', 'set', 's2', 'up');
    await using first = new Switch(left, 'tag');
    await using second = new Switch(right, 'tag');
    await first.next('ready');
    await second.next('ready');
    await tcp(one, two, '10.9.0.2');
    await tcp(two, one, '10.9.0.1');
  },
);

test('the host reaches a port through an internal device', options, async () => {
  using middle = new Namespace();
  using one = new Namespace();
  plug(one, middle, 's1', '10.9.0.1/24');
  await using datapath = new Switch(middle, 'internal');
  const ready = await datapath.next('ready');
  assert.equal(ready['mac'], '02aabbccddee');
  middle.ip('addr', 'add', '10.9.0.3/24', 'dev', 'br0');
  await tcp(one, middle, '10.9.0.3');
  await tcp(middle, one, '10.9.0.1');
});

test('changes and the end of a device are noticed', options, async () => {
  using middle = new Namespace();
  using one = new Namespace();
  plug(one, middle, 's1', '10.9.0.1/24');
  await using datapath = new Switch(middle, 'watch');
  const ready = await datapath.next('ready');
  assert.deepEqual(ready['status'], { driver_name: 'veth', driver_version: '1.0', firmware_version: '' });
  assert.equal(ready['speedBps'], 10e9);
  assert.equal(ready['mtu'], 1500);
  middle.ip('link', 'set', 's1', 'mtu', '1400');
  assert.equal((await datapath.next('changed'))['mtu'], 1400);
  one.ip('link', 'set', 'eth0', 'down');
  for (let report = await datapath.next('changed'); ; report = await datapath.next('changed')) {
    if (report['carrier'] === false) {
      assert.ok(Number(report['carrierResets']) >= 1);
      break;
    }
  }
  middle.ip('link', 'del', 's1');
  for (let report = await datapath.next('changed'); report['vanished'] !== true; )
    report = await datapath.next('changed');
});
