/**
 * Meters: OFPT_METER_MOD, OFPST_METER, OFPST_METER_CONFIG, OFPST_METER_FEATURES. C counterpart: lib/ofp-meter.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import { type Codec, emptyCodec } from './codec.ts';
import type { MeterBand, MeterBandType, MeterCommand, MeterConfig, MeterMod, MeterStats } from './message.ts';
import { OFPMF13 } from './message.ts';
import { bitNames, durationText } from './text.ts';

export const OFPM13 = {
  MAX: 0xffff_0000,
  SLOWPATH: 0xffff_fffd,
  CONTROLLER: 0xffff_fffe,
  ALL: 0xffff_ffff,
} as const;
const BAND_LENGTH = 16;
/** By number on the wire, from 1. */
const BAND_TYPES: readonly (MeterBandType | undefined)[] = [undefined, 'drop', 'dscp_remark'];
export const METER_COMMANDS: readonly MeterCommand[] = ['add', 'modify', 'delete'];

const FLAG_NAMES: Readonly<Record<number, string>> = {
  [OFPMF13.KBPS]: 'kbps',
  [OFPMF13.PKTPS]: 'pktps',
  [OFPMF13.BURST]: 'burst',
  [OFPMF13.STATS]: 'stats',
};

/** 'meter=1', 'meter:all'. */
function meterText(meterId: number, separator: string): string {
  if (meterId <= OFPM13.MAX) return `meter${separator}${meterId}`;
  const name =
    meterId === OFPM13.SLOWPATH
      ? 'slowpath'
      : meterId === OFPM13.CONTROLLER
        ? 'controller'
        : meterId === OFPM13.ALL
          ? 'all'
          : 'unknown';
  return `meter${separator}${name}`;
}

function readBands(r: ByteReader): MeterBand[] {
  const bands: MeterBand[] = [];
  while (r.left > 0) {
    if (r.left < BAND_LENGTH) throw new OfpError('OFPBRC_BAD_LEN');
    const number = r.u16();
    if (r.u16() !== BAND_LENGTH) throw new OfpError('OFPBRC_BAD_LEN');
    const type = BAND_TYPES[number];
    if (type === undefined) throw new OfpError('OFPMMFC_BAD_BAND');
    const rate = r.u32();
    const burstSize = r.u32();
    const level = r.u8();
    r.skip(3);
    bands.push({ type, rate, burstSize, precLevel: type === 'dscp_remark' ? level : 0 });
  }
  return bands;
}

function putBands(w: ByteWriter, bands: readonly MeterBand[]): void {
  for (const b of bands) {
    w.u16(BAND_TYPES.indexOf(b.type)).u16(BAND_LENGTH).u32(b.rate).u32(b.burstSize).u8(b.precLevel).zero(3);
  }
}

function bandText(flags: number, b: MeterBand): string {
  let s = `\ntype=${b.type} rate=${b.rate}`;
  if (flags & OFPMF13.BURST) s += ` burst_size=${b.burstSize}`;
  if (b.type === 'dscp_remark') s += ` prec_level=${b.precLevel}`;
  return s;
}

function flagsText(flags: number): string {
  let s = '';
  for (const [bit, name] of Object.entries(FLAG_NAMES)) if (flags & Number(bit)) s += `${name} `;
  const rest = flags & ~15;
  return rest ? `${s}flags:0x${rest.toString(16)} ` : s;
}

const configText = (m: MeterConfig): string =>
  `${meterText(m.meterId, '=')} ${flagsText(m.flags)}bands=${m.bands.map((b) => bandText(m.flags, b)).join('')}\n`;

/** Text of a modification, without a leading space. */
export function meterModText(m: MeterMod): string {
  const command = { add: ' ADD ', modify: ' MOD ', delete: ' DEL ' }[m.command];
  return command + configText(m);
}

/** Reads the body of a METER_MOD. */
export function readMeterMod(r: ByteReader): MeterMod {
  const command = METER_COMMANDS[r.u16()];
  const flags = r.u16();
  const meterId = r.u32();
  if (command === undefined) throw new OfpError('OFPMMFC_BAD_COMMAND');
  if (command === 'delete') return { command, meterId, flags: 0, bands: [] };
  if (flags & OFPMF13.KBPS && flags & OFPMF13.PKTPS) throw new OfpError('OFPMMFC_BAD_FLAGS');
  return { command, meterId, flags, bands: readBands(r) };
}

export function putMeterMod(w: ByteWriter, m: MeterMod): void {
  w.u16(METER_COMMANDS.indexOf(m.command))
    .u16(m.command === 'delete' ? 0 : m.flags)
    .u32(m.meterId);
  putBands(w, m.bands);
}

