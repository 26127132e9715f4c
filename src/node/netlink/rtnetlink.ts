/**
 * Network links as the kernel reports and changes them over rtnetlink.
 *
 * C counterparts: lib/rtnetlink.c and the netlink half of lib/netdev-linux.c.
 */
import type { Mac, NetdevStats } from '../../datapath/netdev-provider.ts';
import {
  attributes,
  attributeText,
  type NetlinkMessage,
  NetlinkRequest,
  NLM_F_ACK,
  NLM_F_DUMP,
} from './message.ts';
import { NETLINK_ROUTE, NetlinkNotifier, NetlinkSocket } from './socket.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTMGRP_LINK = 1;
/** struct ifinfomsg: family, type (u16 at 2), index (4), flags (8), change (12). */
const IFINFOMSG_BYTES = 16;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_STATS64 = 23;

export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
/** The link is operational: what the C implementation takes for carrier. */
export const IFF_RUNNING = 0x40;
export const IFF_PROMISC = 0x100;

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  readonly flags: number;
  readonly mtu: number;
  readonly mac: Mac;
  /** Kind of a virtual device ('veth', 'tun', 'bridge' ...), '' for hardware. */
  readonly kind: string;
  readonly stats: NetdevStats;
}

const EMPTY_STATS: NetdevStats = {
  rxPackets: 0,
  txPackets: 0,
  rxBytes: 0,
  txBytes: 0,
  rxErrors: 0,
  txErrors: 0,
  rxDropped: 0,
  txDropped: 0,
  rxCrcErrors: 0,
  rxFrameErrors: 0,
  rxOverErrors: 0,
  collisions: 0,
};

export function macFromBytes(data: DataView): Mac {
  if (data.byteLength !== 6) return 0;
  return data.getUint16(0) * 2 ** 32 + data.getUint32(2);
}

export function macToBytes(mac: Mac): Uint8Array {
  const view = new DataView(new ArrayBuffer(6));
  view.setUint16(0, Math.floor(mac / 2 ** 32));
  view.setUint32(2, mac % 2 ** 32);
  return new Uint8Array(view.buffer);
}

/** struct rtnl_link_stats64: 64-bit counters in a fixed order. */
function parseStats(data: DataView): NetdevStats {
  const at = (i: number): number =>
    i * 8 + 8 <= data.byteLength ? Number(data.getBigUint64(i * 8, true)) : 0;
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
    collisions: at(9),
    rxOverErrors: at(11),
    rxCrcErrors: at(12),
    rxFrameErrors: at(13),
  };
}

/** A link message's content; undefined for other messages. */
export function parseLink(message: NetlinkMessage): Link | undefined {
  if (message.type !== RTM_NEWLINK && message.type !== RTM_DELLINK) return undefined;
  const { body } = message;
  if (body.byteLength < IFINFOMSG_BYTES) return undefined;
  const found = attributes(body, IFINFOMSG_BYTES);
  const name = found.get(IFLA_IFNAME);
  if (!name) return undefined;
  const address = found.get(IFLA_ADDRESS);
  const mtu = found.get(IFLA_MTU);
  const info = found.get(IFLA_LINKINFO);
  const kind = info && attributes(info).get(IFLA_INFO_KIND);
  const stats = found.get(IFLA_STATS64);
  return {
    ifindex: body.getInt32(4, true),
    name: attributeText(name),
    flags: body.getUint32(8, true),
    mtu: mtu ? mtu.getUint32(0, true) : 0,
    mac: address ? macFromBytes(address) : 0,
    kind: kind ? attributeText(kind) : '',
    stats: stats ? parseStats(stats) : EMPTY_STATS,
  };
}

export interface LinkChange {
  readonly mtu?: number;
  readonly mac?: Mac;
  readonly up?: boolean;
}

/** Asks the kernel about links and changes them. One socket, made at first use. */
export class RtNetlink {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

  /** All links. @throws SystemError */
  dumpLinks(): Link[] {
    const request = new NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, IFINFOMSG_BYTES);
    return this.#socket.transact(request).flatMap((message) => parseLink(message) ?? []);
  }

  /** @throws SystemError ENODEV */
  link(by: string | number): Link {
    const request = new NetlinkRequest(RTM_GETLINK, NLM_F_ACK, IFINFOMSG_BYTES);
    if (typeof by === 'number') request.header32(4, by);
    else request.string(IFLA_IFNAME, by);
    for (const message of this.#socket.transact(request)) {
      const link = parseLink(message);
      if (link) return link;
    }
    throw new Error('the kernel answered a link request without a link');
  }

  /** @throws SystemError EPERM, ENODEV, EINVAL ... */
  change(ifindex: number, change: LinkChange): void {
    const request = new NetlinkRequest(RTM_NEWLINK, NLM_F_ACK, IFINFOMSG_BYTES).header32(4, ifindex);
    if (change.up !== undefined) request.header32(8, change.up ? IFF_UP : 0).header32(12, IFF_UP);
    if (change.mtu !== undefined) request.u32(IFLA_MTU, change.mtu);
    if (change.mac !== undefined) request.put(IFLA_ADDRESS, macToBytes(change.mac));
    this.#socket.transact(request);
  }

  close(): void {
    this.#socket.close();
  }
}

export interface LinkEvents {
  /** A link appeared or changed. */
  changed(link: Link): void;
  deleted(link: Link): void;
  /** Events were lost: anything may have changed. */
  lost(): void;
}

/** Reports changes of links until it is closed. @throws SystemError */
export function watchLinks(events: LinkEvents): NetlinkNotifier {
  return new NetlinkNotifier(NETLINK_ROUTE, RTMGRP_LINK, {
    message(message) {
      const link = parseLink(message);
      if (!link) return;
      // A port that leaves a kernel bridge is also a DELLINK, of family AF_BRIDGE: no device went away.
      if (message.type === RTM_NEWLINK) events.changed(link);
      else if (message.body.getUint8(0) === 0) events.deleted(link);
    },
    lost: events.lost,
  });
}
