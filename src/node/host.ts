/** The host on Linux and Node: implements `Host` of src/base/host.ts. One a process. */
import fs from 'node:fs';
import { Clock } from '../base/clock.ts';
import type { Directories, Host, Http, Random, Storage, Streams } from '../base/host.ts';
import { Loop, type LoopDriver } from '../base/loop.ts';
import { NodeHttp } from './http.ts';
import type { ReplayMode } from './replay/replay.ts';
import { NodeStorage } from './storage.ts';
import { NodeStreams } from './streams/streams.ts';

/**
 * Random bytes are drawn from the kernel in blocks: most uses take four. From its device, since loading
 * node:crypto would cost a short-lived tool a third of its time.
 */
class NodeRandom implements Random {
  readonly #pool = new Uint8Array(4096);
  #used = this.#pool.length;

  /** Uses up the next bytes of the pool, which end at `#used` then. */
  #reserve(n: number): void {
    if (this.#used + n > this.#pool.length) {
      kernelRandom(this.#pool);
      this.#used = 0;
    }
    this.#used += n;
  }

  bytes(n: number): Uint8Array {
    if (n > this.#pool.length) return kernelRandom(new Uint8Array(n));
    this.#reserve(n);
    return this.#pool.slice(this.#used - n, this.#used);
  }

  u32(): number {
    this.#reserve(4);
    const b = this.#pool;
    const i = this.#used - 4;
    return (b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24)) >>> 0;
  }
}

function kernelRandom(bytes: Uint8Array): Uint8Array {
  const fd = fs.openSync('/dev/urandom', 'r');
  for (let n = 0; n < bytes.length; ) n += fs.readSync(fd, bytes, { offset: n });
  fs.closeSync(fd);
  return bytes;
}

class NodeLoopDriver implements LoopDriver {
  #timer: NodeJS.Timeout | undefined;

  defer(fn: () => void): void {
    setImmediate(fn);
  }

  wakeIn(ms: number | undefined, fn: () => void): void {
    clearTimeout(this.#timer);
    // setTimeout cannot wait longer than 2**31 ms; the loop just arms again.
    this.#timer = ms === undefined ? undefined : setTimeout(fn, Math.min(Math.ceil(ms), 0x7fffffff));
  }
}

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** OVS_RUNDIR and the others, with the defaults of Debian's packages; schemas are those of this installation. */
export function directories(env: NodeJS.ProcessEnv): Directories {
  const sysconf = env['OVS_SYSCONFDIR'] || '/etc';
  const root = env['OVS_TS_ROOT'];
  return {
    run: env['OVS_RUNDIR'] || '/var/run/openvswitch',
    log: env['OVS_LOGDIR'] || '/var/log/openvswitch',
    db: env['OVS_DBDIR'] || (env['OVS_SYSCONFDIR'] ? `${sysconf}/openvswitch` : '/etc/openvswitch'),
    sysconf,
    pkgdata: env['OVS_PKGDATADIR'] || (root ? `${root}/dist/share` : '/usr/share/openvswitch'),
  };
}

export class NodeHost implements Host {
  readonly loop: Loop;
  /** These two are replaced when the host records or replays. */
  random: Random = new NodeRandom();
  streams: Streams;
  readonly #nodeStreams: NodeStreams;
  readonly http: Http;
  readonly storage: Storage = new NodeStorage();
  readonly dirs: Directories;

  /** @param quick optimise for a process that lives for milliseconds */
  constructor({ quick = false } = {}) {
    const env = process.env;
    this.dirs = directories(env);
    const streams = new NodeStreams(this.dirs.run, quick);
    this.#nodeStreams = streams;
    this.streams = streams;
    this.http = new NodeHttp(() => streams.tlsParameters());
    // Node loads `performance` when it is first used, which costs 4 ms.
    const monotonicMs = quick ? hrtimeMs : (): number => performance.now();
    const clock = new Clock({ monotonicMs, wallMs: () => Date.now() });
    this.loop = new Loop(clock, new NodeLoopDriver());
  }

  peakResidentKb(): number {
    return process.resourceUsage().maxRSS;
  }

  /**
   * From now on what happens on connections is recorded, or taken from a recording.
   * @param dir the recording; the run directory if it is undefined
   * @throws SystemError
   */
  async record(mode: ReplayMode, dir: string | undefined): Promise<void> {
    const { withReplay } = await import('./replay/replay.ts');
    // What is recorded when something is sent tells how much of it did not leave at once.
    this.#nodeStreams.usesPipes = false;
    Object.assign(this, withReplay(this, mode, dir));
  }
}
