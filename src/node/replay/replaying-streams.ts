/**
 * Connections that are not there: what happens on them comes from a recording (`--replay`), in its order.
 *
 * An event takes place when all that was recorded before it has: other events, and what the program itself did then, such
 * as sending. Where the program does something else than it did, the replay goes on after a while, and says so.
 * C counterpart: lib/stream-replay.c.
 */
import type { Listener, Stream, StreamConnector, StreamEvents, Streams } from '../../base/host.ts';
import { SystemError } from '../../base/host.ts';
import type { Loop, Timer } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { FoundFile, RecordedFiles, ReplayRecord } from './replay-file.ts';

const log = vlog('stream_replay');
const rl = new RateLimit(10, 25);

/** How long the program may take to do what it did in the recording. */
const DIVERGED_MS = 10_000;
const NO_EVENTS: StreamEvents = { data() {}, close() {} };
const UTF8 = new TextDecoder();

/** Where the replay is in the recording. */
export class ReplayPosition {
  readonly #loop: Loop;
  /** The number of the record that is next. */
  #next = 0;
  /** Later records whose turn has come before. */
  readonly #done = new Set<number>();
  readonly #events = new Map<number, () => void>();
  #scheduled = false;
  #stuck: Timer | undefined;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** The program has done what has that number. */
  done(seqno: number): void {
    if (seqno < this.#next) return;
    this.#done.add(seqno);
    this.#advance();
  }

  /** `event` is to happen when it is the turn of that number. */
  at(seqno: number, event: () => void): void {
    this.#events.set(seqno, event);
    this.#schedule();
  }

  /** The event of that number is not to happen now; it may be asked for again. */
  withdraw(seqno: number): void {
    this.#events.delete(seqno);
  }

  /** The event of that number is not to happen at all. */
  cancel(seqno: number): void {
    this.#events.delete(seqno);
    this.done(seqno);
  }

  #advance(): void {
    while (this.#done.delete(this.#next)) {
      this.#next++;
      this.#stuck?.cancel();
      this.#stuck = undefined;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#events.size === 0) return;
    this.#scheduled = true;
    this.#loop.whenIdle(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const event = this.#events.get(this.#next);
    if (event) {
      const seqno = this.#next;
      this.#events.delete(seqno);
      event();
      this.done(seqno);
    } else if (this.#events.size > 0) {
      this.#stuck ??= this.#loop.after(DIVERGED_MS, () => this.#skip());
    }
  }

  #skip(): void {
    this.#stuck = undefined;
    if (this.#events.size === 0) return;
    const next = Math.min(...this.#events.keys());
    log.warnRl(rl, `the replay differs from the recording from record ${this.#next} on, going on at ${next}`);
    this.#next = next;
    this.#advance();
  }
}

class ReplayStream implements Stream {
  readonly name: string;
  events: StreamEvents = NO_EVENTS;
  backlog = 0;
  readonly #position: ReplayPosition;
  readonly #records: ReplayRecord[];
  #waiting: ReplayRecord | undefined;
  #paused = false;
  #done = false;

  /** @param records what happened after it was opened */
  constructor(name: string, position: ReplayPosition, records: ReplayRecord[]) {
    this.name = name;
    this.#position = position;
    this.#records = records;
    this.#await();
  }

  /** What happens next to us: something is read, or what we have sent before leaves. */
  get #nextEvent(): ReplayRecord | undefined {
    const [head] = this.#records;
    if (head && !head.isRead && head.length > 0 && this.backlog > 0) return head;
    return this.#paused ? undefined : this.#records.find(({ isRead }) => isRead);
  }

  /** Puts that in its place. */
  #await(): void {
    const next = this.#done ? undefined : this.#nextEvent;
    if (next === this.#waiting) return;
    if (this.#waiting) this.#position.withdraw(this.#waiting.seqno);
    this.#waiting = next;
    if (!next) return;
    this.#position.at(next.seqno, () => {
      this.#waiting = undefined;
      // What was to be sent before, and was not, is not waited for any more.
      this.#records.splice(0, this.#records.indexOf(next) + 1);
      this.#happen(next);
      this.#await();
    });
  }

  #happen({ isRead, length, data }: ReplayRecord): void {
    if (!isRead) {
      this.backlog = Math.max(0, this.backlog - length);
      if (this.backlog === 0) this.events.drain?.();
    } else if (length > 0) this.events.data(data);
    else {
      this.#finish();
      this.events.close(length === 0 ? undefined : new SystemError(-length));
    }
  }

  send(bytes: Uint8Array): void {
    if (this.#done) return;
    const i = this.#records.findIndex((record) => !record.isRead && record !== this.#waiting);
    const [record] = i < 0 ? [] : this.#records.splice(i, 1);
    if (!record) return;
    const taken = this.backlog > 0 ? 0 : Math.min(Math.max(record.length, 0), bytes.length);
    this.backlog += bytes.length - taken;
    this.#position.done(record.seqno);
    this.#await();
  }
  pause(): void {
    this.#paused = true;
    this.#await();
  }
  resume(): void {
    this.#paused = false;
    this.#await();
  }
  close(): void {
    this.#finish();
  }
  end(): void {
    this.#finish();
  }

  #finish(): void {
    this.#done = true;
    for (const { seqno } of this.#records.splice(0)) this.#position.cancel(seqno);
  }
}

export class ReplayingStreams implements Streams {
  readonly isRecorded = true;
  readonly #files: RecordedFiles;
  readonly #position: ReplayPosition;

  constructor(files: RecordedFiles, position: ReplayPosition) {
    this.#files = files;
    this.#position = position;
  }

  /** Nothing is encrypted. */
  configureTls(): void {}

  #open(name: string): FoundFile | undefined {
    const file = this.#files.take(name);
    if (file) this.#position.done(file.seqno);
    return file;
  }

  connect(target: string, _defaultPort: number, connector: StreamConnector): () => void {
    if (!/^(tcp|ssl|unix):./.test(target)) throw new SystemError('EAFNOSUPPORT');
    const file = this.#open(target);
    const opened = file?.records.shift();
    if (!file || !opened) return () => {};
    this.#position.at(opened.seqno, () => {
      if (opened.length === 0) connector.connected(new ReplayStream(target, this.#position, file.records));
      else connector.failed(new SystemError(-opened.length));
    });
    return () => this.#position.cancel(opened.seqno);
  }

  listen(target: string, _defaultPort: number, accept: (stream: Stream) => void): Promise<Listener> {
    const file = this.#open(target);
    const opened = file?.records.shift();
    if (!file || !opened) return Promise.reject(new SystemError('ENOENT'));
    const { records } = file;
    const next = (): void => {
      const [record] = records;
      if (!record) return;
      this.#position.at(record.seqno, () => {
        records.shift();
        this.#accept(UTF8.decode(record.data), accept);
        next();
      });
    };
    return new Promise((resolve, reject) => {
      this.#position.at(opened.seqno, () => {
        if (opened.length < 0) return reject(new SystemError(-opened.length));
        next();
        const close = (): void => {
          for (const { seqno } of records.splice(0)) this.#position.cancel(seqno);
        };
        resolve({ name: target, port: undefined, close });
      });
    });
  }

  #accept(name: string, accept: (stream: Stream) => void): void {
    const file = this.#open(name);
    const opened = file?.records.shift();
    if (!file || !opened) return;
    this.#position.done(opened.seqno);
    accept(new ReplayStream(name, this.#position, file.records));
  }
}
