/**
 * The files of a recording: one a listener, connection or source of UUIDs. Each is a row of records: a sequence number
 * and a length, 32-bit integers in the byte order of the machine, then the data of what was read. The numbers are unique
 * in the recording and say in which order things happened; they are negative for what was written, of which there is no
 * data. A negative length is an error number. The number of the moment in which a file was opened is in its name.
 *
 * Same format as the C implementation's (lib/ovs-replay.h), though its recordings have other events in another order.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { SystemError } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { systemCall } from '../system-error.ts';

const log = vlog('ovs_replay');
const rl = new RateLimit(10, 25);

const HEADER_BYTES = 8;
const isLittle = os.endianness() === 'LE';

/** Numbers (pids, ports) and signs change between recording and replay, so that only the letters of names count. */
const localName = (name: string): string => name.replace(/[^A-Za-z]+/g, '_').replace(/_$/, '');

/** Numbers what happens while it is recorded. */
export class Recording {
  readonly #dir: string;
  #seqno = 0;

  /** @param dir must exist */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** A file for the events of something of that name. */
  open(name: string): RecordedFile {
    const file = path.join(this.#dir, `replay_${localName(name)}_${this.#seqno}`);
    let fd: number | undefined;
    try {
      fd = systemCall(() => fs.openSync(file, 'w'));
      this.#seqno++;
    } catch (error) {
      log.errRl(rl, `${file}: fopen failed: ${(error as SystemError).message}`);
    }
    return new RecordedFile(fd, () => this.#seqno++);
  }
}

export class RecordedFile {
  #fd: number | undefined;
  readonly #next: () => number;

  constructor(fd: number | undefined, next: () => number) {
    this.#fd = fd;
    this.#next = next;
  }

  /** Records data that was read. */
  read(data: Uint8Array): void {
    this.#write(1, data.length, data);
  }

  /** Records something without data that happened to us: 0 for success or the end, a negative error number. */
  result(length: number): void {
    this.#write(1, length);
  }

  /** Records that so many bytes were written, or could not be (a negative error number). */
  written(length: number): void {
    this.#write(-1, length);
  }

  #write(sign: 1 | -1, length: number, data?: Uint8Array): void {
    if (this.#fd === undefined) return;
    const record = Buffer.alloc(HEADER_BYTES + (data?.length ?? 0));
    const put = (value: number, at: number): number =>
      isLittle ? record.writeInt32LE(value, at) : record.writeInt32BE(value, at);
    put(sign * this.#next(), 0);
    put(length, 4);
    if (data) record.set(data, HEADER_BYTES);
    try {
      for (let n = 0; n < record.length; ) n += fs.writeSync(this.#fd, record, n);
    } catch (error) {
      log.errRl(rl, `Failed to write data: ${(error as Error).message}`);
      this.close();
    }
  }

  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

export interface ReplayRecord {
  readonly seqno: number;
  readonly isRead: boolean;
  readonly length: number;
  readonly data: Uint8Array;
}

/** The records in the bytes of a file; one that is cut short at the end is left out. */
export function* parseRecords(bytes: Uint8Array): Generator<ReplayRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const seqno = view.getInt32(at, isLittle);
    const length = view.getInt32(at + 4, isLittle);
    const isRead = seqno >= 0;
    at += HEADER_BYTES;
    const end = at + (isRead ? Math.max(length, 0) : 0);
    if (end > bytes.length) return;
    yield { seqno: Math.abs(seqno), isRead, length, data: bytes.subarray(at, end) };
    at = end;
  }
}

/** A recorded file, by the letters of its name. */
export interface FoundFile {
  readonly seqno: number;
  readonly records: ReplayRecord[];
}

/** The files of a recording that have not been used yet. */
export class RecordedFiles {
  /** By name, in the order in which they were opened. */
  readonly #files = new Map<string, { readonly seqno: number; readonly path: string }[]>();

  /** @throws SystemError */
  constructor(dir: string) {
    const found = systemCall(() => fs.readdirSync(dir))
      .map((name) => /^replay_(.*)_(\d+)$/.exec(name))
      .filter((match) => match !== null)
      .map((match) => ({ name: match[1]!, seqno: Number(match[2]), path: path.join(dir, match[0]) }))
      .sort((a, b) => a.seqno - b.seqno);
    for (const { name, ...file } of found) {
      const list = this.#files.get(name);
      if (list) list.push(file);
      else this.#files.set(name, [file]);
    }
  }

  /** The next file for something of that name. */
  take(name: string): FoundFile | undefined {
    const file = this.#files.get(localName(name))?.shift();
    if (!file) {
      log.errRl(rl, `${name}: there is no such file in the recording`);
      return undefined;
    }
    return { seqno: file.seqno, records: [...parseRecords(new Uint8Array(fs.readFileSync(file.path)))] };
  }
}
