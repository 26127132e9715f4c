/** OFPST_PORT: counters of ports. C counterpart: lib/ofp-port.c. */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { vlog } from '../../base/vlog.ts';
import { formatPort, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { type Body, type PortStats, UNKNOWN_COUNT, UNKNOWN_DURATION } from './message.ts';
import { readPort11 } from './phy-port.ts';
import {
  eachProperty,
  type Property,
  propertyPayload,
  propertyStruct,
  putExperimenterProperty,
  putProperty,
  unknownProperty,
} from './properties.ts';
import { durationText, fixedString, utf8Bytes } from './text.ts';

const log = vlog('ofp_port');

const OFPPSPT14_ETHERNET = 0;
const INTEL_VENDOR = 0xaa01;
const INTEL_RFC2819 = 1;
const INTEL_CUSTOM = 2;
const RFC2819_LENGTH = 184;
const MAX_COUNTER_NAME = 63;

/** Counters of the RFC 2819 property on the wire: what is printed as received, then as sent. */
const RX_SIZES = 7;
const SIZE_NAMES = [
  '1_to_64_packets=',
  '65_to_127_packets=',
  '128_to_255_packets=',
  '256_to_511_packets=',
  '512_to_1023_packets=',
  '1024_to_1522_packets=',
  '1523_to_max_packets=',
];
/** After the sizes: tx multicast, rx broadcast, tx broadcast, rx undersized, oversize, fragmented, jabber. */
const RX_OTHERS: readonly (readonly [number, string])[] = [
  [15, 'broadcast_packets='],
  [17, 'undersized_errors='],
  [18, 'oversize_errors='],
  [19, 'rx_fragmented_errors='],
  [20, 'rx_jabber_errors='],
];
const TX_OTHERS: readonly (readonly [number, string])[] = [
  [14, 'multicast_packets='],
  [16, 'broadcast_packets='],
];
/** How many counters {@link PortStats.rfc2819} has. */
export const RFC2819_COUNTERS = 21;

const U = UNKNOWN_COUNT;

export const portStatsRequest: Codec<'port_stats_request'> = {
  decode: (r, c) => ({
    kind: 'port_stats_request',
    port: c.version === 1 ? portFromOf10(r.u16()) : readPort11(r),
  }),
  encode(w, m) {
    if (m.version === 1) w.u16(portToOf10(m.port)).zero(6);
    else w.u32(m.port).u32(0);
  },
  format: (m, f) => ` port_no=${formatPort(m.port, f.portNames)}`,
};

const readCommon = (r: ByteReader) => ({
  rxPackets: r.u64(),
  txPackets: r.u64(),
  rxBytes: r.u64(),
  txBytes: r.u64(),
  rxDropped: r.u64(),
  txDropped: r.u64(),
  rxErrors: r.u64(),
  txErrors: r.u64(),
});

const readEthernet = (r: ByteReader) => ({
  rxFrameErr: r.u64(),
  rxOverErr: r.u64(),
  rxCrcErr: r.u64(),
  collisions: r.u64(),
});

function decodeOld(r: ByteReader, version: number): PortStats {
  let portNo: number;
  if (version === 1) {
    portNo = portFromOf10(r.u16());
    r.skip(6);
  } else {
    portNo = readPort11(r);
    r.skip(4);
  }
  const counters = { portNo, ...readCommon(r), ...readEthernet(r) };
  if (version < 4) return { ...counters, durationSec: UNKNOWN_DURATION, durationNsec: UNKNOWN_DURATION };
  return { ...counters, durationSec: r.u32(), durationNsec: r.u32() };
}

function decodeCustom(p: Property): { name: string; value: bigint }[] {
  const r = new ByteReader(propertyPayload(p));
  const counters: { name: string; value: bigint }[] = [];
  if (r.left < 4) throw new OfpError('OFPBPC_BAD_LEN');
  r.skip(2);
  for (let n = r.u16(); n > 0; n--) {
    const length = r.left > 0 ? r.u8() : -1;
    if (length < 0 || r.left < length + 8) throw new OfpError('OFPBPC_BAD_LEN');
    const name = fixedString(r.take(length).subarray(0, MAX_COUNTER_NAME));
    counters.push({ name, value: r.u64() });
  }
  return counters;
}

function decode14(r: ByteReader): PortStats {
  const start = r.pos;
  const length = r.u16();
  r.skip(2);
  const portAt = r.sub(4);
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const common = readCommon(r);
  const rest = length - (r.pos - start);
  if (rest < 0 || rest > r.left) throw new OfpError('OFPBRC_BAD_LEN');
  const portNo = readPort11(portAt);
  let ethernet = { rxFrameErr: U, rxOverErr: U, rxCrcErr: U, collisions: U };
  let rfc2819: bigint[] | undefined;
  let custom: { name: string; value: bigint }[] | undefined;
  eachProperty(r.sub(rest), (p) => {
    if (p.type === OFPPSPT14_ETHERNET && !p.experimenter) {
      const body = propertyStruct(p, 40);
      body.skip(4);
      ethernet = readEthernet(body);
    } else if (p.experimenter === INTEL_VENDOR && p.expType === INTEL_RFC2819) {
      const body = propertyStruct(p, RFC2819_LENGTH);
      body.skip(4);
      rfc2819 = Array.from({ length: RFC2819_COUNTERS }, () => body.u64());
    } else if (p.experimenter === INTEL_VENDOR && p.expType === INTEL_CUSTOM) {
      custom = decodeCustom(p);
    } else {
      unknownProperty(log, true, 'port stats', p);
    }
  });
  return {
    portNo,
    ...common,
    ...ethernet,
    durationSec,
    durationNsec,
    ...(rfc2819 && { rfc2819 }),
    ...(custom && { custom }),
  };
}

function putCommon(w: ByteWriter, s: PortStats): void {
  w.u64(s.rxPackets).u64(s.txPackets).u64(s.rxBytes).u64(s.txBytes);
  w.u64(s.rxDropped).u64(s.txDropped).u64(s.rxErrors).u64(s.txErrors);
}

const putEthernet = (w: ByteWriter, s: PortStats): ByteWriter =>
  w.u64(s.rxFrameErr).u64(s.rxOverErr).u64(s.rxCrcErr).u64(s.collisions);

function encode(w: ByteWriter, s: PortStats, version: number): void {
  if (version <= 4) {
    if (version === 1) w.u16(portToOf10(s.portNo)).zero(6);
    else w.u32(s.portNo).u32(0);
    putCommon(w, s);
    putEthernet(w, s);
    if (version === 4) w.u32(s.durationSec).u32(s.durationNsec);
    return;
  }
  const start = w.length;
  w.u16(0).u16(0).u32(s.portNo).u32(s.durationSec).u32(s.durationNsec);
  putCommon(w, s);
  putProperty(w, OFPPSPT14_ETHERNET, () => putEthernet(w.u32(0), s));
  putExperimenterProperty(w, INTEL_VENDOR, INTEL_RFC2819, () => {
    w.u32(0);
    for (let i = 0; i < RFC2819_COUNTERS; i++) w.u64(s.rfc2819?.[i] ?? U);
  });
  const { custom } = s;
  if (custom?.length) {
    putExperimenterProperty(w, INTEL_VENDOR, INTEL_CUSTOM, () => {
      w.u16(0).u16(custom.length);
      for (const { name, value } of custom) {
        const bytes = utf8Bytes(name).subarray(0, 255);
        w.u8(bytes.length).put(bytes).u64(value);
      }
    });
  }
  w.patchU16(start, w.length - start);
}

/** '?' for an unknown counter. */
const count = (n: bigint): string => (n === U ? '?' : String(n));

function histogram(
  label: string,
  counters: readonly bigint[],
  from: number,
  others: readonly (readonly [number, string])[],
): string {
  const items = [...SIZE_NAMES.map((name, i) => [from + i, name] as const), ...others];
  const known = items.filter(([i]) => counters[i] !== U).map(([i, name]) => `${name}${counters[i]}, `);
  return known.length ? `           ${label} rfc2819 ${known.join('')}\n` : '';
}

function customText(custom: NonNullable<PortStats['custom']>): string {
  let s = '           CUSTOM Statistics';
  custom.forEach(({ name, value }, i) => {
    if (name === '') return;
    s += `${i % 3 === 0 ? '\n                      ' : ' '}${name}=${value},`;
  });
  return `${s}\n`;
}

const portsText = (m: Body<'port_stats_reply'>): string => ` ${m.ports.length} ports\n`;

export const portStatsReply: Codec<'port_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => (c.version <= 4 ? decodeOld(one, c.version) : decode14(one)),
      (ports) => ({ kind: 'port_stats_reply', ports }),
    ),
  encode(w, m, c) {
    c.items(m.ports, (port) => encode(w, port, m.version));
  },
  countText: portsText,
  format(m, f) {
    const lines = m.ports.map((p) => {
      let s = `  port ${portToOf10(p.portNo) < 10 ? ' ' : ''}${formatPort(p.portNo, f.portNames)}: rx `;
      s += `pkts=${count(p.rxPackets)}, bytes=${count(p.rxBytes)}, drop=${count(p.rxDropped)}, errs=${count(p.rxErrors)}, `;
      s += `frame=${count(p.rxFrameErr)}, over=${count(p.rxOverErr)}, crc=${count(p.rxCrcErr)}\n           tx `;
      s += `pkts=${count(p.txPackets)}, bytes=${count(p.txBytes)}, drop=${count(p.txDropped)}, errs=${count(p.txErrors)}, `;
      s += `coll=${count(p.collisions)}\n`;
      if (p.durationSec !== UNKNOWN_DURATION)
        s += `           duration=${durationText(p.durationSec, p.durationNsec)}\n`;
      if (p.rfc2819)
        s += histogram('rx', p.rfc2819, 0, RX_OTHERS) + histogram('tx', p.rfc2819, RX_SIZES, TX_OTHERS);
      if (p.custom?.length) s += customText(p.custom);
      return s;
    });
    return portsText(m) + lines.join('');
  },
};
