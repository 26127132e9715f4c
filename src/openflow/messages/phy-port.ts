/**
 * Descriptions of ports, as features replies, port statuses and port descriptions carry them.
 * C counterpart: lib/ofp-port.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { vlog } from '../../base/vlog.ts';
import { formatPort, portFromOf10, portFromOf11, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { PC, type PhyPort, PS } from './message.ts';
import { eachProperty, propertyStruct, putProperty, unknownProperty } from './properties.ts';
import { bitNames, fixedBytes, fixedName, macText } from './text.ts';

const log = vlog('ofp_port');

const NAME_LENGTH = 16;
export const OFPPC10_ALL = 0x7f;
export const OFPPC11_ALL = 0x65;
const OFPPS10_ALL = 0x301;
const OFPPS11_ALL = 0x7;
const OFPPDPT14_ETHERNET = 0;
const PORT14_LENGTH = 40;
const ETHERNET14_LENGTH = 32;

/** Speeds and media, in the numbering of OpenFlow 1.1. */
const FEATURES: Readonly<Record<number, string>> = {
  1: '10MB-HD',
  2: '10MB-FD',
  4: '100MB-HD',
  8: '100MB-FD',
  16: '1GB-HD',
  32: '1GB-FD',
  64: '10GB-FD',
  128: '40GB-FD',
  256: '100GB-FD',
  512: '1TB-FD',
  1024: 'OTHER',
  2048: 'COPPER',
  4096: 'FIBER',
  8192: 'AUTO_NEG',
  16384: 'AUTO_PAUSE',
  32768: 'AUTO_PAUSE_ASYM',
};

const CONFIG: Readonly<Record<number, string>> = {
  [PC.PORT_DOWN]: 'PORT_DOWN',
  [PC.NO_STP]: 'NO_STP',
  [PC.NO_RECV]: 'NO_RECV',
  [PC.NO_RECV_STP]: 'NO_RECV_STP',
  [PC.NO_FLOOD]: 'NO_FLOOD',
  [PC.NO_FWD]: 'NO_FWD',
  [PC.NO_PACKET_IN]: 'NO_PACKET_IN',
};

const STATE: Readonly<Record<number, string>> = {
  [PS.LINK_DOWN]: 'LINK_DOWN',
  [PS.BLOCKED]: 'BLOCKED',
  [PS.LIVE]: 'LIVE',
};

const STP_STATES = ['STP_LISTEN', 'STP_LEARN', 'STP_FORWARD', 'STP_BLOCK'];

/** OpenFlow 1.0 has no speeds above 10 Gbps, so its media bits lie lower. */
export const featuresFromOf10 = (bits: number): number => (bits & 0x7f) | ((bits & 0xf80) << 4);
export const featuresToOf10 = (bits: number): number => (bits & 0x7f) | ((bits & 0xf800) >> 4);

/** Fastest speed among features, in kbps. */
function speedOf(features: number): number {
  const speeds: readonly (readonly [number, number])[] = [
    [0x200, 1e9],
    [0x100, 1e8],
    [0x80, 4e7],
    [0x40, 1e7],
    [0x30, 1e6],
    [0x0c, 1e5],
    [0x03, 1e4],
  ];
  return speeds.find(([bits]) => (features & bits) !== 0)?.[1] ?? 0;
}

export const featuresText = (features: number): string => `${bitNames(features, FEATURES, ' ')}\n`;
export const portConfigText = (config: number): string => `${bitNames(config, CONFIG, ' ')}\n`;

function stateText(state: number): string {
  const stp = (state & PS.STP_MASK) >> 8;
  if (stp === 0) return bitNames(state, STATE, ' ');
  const rest = state & ~PS.STP_MASK;
  return STP_STATES[stp]! + (rest ? bitNames(rest, STATE, ' ') : '');
}

/** A port of OpenFlow 1.1+.
 * @throws OfpError OFPBAC_BAD_OUT_PORT outside of the supported ranges */
export function readPort11(r: ByteReader): number {
  const port = portFromOf11(r.u32());
  if (port === undefined) throw new OfpError('OFPBAC_BAD_OUT_PORT');
  return port;
}

export const readMac = (r: ByteReader): bigint => (BigInt(r.u16()) << 32n) | BigInt(r.u32());
export const putMac = (w: ByteWriter, mac: bigint): ByteWriter =>
  w.u16(Number(mac >> 32n)).u32(Number(mac & 0xffff_ffffn));

function decode10(r: ByteReader): PhyPort {
  const portNo = portFromOf10(r.u16());
  const hwAddr = readMac(r);
  const name = fixedName(r.take(NAME_LENGTH));
  const config = r.u32() & OFPPC10_ALL;
  const state = r.u32() & OFPPS10_ALL;
  const curr = featuresFromOf10(r.u32());
  const advertised = featuresFromOf10(r.u32());
  const supported = featuresFromOf10(r.u32());
  const peer = featuresFromOf10(r.u32());
  const currSpeed = speedOf(curr);
  const maxSpeed = speedOf(supported);
  return { portNo, hwAddr, name, config, state, curr, advertised, supported, peer, currSpeed, maxSpeed };
}

