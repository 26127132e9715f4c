/**
 * Seeded mutation for the fuzz tests: takes good inputs and damages them a little, which reaches deeper than noise.
 *
 * A run is repeated by its seed (`FUZZ_SEED=n`), which a failure names; `FUZZ_SECONDS=n` runs longer.
 */
import assert from 'node:assert/strict';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** Bytes and 16-bit numbers where decoders have their edges. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xfe, 0xff];

/** Characters and words that mean something to one of the parsers. */
const TOKENS = [
  ...',()[]{}=/:;-+.#@!|~*"\'\\ \t\n\0',
  ...['0', '-1', '0x', '0xffffffffffffffffff', '18446744073709551616', '4294967296', '65536', '256', '1e9'],
  ...['::', '255.255.255.255', 'ff:ff:ff:ff:ff:ff', 'é', '\u{1f600}', 'NXM_NX_REG0[]', 'reg0[0..31]'],
  ...[
    'actions=',
    'learn(',
    'clone(',
    'ct(',
    'check_pkt_larger(',
    'set(',
    'set_field:',
    '->',
    'tunnel(',
    'nsh(',
  ],
  ...['bucket=', 'priority=', 'table=', 'drop', 'resubmit(', 'userspace(', 'sample(', 'encap(', '__proto__'],
];

export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) | 0 || 1;
  }
  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
  below(n: number): number {
    return this.u32() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** A damaged copy. */
export function mutateBytes(random: Random, good: Uint8Array): Uint8Array {
  let bytes = good.slice();
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(Math.max(1, bytes.length));
    switch (random.below(7)) {
      case 0:
        bytes[at] = random.u32();
        break;
      case 1:
        bytes[at] = random.pick(EDGES);
        break;
      case 2:
        bytes[at]! ^= 1 << random.below(8);
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4: {
        // A piece once more, as lists have it.
        const piece = bytes.subarray(at, at + 4 * (1 + random.below(8)));
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...piece, ...bytes.subarray(at));
        break;
      }
      case 5:
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 4 * (1 + random.below(4))));
        break;
      default:
        // A 16-bit length or type.
        bytes[at & ~1] = 0;
        bytes[at | 1] = random.pick(EDGES);
    }
  }
  return bytes;
}

interface Tlv {
  readonly at: number;
  readonly length: number;
}

/** Pieces that could be a type, a length over both, and a value: actions, instructions, properties, buckets. */
function tlvsOf(bytes: Uint8Array): Tlv[] {
  const found: Tlv[] = [];
  for (let at = 8; at + 4 <= bytes.length; at += 4) {
    for (const lengthAt of [at + 2, at]) {
      const length = (bytes[lengthAt]! << 8) | bytes[lengthAt + 1]!;
      if (length >= 4 && length % 4 === 0 && at + length <= bytes.length) found.push({ at, length });
    }
  }
  return found;
}

/**
 * A copy in which a structure is doubled, gone, exchanged for one of `other`, longer or shorter. The lengths of those
 * around it are made to fit, mostly.
 */
export function mutateTlvs(random: Random, good: Uint8Array, other: Uint8Array): Uint8Array {
  const tlvs = tlvsOf(good);
  if (tlvs.length === 0) return good.slice();
  const { at, length } = random.pick(tlvs);
  const piece = good.subarray(at, at + length);
  const lent = tlvsOf(other);
  const borrowed = lent.length > 0 ? random.pick(lent) : { at: 0, length: 8 };
  const noise = Uint8Array.from({ length: 8 * (1 + random.below(3)) }, () => random.pick(EDGES));
  const put = [
    [...piece, ...piece],
    [],
    [...other.subarray(borrowed.at, borrowed.at + borrowed.length)],
    [...piece, ...noise],
    [...piece.subarray(0, Math.max(4, length - 8))],
    [...piece, ...other.subarray(borrowed.at, borrowed.at + borrowed.length)],
  ][random.below(6)]!;
  const changed = Uint8Array.of(...good.subarray(0, at), ...put, ...good.subarray(at + length));
  const delta = put.length - length;
  for (const outer of tlvs) {
    const isAround = outer.at <= at && outer.at + outer.length >= at + length;
    if (!isAround || random.below(16) === 0) continue;
    for (const lengthAt of [outer.at + 2, outer.at]) {
      if (((changed[lengthAt]! << 8) | changed[lengthAt + 1]!) !== outer.length) continue;
      const fitted = outer.length + delta;
      changed[lengthAt] = fitted >> 8;
      changed[lengthAt + 1] = fitted & 0xff;
      break;
    }
  }
  return changed.slice(0, 0xffff);
}

/** A damaged copy; `others` lend pieces. */
export function mutateText(random: Random, good: string, others: readonly string[]): string {
  let text = good;
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(text.length + 1);
    const end = Math.min(text.length, at + random.below(8));
    switch (random.below(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 1:
        text = text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
        break;
      case 2:
        text = text.slice(0, at) + random.pick(TOKENS) + text.slice(end);
        break;
      case 3:
        text = text.slice(0, at);
        break;
      default: {
        const other = random.pick(others);
        text = text.slice(0, at) + other.slice(random.below(other.length + 1));
      }
    }
  }
  return text;
}

/**
 * Runs `step` with fresh randomness until the time is up. A step that throws fails the test and names its seed; one
 * that takes a second fails too: some input costs far more than its length.
 */
export function fuzz(step: (random: Random) => unknown, describe: (input: unknown) => string = String): void {
  const until = performance.now() + 1000 * SECONDS;
  let seed = SEED;
  do {
    const start = performance.now();
    try {
      step(new Random(seed));
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} fails: ${describe(error)}`, { cause: error });
    }
    const ms = performance.now() - start;
    assert.ok(ms < 2000, `FUZZ_SEED=${seed} takes ${Math.round(ms)} ms`);
    seed++;
  } while (performance.now() < until);
}