export const meterMod: Codec<'meter_mod'> = {
  decode: (r) => ({ kind: 'meter_mod', ...readMeterMod(r) }),
  encode: putMeterMod,
  format: meterModText,
};

const putRequest = (w: ByteWriter, m: { readonly meterId: number }): void => void w.u32(m.meterId).u32(0);

export const meterStatsRequest: Codec<'meter_stats_request'> = {
  decode: (r) => ({ kind: 'meter_stats_request', meterId: r.u32() }),
  encode: putRequest,
  format: (m) => ` ${meterText(m.meterId, '=')}`,
};

export const meterConfigRequest: Codec<'meter_config_stats_request'> = {
  decode: (r) => ({ kind: 'meter_config_stats_request', meterId: r.u32() }),
  encode: putRequest,
  format: (m) => ` ${meterText(m.meterId, '=')}`,
};

/** The rest of an item whose header says `length` in all. */
function rest(r: ByteReader, start: number, length: number): ByteReader {
  const left = length - (r.pos - start);
  if (left < 0 || left > r.left) throw new OfpError('OFPBRC_BAD_LEN');
  return r.sub(left);
}

function readConfig(r: ByteReader): MeterConfig {
  const start = r.pos;
  const length = r.u16();
  const flags = r.u16();
  const meterId = r.u32();
  return { meterId, flags, bands: readBands(rest(r, start, length)) };
}

export const meterConfigReply: Codec<'meter_config_stats_reply'> = {
  decode: (r, c) => c.items(r, readConfig, (meters) => ({ kind: 'meter_config_stats_reply', meters })),
  encode(w, m, c) {
    c.items(m.meters, (meter) => {
      w.u16(8 + BAND_LENGTH * meter.bands.length)
        .u16(meter.flags)
        .u32(meter.meterId);
      putBands(w, meter.bands);
    });
  },
  format: (m) => m.meters.map((meter) => `\n${configText(meter)}`).join(''),
};

function readStats(r: ByteReader): MeterStats {
  const start = r.pos;
  const meterId = r.u32();
  const length = r.u16();
  r.skip(6);
  const flowCount = r.u32();
  const packetInCount = r.u64();
  const byteInCount = r.u64();
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const counters = rest(r, start, length);
  if (counters.left % 16) throw new OfpError('OFPBRC_BAD_LEN');
  const bands: { packetCount: bigint; byteCount: bigint }[] = [];
  while (counters.left > 0) bands.push({ packetCount: counters.u64(), byteCount: counters.u64() });
  return { meterId, flowCount, packetInCount, byteInCount, durationSec, durationNsec, bands };
}

export const meterStatsReply: Codec<'meter_stats_reply'> = {
  decode: (r, c) => c.items(r, readStats, (meters) => ({ kind: 'meter_stats_reply', meters })),
  encode(w, m, c) {
    c.items(m.meters, (s) => {
      w.u32(s.meterId)
        .u16(40 + 16 * s.bands.length)
        .zero(6)
        .u32(s.flowCount)
        .u64(s.packetInCount)
        .u64(s.byteInCount);
      w.u32(s.durationSec).u32(s.durationNsec);
      for (const b of s.bands) w.u64(b.packetCount).u64(b.byteCount);
    });
  },
  format: (m) =>
    m.meters
      .map(
        (s) =>
          `\n${meterText(s.meterId, ':')} flow_count:${s.flowCount} packet_in_count:${s.packetInCount} ` +
          `byte_in_count:${s.byteInCount} duration:${durationText(s.durationSec, s.durationNsec)} bands:\n` +
          s.bands.map((b, i) => `${i}: packet_count:${b.packetCount} byte_count:${b.byteCount}\n`).join(''),
      )
      .join(''),
};

export const meterFeaturesRequest = emptyCodec('meter_features_stats_request');

export const meterFeaturesReply: Codec<'meter_features_stats_reply'> = {
  decode(r) {
    const maxMeters = r.u32();
    const bandTypes = r.u32();
    const capabilities = r.u32();
    return {
      kind: 'meter_features_stats_reply',
      maxMeters,
      bandTypes,
      capabilities,
      maxBands: r.u8(),
      maxColor: r.u8(),
    };
  },
  encode: (w, m) =>
    void w.u32(m.maxMeters).u32(m.bandTypes).u32(m.capabilities).u8(m.maxBands).u8(m.maxColor).u16(0),
  format: (m) =>
    `\nmax_meter:${m.maxMeters} max_bands:${m.maxBands} max_color:${m.maxColor}\n` +
    `band_types: ${bitNames(m.bandTypes, { 2: 'drop', 4: 'dscp_remark' }, ' ')}\n` +
    `capabilities: ${bitNames(m.capabilities, FLAG_NAMES, ' ')}\n`,
};
