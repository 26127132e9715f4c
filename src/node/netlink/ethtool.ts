/**
 * What ethtool's ioctls say about a device: its driver, speed, duplex and features.
 *
 * The legacy ETHTOOL_GSET suffices: it is what the C implementation reads, and the OpenFlow bits know no newer link
 * modes. C counterpart: the ethtool part of lib/netdev-linux.c.
 */
import { SystemError } from '../../base/host.ts';
import { check, errno, libc, pin } from '../ffi/libc.ts';

const SIOCETHTOOL = 0x8946n;
const ETHTOOL_GSET = 1;
const ETHTOOL_GDRVINFO = 3;
const ETHTOOL_STXCSUM = 0x17;
const ETHTOOL_STSO = 0x1f;
const ETHTOOL_SGSO = 0x24;
const IFNAMSIZ = 16;
const AF_INET = 2;
const SOCK_DGRAM = 2;

const buffer = pin(256);
const request = pin(40); // struct ifreq
let controlSocket = -1;

function ethtool(name: string, command: number, data = 0): DataView {
  if (controlSocket < 0) controlSocket = check(libc.socket(AF_INET, SOCK_DGRAM, 0));
  buffer.bytes.fill(0);
  buffer.view.setUint32(0, command, true);
  buffer.view.setUint32(4, data, true);
  request.bytes.fill(0);
  request.bytes.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
  request.view.setBigUint64(IFNAMSIZ, buffer.pointer, true);
  if (libc.ioctl(controlSocket, SIOCETHTOOL, request.pointer) < 0) throw new SystemError(errno());
  return buffer.view;
}

export interface DriverInfo {
  readonly driver: string;
  readonly version: string;
  readonly firmware: string;
}

/** @throws SystemError EOPNOTSUPP for devices without ethtool */
export function driverInfo(name: string): DriverInfo {
  ethtool(name, ETHTOOL_GDRVINFO);
  const text = (at: number, size: number): string => {
    const bytes = buffer.bytes.subarray(at, at + size);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  };
  return { driver: text(4, 32), version: text(36, 32), firmware: text(68, 32) };
}

export interface LinkFeatures {
  readonly speedBps: number;
  readonly fullDuplex: boolean;
  /** OFPPF_* bits of OpenFlow 1.1. */
  readonly current: number;
  readonly advertised: number;
  readonly supported: number;
}

export const NO_FEATURES: LinkFeatures = {
  speedBps: 0,
  fullDuplex: false,
  current: 0,
  advertised: 0,
  supported: 0,
};

const OFPPF_COPPER = 1 << 11;
const OFPPF_FIBER = 1 << 12;
const OFPPF_AUTONEG = 1 << 13;

/** Which bit of ethtool's SUPPORTED_* and ADVERTISED_* masks is which bit of OFPPF_*. */
const LINK_MODES: readonly (readonly [ethtoolBit: number, ofppfBit: number])[] = [
  [0, 0], // 10baseT half
  [1, 1],
  [2, 2], // 100baseT half
  [3, 3],
  [4, 4], // 1000baseT half
  [5, 5],
  [17, 5], // 1000baseKX
  [12, 6], // 10000baseT
  [18, 6],
  [19, 6],
  [20, 6],
  [23, 7], // 40000base*
  [24, 7],
  [25, 7],
  [26, 7],
  [7, 11], // twisted pair
  [10, 12], // fibre
  [6, 13], // autonegotiation
  [13, 14], // pause
  [14, 15],
];

/** OFPPF_* bit of each speed in Mbit/s, half and full duplex. */
const SPEEDS: ReadonlyMap<number, readonly [half: number, full: number]> = new Map([
  [10, [1 << 0, 1 << 1]],
  [100, [1 << 2, 1 << 3]],
  [1000, [1 << 4, 1 << 5]],
  [10_000, [1 << 6, 1 << 6]],
  [40_000, [1 << 7, 1 << 7]],
  [100_000, [1 << 8, 1 << 8]],
  [1_000_000, [1 << 9, 1 << 9]],
]);
const OFPPF_OTHER = 1 << 10;
const SPEED_UNKNOWN = 0xffff_ffff;
const PORT_TP = 0;
const PORT_FIBRE = 3;

const modes = (mask: number): number =>
  LINK_MODES.reduce((bits, [from, to]) => ((mask >>> from) & 1 ? bits | (1 << to) : bits), 0);

/** @throws SystemError EOPNOTSUPP for devices without ethtool */
export function linkFeatures(name: string): LinkFeatures {
  const reply = ethtool(name, ETHTOOL_GSET); // struct ethtool_cmd
  const mbps = (reply.getUint16(12, true) | (reply.getUint16(28, true) << 16)) >>> 0;
  const fullDuplex = reply.getUint8(14) !== 0;
  const known = mbps !== 0 && mbps !== SPEED_UNKNOWN;
  let current = known ? (SPEEDS.get(mbps)?.[fullDuplex ? 1 : 0] ?? OFPPF_OTHER) : 0;
  const port = reply.getUint8(15);
  if (port === PORT_TP) current |= OFPPF_COPPER;
  else if (port === PORT_FIBRE) current |= OFPPF_FIBER;
  if (reply.getUint8(18) !== 0) current |= OFPPF_AUTONEG;
  return {
    speedBps: known ? mbps * 1e6 : 0,
    fullDuplex,
    current,
    supported: modes(reply.getUint32(4, true)),
    advertised: modes(reply.getUint32(8, true)),
  };
}

/** Turns a device's transmit checksum and segmentation offloads on or off, as `ethtool -K DEV tx on|off` does.
 * @throws SystemError */
export function setTransmitOffloads(name: string, on: boolean): void {
  for (const command of [ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO]) ethtool(name, command, on ? 1 : 0);
}