const features11 = (r: ByteReader): number => r.u32() & 0xffff;

const decodeFeatures = (r: ByteReader) => ({
  curr: features11(r),
  advertised: features11(r),
  supported: features11(r),
  peer: features11(r),
  currSpeed: r.u32(),
  maxSpeed: r.u32(),
});

function decode11(r: ByteReader): PhyPort {
  const portNo = readPort11(r);
  r.skip(4);
  const hwAddr = readMac(r);
  r.skip(2);
  const name = fixedName(r.take(NAME_LENGTH));
  const config = r.u32() & OFPPC11_ALL;
  const state = r.u32() & OFPPS11_ALL;
  return { portNo, hwAddr, name, config, state, ...decodeFeatures(r) };
}

function decode14(r: ByteReader): PhyPort {
  const start = r.pos;
  const portNo = r.u32();
  const length = r.u16();
  r.skip(2);
  const hwAddr = readMac(r);
  r.skip(2);
  const name = fixedName(r.take(NAME_LENGTH));
  const config = r.u32() & OFPPC11_ALL;
  const state = r.u32() & OFPPS11_ALL;
  const rest = length - (r.pos - start);
  if (rest < 0 || rest > r.left) throw new OfpError('OFPBRC_BAD_LEN');
  const checked = portFromOf11(portNo);
  if (checked === undefined) throw new OfpError('OFPBAC_BAD_OUT_PORT');
  let features = { curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0 };
  eachProperty(r.sub(rest), (p) => {
    if (p.type !== OFPPDPT14_ETHERNET || p.experimenter) return unknownProperty(log, true, 'port', p);
    const ethernet = propertyStruct(p, ETHERNET14_LENGTH);
    ethernet.skip(4);
    features = decodeFeatures(ethernet);
  });
  return { portNo: checked, hwAddr, name, config, state, ...features };
}

/** Takes one port description of that version. */
export function readPhyPort(r: ByteReader, version: number): PhyPort {
  if (version === 1) return decode10(r);
  return version <= 4 ? decode11(r) : decode14(r);
}

const putFeatures = (w: ByteWriter, p: PhyPort): ByteWriter =>
  w
    .u32(p.curr & 0xffff)
    .u32(p.advertised & 0xffff)
    .u32(p.supported & 0xffff)
    .u32(p.peer & 0xffff)
    .u32(p.currSpeed)
    .u32(p.maxSpeed);

/** Writes one port description. */
export function putPhyPort(w: ByteWriter, p: PhyPort, version: number): void {
  if (version === 1) {
    putMac(w.u16(portToOf10(p.portNo)), p.hwAddr).put(fixedBytes(p.name, NAME_LENGTH));
    w.u32(p.config & OFPPC10_ALL).u32(p.state & OFPPS10_ALL);
    for (const f of [p.curr, p.advertised, p.supported, p.peer]) w.u32(featuresToOf10(f));
    return;
  }
  w.u32(p.portNo);
  if (version <= 4) w.u32(0);
  else w.u16(PORT14_LENGTH + ETHERNET14_LENGTH).u16(0);
  putMac(w, p.hwAddr).u16(0).put(fixedBytes(p.name, NAME_LENGTH));
  w.u32(p.config & OFPPC11_ALL).u32(p.state & OFPPS11_ALL);
  if (version <= 4) putFeatures(w, p);
  else putProperty(w, OFPPDPT14_ETHERNET, () => putFeatures(w.u32(0), p));
}

/** The lines that describe a port. */
export function phyPortText(p: PhyPort): string {
  const name = /^[\x20-\x7e]*/.exec(p.name)![0];
  const features = (label: string, bits: number): string =>
    bits ? `     ${label}${featuresText(bits)}` : '';
  return (
    ` ${formatPort(p.portNo)}(${name}): addr:${macText(p.hwAddr)}\n` +
    `     config:     ${portConfigText(p.config)}` +
    `     state:      ${stateText(p.state)}\n` +
    features('current:    ', p.curr) +
    features('advertised: ', p.advertised) +
    features('supported:  ', p.supported) +
    features('peer:       ', p.peer) +
    `     speed: ${Math.floor(p.currSpeed / 1000)} Mbps now, ${Math.floor(p.maxSpeed / 1000)} Mbps max\n`
  );
}

/** The same for several, by port number. */
export const phyPortsText = (ports: readonly PhyPort[]): string =>
  [...ports]
    .sort((a, b) => portToOf10(a.portNo) - portToOf10(b.portNo))
    .map(phyPortText)
    .join('');
