/**
 * Tunnel options (Geneve TLVs) as fields: which tun_metadataN is which option, and where it lies in a flow key.
 *
 * A bridge has one {@link TunTable}, which a controller fills with TLV table messages. A match that comes without
 * a bridge (in a tool) gets a table of its own, filled as its fields are met. A flow key holds options in one of
 * two forms: by the table (the words that an entry owns, and its bit in TUN_METADATA_PRESENT), or, with
 * FLOW_TNL_F_UDPIF in TUN_FLAGS, as a datapath sends them: the TLVs themselves, with their length in bytes in the
 * last word of TUN_METADATA_PRESENT. Entries own whole words, 64 together.
 * C counterpart: lib/tun-metadata.c.
 */
import { FIELD, type Field, type FieldName, isTunPresent, markTunPresent } from './fields.ts';
import { F, FLOW_TNL_F_UDPIF, type Flow, type Match } from './layout.ts';

export const TUN_METADATA_WORDS = 64;
export const TUN_METADATA_OPTIONS = 64;

export interface TunEntry {
  readonly index: number;
  /** Class << 16 | type of a Geneve option; -1 in a match's own table. */
  readonly option: number;
  /** Length of the value; a multiple of 4 in a bridge's table. */
  readonly bytes: number;
  /** The field with the place and length of this entry. */
  readonly field: Field;
  /** In a match's own table: whether the field was given with a mask. */
  readonly masked: boolean;
}

export class TunTable {
  readonly entries: (TunEntry | undefined)[] = new Array(TUN_METADATA_OPTIONS).fill(undefined);
  readonly #byOption = new Map<number, TunEntry>();
  readonly #used = new Uint8Array(TUN_METADATA_WORDS);
  /** Whether this table belongs to one match, and grows with it. */
  readonly ofMatch: boolean;

  constructor(ofMatch = false) {
    this.ofMatch = ofMatch;
  }

