/** Flags of flows on the wire and as text, and the statistics that OpenFlow 1.5 packs as OXS entries. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import { FF, type FlowModCommand, UNKNOWN_COUNT, UNKNOWN_DURATION } from './message.ts';

/** [bit on the wire, first version, last version, flag] */
const WIRE_FLAGS: readonly (readonly [number, number, number, number])[] = [
  [1 << 0, 1, 6, FF.SEND_FLOW_REM],
  [1 << 1, 1, 6, FF.CHECK_OVERLAP],
  [1 << 2, 1, 1, FF.EMERG],
  [1 << 2, 3, 6, FF.RESET_COUNTS],
  [1 << 3, 4, 6, FF.NO_PKT_COUNTS],
  [1 << 4, 4, 6, FF.NO_BYT_COUNTS],
];

/** @throws OfpError OFPFMFC_BAD_FLAGS */
export function decodeFlowFlags(raw: number, version: number, command?: FlowModCommand): number {
  let left = raw;
  let flags = 0;
  if (raw !== 0) {
    for (const [bit, first, last, flag] of WIRE_FLAGS) {
      if ((left & bit) === 0 || version < first || version > last) continue;
      left &= ~bit;
      flags |= flag;
    }
    if (left) throw new OfpError('OFPFMFC_BAD_FLAGS');
  }
  // Adding a flow resets counters in versions that cannot say otherwise.
  return version <= 2 && command === 'add' ? flags | FF.RESET_COUNTS : flags;
}

export function encodeFlowFlags(flags: number, version: number): number {
  let raw = 0;
  if (flags === 0) return raw;
  for (const [bit, first, last, flag] of WIRE_FLAGS) {
    if ((flags & flag) !== 0 && version >= first && version <= last) raw |= bit;
  }
  return raw;
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [FF.SEND_FLOW_REM, 'send_flow_rem '],
  [FF.CHECK_OVERLAP, 'check_overlap '],
  [FF.RESET_COUNTS, 'reset_counts '],
  [FF.NO_PKT_COUNTS, 'no_packet_counts '],
  [FF.NO_BYT_COUNTS, 'no_byte_counts '],
  [FF.HIDDEN_FIELDS, 'allow_hidden_fields '],
  [FF.NO_READONLY, 'no_readonly_table '],
];

/** Names of flags, each followed by a space. */
export function flowFlagsText(flags: number): string {
  let text = '';
  if (flags === 0) return text;
  for (const [flag, name] of FLAG_NAMES) if (flags & flag) text += name;
  return text;
}

/** Statistics of a flow as OXS entries; what is unknown is absent. */
export interface OxsStats {
  readonly durationSec: number;
  readonly durationNsec: number;
  /** Seconds; {@link UNKNOWN_DURATION} when unknown. */
  readonly idleAge: number;
  readonly packetCount: bigint;
  readonly byteCount: bigint;
  readonly flowCount: number;
}

/** Headers of the entries: class 0x8002, field, length. */
const OXS = {
  DURATION: 0x80020008,
  IDLE: 0x80020208,
  FLOWS: 0x80020604,
  PACKETS: 0x80020808,
  BYTES: 0x80020a08,
} as const;
const EXPERIMENTER_CLASS = 0xffff;

/** Takes a group of OXS entries and its padding.
 * @throws OfpError OFPBMC_BAD_LEN */
export function readOxs(r: ByteReader): OxsStats {
  if (r.left < 4) throw new OfpError('OFPBMC_BAD_LEN');
  const length = r.peekU16(2);
  const padded = (length + 7) & ~7;
  if (length < 4 || padded > r.left) throw new OfpError('OFPBMC_BAD_LEN');
  const group = r.sub(padded);
  group.skip(4);
  const stats = group.sub(length - 4);
  let durationSec = UNKNOWN_DURATION;
  let durationNsec = UNKNOWN_DURATION;
  let idleAge = UNKNOWN_DURATION;
  let packetCount = UNKNOWN_COUNT;
  let byteCount = UNKNOWN_COUNT;
  let flowCount = 0xffff_ffff;
  while (stats.left > 0) {
    if (stats.left < 4) throw new OfpError('OFPBMC_BAD_LEN');
    const header = stats.u32();
    const size = header & 0xff;
    const experimenter = header >>> 16 === EXPERIMENTER_CLASS;
    if (size > stats.left || (experimenter && size < 4)) throw new OfpError('OFPBMC_BAD_LEN');
    const payload = stats.sub(size);
    switch (header) {
      case OXS.DURATION:
        durationSec = payload.u32();
        durationNsec = payload.u32();
        break;
      case OXS.IDLE:
        idleAge = payload.u32();
        break;
      case OXS.FLOWS:
        flowCount = payload.u32();
        break;
      case OXS.PACKETS:
        packetCount = payload.u64();
        break;
      case OXS.BYTES:
        byteCount = payload.u64();
        break;
    }
  }
  return { durationSec, durationNsec, idleAge, packetCount, byteCount, flowCount };
}

export function putOxs(w: ByteWriter, stats: Partial<OxsStats>): void {
  const start = w.length;
  w.u32(0);
  const { durationSec, idleAge, packetCount, byteCount, flowCount } = stats;
  if (durationSec !== undefined && durationSec !== UNKNOWN_DURATION) {
    w.u32(OXS.DURATION)
      .u32(durationSec)
      .u32(stats.durationNsec ?? 0);
  }
  if (idleAge !== undefined && idleAge !== UNKNOWN_DURATION) w.u32(OXS.IDLE).u32(idleAge).u32(0);
  if (packetCount !== undefined && packetCount !== UNKNOWN_COUNT) w.u32(OXS.PACKETS).u64(packetCount);
  if (byteCount !== undefined && byteCount !== UNKNOWN_COUNT) w.u32(OXS.BYTES).u64(byteCount);
  if (flowCount !== undefined && flowCount !== 0xffff_ffff) w.u32(OXS.FLOWS).u32(flowCount);
  w.patchU16(start + 2, w.length - start);
  w.align(8, start);
}
