/**
 * The Ethernet address of a bridge's local port and the bridge's datapath id. See "Bridge Configuration" in
 * ovs-vswitchd.conf.db(5): other_config:hwaddr, or else the least address among the bridge's ports.
 */

import type { Uuid } from '../base/uuid.ts';
import { vlog } from '../base/vlog.ts';
import { OFPP } from '../flow/ports.ts';
import { formatMacNumber } from '../flow/text.ts';
import { compareStrings } from '../ovsdb/atom.ts';
import { isMulticastMac } from '../packet/ethernet.ts';
import type { OvsRow } from './configuration.ts';
import { type Iface, macOf } from './iface.ts';
import type { Port } from './port.ts';

const log = vlog('bridge');

const isLocalMac = (mac: number): boolean => (Math.floor(mac / 2 ** 40) & 2) !== 0;

/** The address of a bridge without any other: from its row's UUID, so that it stays the same. */
export function defaultAddress(uuid: Uuid): number {
  // The bytes of the first two 32-bit words of the UUID, in little-endian order.
  const hex = uuid.replaceAll('-', '');
  const byte = (i: number): number => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  const bytes = [3, 2, 1, 0, 7, 6].map(byte);
  bytes[0] = (bytes[0]! & ~1) | 2;
  return bytes.reduce((mac, b) => mac * 256 + b, 0);
}

/** @param vlanBridge the port of a VLAN bridge: only ports in its VLAN count */
export function leastAddress(
  row: OvsRow<'Bridge'>,
  ports: Iterable<Port>,
  fallback: number,
  vlanBridge?: Port,
): number {
  const mirrorOutputs = new Set(row.mirrors.map((mirror) => mirror.output_port));
  const vlan = vlanBridge?.config.row?.tag;
  let best: number | undefined;
  for (const port of ports) {
    const { row: portRow } = port.config;
    if (portRow && mirrorOutputs.has(portRow)) continue;
    let mac = macOf(portRow?.mac);
    if (mac === undefined) {
      const iface = [...port.ifaces].sort((a, b) => compareStrings(a.name, b.name))[0] as Iface;
      if (iface.ofpPort === OFPP.LOCAL) continue;
      if (vlan !== undefined && portRow?.tag !== vlan) continue;
      mac = iface.netdev.mac();
    }
    const suitable = mac !== 0 && !isMulticastMac(mac) && !isLocalMac(mac);
    if (suitable && (best === undefined || mac < best)) best = mac;
  }
  return best ?? fallback;
}

export function pickAddress(row: OvsRow<'Bridge'>, ports: Iterable<Port>, fallback: number): number {
  const wanted = macOf(row.other_config.get('hwaddr'));
  if (wanted !== undefined) {
    if (isMulticastMac(wanted))
      log.err(`bridge ${row.name}: cannot set MAC address to multicast address ${formatMacNumber(wanted)}`);
    else if (wanted === 0) log.err(`bridge ${row.name}: cannot set MAC address to zero`);
    else return wanted;
  }
  return leastAddress(row, ports, fallback);
}

/** other_config:datapath-id (1 to 16 hexadecimal digits, perhaps after 0x), or the address. */
export function pickDatapathId(row: OvsRow<'Bridge'>, address: number): bigint {
  const match = /^(?:0x)?([0-9a-fA-F]{1,16})$/.exec(row.other_config.get('datapath-id') ?? '');
  const id = match ? BigInt(`0x${match[1]}`) : 0n;
  // Without the prefix all 16 digits must be there.
  const complete = match && (match[0].startsWith('0x') || match[1]!.length === 16);
  return complete && id !== 0n ? id : BigInt(address);
}
