/**
 * Random numbers as they are recorded and replayed, above all those that UUIDs are made of. The C implementation records
 * the UUIDs, in a file of the same name.
 */
import type { Random } from '../../base/host.ts';
import type { RecordedFile, ReplayRecord } from './replay-file.ts';
import type { ReplayPosition } from './replaying-streams.ts';

export const RANDOM_FILE = '__uuid_generate';

const U32_BYTES = 4;

export class RecordingRandom implements Random {
  readonly #inner: Random;
  readonly #file: RecordedFile;
  constructor(inner: Random, file: RecordedFile) {
    this.#inner = inner;
    this.#file = file;
  }
  u32(): number {
    const value = this.#inner.u32();
    this.#file.read(new Uint8Array(Uint32Array.of(value).buffer));
    return value;
  }
  bytes(n: number): Uint8Array {
    const bytes = this.#inner.bytes(n);
    this.#file.read(bytes);
    return bytes;
  }
}

export class ReplayingRandom implements Random {
  readonly #inner: Random;
  readonly #position: ReplayPosition;
  readonly #records: readonly ReplayRecord[];
  #next = 0;
  constructor(inner: Random, position: ReplayPosition, records: readonly ReplayRecord[]) {
    this.#inner = inner;
    this.#position = position;
    this.#records = records;
  }
  u32(): number {
    const data = this.#take(U32_BYTES);
    return data ? new Uint32Array(data.buffer)[0]! : this.#inner.u32();
  }
  bytes(n: number): Uint8Array {
    return this.#take(n) ?? this.#inner.bytes(n);
  }

  /** What was drawn next, if it was as much. */
  #take(n: number): Uint8Array | undefined {
    const record = this.#records[this.#next];
    if (record?.length !== n) return undefined;
    this.#next++;
    this.#position.done(record.seqno);
    return record.data.slice();
  }
}
