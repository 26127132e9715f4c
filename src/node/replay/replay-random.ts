/** UUIDs as they are recorded and replayed: other random numbers leave no trace outside. C counterpart: lib/uuid.c. */
import type { Random } from '../../base/host.ts';
import type { RecordedFile, ReplayRecord } from './replay-file.ts';
import type { ReplayPosition } from './replaying-streams.ts';

/** The name of the recording of UUIDs. */
export const UUID_FILE = '__uuid_generate';
const UUID_BYTES = 16;

export class RecordingRandom implements Random {
  readonly #inner: Random;
  readonly #file: RecordedFile;
  constructor(inner: Random, file: RecordedFile) {
    this.#inner = inner;
    this.#file = file;
  }
  u32(): number {
    return this.#inner.u32();
  }
  bytes(n: number): Uint8Array {
    const bytes = this.#inner.bytes(n);
    if (n === UUID_BYTES) this.#file.read(bytes);
    return bytes;
  }
}

export class ReplayingRandom implements Random {
  readonly #inner: Random;
  readonly #position: ReplayPosition;
  readonly #records: ReplayRecord[];
  constructor(inner: Random, position: ReplayPosition, records: ReplayRecord[]) {
    this.#inner = inner;
    this.#position = position;
    this.#records = records;
  }
  u32(): number {
    return this.#inner.u32();
  }
  bytes(n: number): Uint8Array {
    const record = n === UUID_BYTES ? this.#records.shift() : undefined;
    if (!record) return this.#inner.bytes(n);
    this.#position.done(record.seqno);
    return record.data.slice();
  }
}