  /** Maps tun_metadataN to an option. @returns false when there is no room or the field or option is taken */
  add(index: number, option: number, bytes: number, masked = false): boolean {
    if (index >= TUN_METADATA_OPTIONS || this.entries[index] || (option >= 0 && this.#byOption.has(option)))
      return false;
    const words = Math.ceil(bytes / 4);
    const at = this.#place(words);
    if (at < 0) return false;
    this.#used.fill(1, at, at + words);
    const base = FIELD[`tun_metadata${index}` as FieldName];
    const field: Field = { ...base, bytes, bits: bytes * 8, words, word: F.TUN_METADATA + at, mapped: true };
    const entry: TunEntry = { index, option, bytes, field, masked };
    this.entries[index] = entry;
    if (option >= 0) this.#byOption.set(option, entry);
    return true;
  }

  /** First run of free words that is long enough, or -1. */
  #place(words: number): number {
    for (let at = 0; at + words <= TUN_METADATA_WORDS; at++) {
      let n = 0;
      while (n < words && !this.#used[at + n]) n++;
      if (n === words) return at;
      at += n;
    }
    return -1;
  }

  remove(index: number): boolean {
    const entry = this.entries[index];
    if (!entry) return false;
    const at = entry.field.word - F.TUN_METADATA;
    this.#used.fill(0, at, at + entry.field.words);
    this.entries[index] = undefined;
    this.#byOption.delete(entry.option);
    return true;
  }

  clear(): void {
    for (let i = 0; i < TUN_METADATA_OPTIONS; i++) this.remove(i);
  }

  /** A copy that later changes of this table do not reach. */
  clone(): TunTable {
    const copy = new TunTable(this.ofMatch);
    for (const e of this.entries) {
      if (!e) continue;
      copy.entries[e.index] = e;
      if (e.option >= 0) copy.#byOption.set(e.option, e);
    }
    copy.#used.set(this.#used);
    return copy;
  }

  byOption(option: number): TunEntry | undefined {
    return this.#byOption.get(option);
  }

  /** The field as this table maps it: others than mapped tunnel options are as they are. */
  readonly resolve = (name: FieldName): Field => {
    const field = FIELD[name];
    return field.tunIndex < 0 ? field : (this.entries[field.tunIndex]?.field ?? field);
  };

  /** Words that are taken. */
  get usedBytes(): number {
    return this.#used.reduce((a, b) => a + b, 0) * 4;
  }
}

/** How a match has one tunnel option. */
export interface TunMatchOption {
  readonly index: number;
  readonly bytes: number;
  readonly value: bigint;
  readonly mask: bigint;
  readonly masked: boolean;
  /** False when the match wants the option to be absent. */
  readonly present: boolean;
}

function readTun(flow: Flow, entry: TunEntry): bigint {
  let value = 0n;
  for (let i = 0; i < entry.field.words; i++) value = (value << 32n) | BigInt(flow[entry.field.word + i]!);
  return value;
}

/** The tunnel options of a match, in the order of their numbers. */
export function tunMatchOptions(match: Match): TunMatchOption[] {
  const table = match.tun;
  const out: TunMatchOption[] = [];
  if (!table || (match.mask[F.TUN_METADATA_PRESENT] === 0 && match.mask[F.TUN_METADATA_PRESENT + 1] === 0))
    return out;
  if (match.flow[F.TUN_FLAGS]! & FLOW_TNL_F_UDPIF) return out;
  for (const entry of table.entries) {
    if (!entry || !isTunPresent(match.mask, entry.index)) continue;
    const mask = readTun(match.mask, entry);
    const full = (1n << BigInt(entry.bytes * 8)) - 1n;
    out.push({
      index: entry.index,
      bytes: entry.bytes,
      value: readTun(match.flow, entry),
      mask,
      masked: table.ofMatch ? entry.masked : entry.bytes === 0 || mask !== full,
      present: isTunPresent(match.flow, entry.index),
    });
  }
  return out;
}

/** Bytes that a value needs without its leading zeros. */
const significantBytes = (value: bigint): number =>
  value === 0n ? 0 : Math.ceil(value.toString(16).length / 2);

/**
 * Matches a tunnel option.
 * @param bytes wanted length, for a match without a bridge's table
 * @returns an error message, or undefined
 */
export function matchTunOption(
  match: Match,
  field: Field,
  value: bigint,
  mask: bigint | undefined,
): string | undefined {
  const full = (1n << BigInt(field.bytes * 8)) - 1n;
  const isMasked = mask !== undefined && mask !== full;
  const index = field.tunIndex;
  let table = match.tun;
  if (!table || table.ofMatch) {
    table ??= match.tun = new TunTable(true);
    const bytes = Math.max(significantBytes(value), isMasked ? significantBytes(mask) : 0);
    if (isTunPresent(match.mask, index)) return `field ${field.name} set multiple times`;
    if (!table.add(index, -1, bytes, isMasked)) {
      const used = table.usedBytes + bytes;
      return `field ${field.name} exceeds maximum size for tunnel metadata (used ${used}, max 256)`;
    }
  }
  const entry = table.entries[index];
  if (!entry) return undefined;
  const entryFull = (1n << BigInt(entry.bytes * 8)) - 1n;
  const bits = (mask ?? full) & entryFull;
  write(match.mask, entry, bits);
  write(match.flow, entry, value & bits);
  return undefined;
}

function write(flow: Flow, entry: TunEntry, value: bigint): void {
  for (let i = entry.field.words - 1; i >= 0; i--) {
    flow[entry.field.word + i] = Number(value & 0xffffffffn);
    value >>= 32n;
  }
  markTunPresent(flow, entry.index);
}

/**
 * Gives a match's options the places of another table, which has room for them. An option that was matched in full
 * is matched in full there; one that had a mask keeps it.
 */
export function moveTunOptions(match: Match, table: TunTable): void {
  const options = tunMatchOptions(match);
  for (const row of [match.flow, match.mask]) {
    row.fill(0, F.TUN_METADATA, F.TUN_METADATA + TUN_METADATA_WORDS);
    row.fill(0, F.TUN_METADATA_PRESENT, F.TUN_METADATA_PRESENT + 2);
  }
  match.tun = table;
  for (const { index, value, mask, masked, present } of options) {
    if (present)
      matchTunOption(match, FIELD[`tun_metadata${index}` as FieldName], value, masked ? mask : undefined);
    else markTunPresent(match.mask, index);
  }
}

/** Copies the options of a flow into a match of its own (packet-in metadata). */
export function matchTunOfFlow(match: Match, flow: Flow, table: TunTable): void {
  for (const entry of table.entries) {
    if (!entry || !isTunPresent(flow, entry.index)) continue;
    match.tun ??= new TunTable(true);
    match.tun.add(entry.index, -1, entry.bytes);
    const own = match.tun.entries[entry.index];
    if (!own) continue;
    write(match.flow, own, readTun(flow, entry));
    write(match.mask, own, (1n << BigInt(own.bytes * 8)) - 1n);
  }
}

// --- the datapath's form ------------------------------------------------------------------------------------

/** The TLVs of a flow key in the datapath's form, as bytes. */
export function tunOptionBytes(flow: Flow): Uint8Array {
  const length = Math.min(flow[F.TUN_METADATA_PRESENT + 1]!, TUN_METADATA_WORDS * 4);
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = flow[F.TUN_METADATA + (i >> 2)]! >>> (24 - 8 * (i & 3));
  return out;
}

/** Puts TLVs into a flow key, in the datapath's form. */
export function setTunOptionBytes(flow: Flow, bytes: Uint8Array): void {
  flow.fill(0, F.TUN_METADATA, F.TUN_METADATA + TUN_METADATA_WORDS);
  const length = Math.min(bytes.length, TUN_METADATA_WORDS * 4);
  for (let i = 0; i < length; i++) {
    const w = F.TUN_METADATA + (i >> 2);
    flow[w] = flow[w]! | (bytes[i]! << (24 - 8 * (i & 3)));
  }
  flow[F.TUN_METADATA_PRESENT] = 0;
  flow[F.TUN_METADATA_PRESENT + 1] = length;
  flow[F.TUN_FLAGS] = flow[F.TUN_FLAGS]! | FLOW_TNL_F_UDPIF;
}

/**
 * Turns the options of a key from the datapath's form into the table's. Unknown options are dropped.
 * @returns false when they are malformed or an unknown one is critical
 */
export function tunMetadataFromUdpif(flow: Flow, table: TunTable): boolean {
  if ((flow[F.TUN_FLAGS]! & FLOW_TNL_F_UDPIF) === 0) return true;
  const bytes = tunOptionBytes(flow);
  flow[F.TUN_FLAGS] = flow[F.TUN_FLAGS]! & ~FLOW_TNL_F_UDPIF;
  flow.fill(0, F.TUN_METADATA_PRESENT, F.TUN_METADATA + TUN_METADATA_WORDS);
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 4) return false;
    const length = (bytes[at + 3]! & 0x1f) * 4;
    if (at + 4 + length > bytes.length) return false;
    const option = (bytes[at]! << 16) * 256 + (bytes[at + 1]! << 16) + bytes[at + 2]!;
    const entry = table.byOption(option);
    if (entry) {
      if (entry.bytes !== length) return false;
      let value = 0n;
      for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(bytes[at + 4 + i]!);
      write(flow, entry, value);
    } else if (bytes[at + 2]! & 0x80) return false;
    at += 4 + length;
  }
  return true;
}

/** The options of a key in the table's form, as the TLVs of a packet. `critical` is whether one of them is. */
export function tunMetadataToTlvs(flow: Flow, table: TunTable): { bytes: Uint8Array; critical: boolean } {
  const out: number[] = [];
  let critical = false;
  for (const entry of table.entries) {
    if (!entry || !isTunPresent(flow, entry.index)) continue;
    const type = entry.option & 0xff;
    const optClass = Math.floor(entry.option / 65536);
    if (type & 0x80) critical = true;
    out.push(optClass >> 8, optClass & 0xff, type, entry.bytes / 4);
    for (let i = 0; i < entry.bytes; i++) {
      out.push((flow[entry.field.word + (i >> 2)]! >>> (24 - 8 * (i & 3))) & 0xff);
    }
  }
  return { bytes: Uint8Array.from(out), critical };
}
