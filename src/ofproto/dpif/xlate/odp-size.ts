/**
 * How large datapath actions are as netlink attributes. A list that does not fit one attribute cannot be
 * given to a kernel datapath, and bounds what a chain of resubmits may yield, in every datapath alike.
 */
import type { OdpAction } from '../../../odp/action.ts';

const HEADER = 4;
const align = (n: number): number => (n + 3) & ~3;
/** struct user_action_cookie, and the attributes around it. */
const USERSPACE_BYTES = HEADER + 8 + HEADER + 48;

/** Bytes of the struct of a key attribute. */
const KEY_BYTES: Readonly<Record<string, number>> = {
  eth: 12,
  ipv4: 12,
  ipv6: 40,
  arp: 24,
  nd: 28,
  nd_ext: 8,
  tcp: 4,
  udp: 4,
  sctp: 4,
  icmp: 2,
  icmpv6: 2,
  mpls: 4,
  nsh: 24,
  ct_label: 16,
  tunnel: 64,
};

/** Sum over a list. */
export function odpActionsBytes(actions: readonly OdpAction[]): number {
  let n = 0;
  for (const a of actions) n += odpActionBytes(a);
  return n;
}

/** Size of an action. Nested actions are counted when they are emitted, so not here. */
export function odpActionBytes(a: OdpAction): number {
  switch (a.kind) {
    case 'pop_vlan':
    case 'pop_eth':
    case 'pop_nsh':
    case 'ct_clear':
      return HEADER;
    case 'set': {
      const n = KEY_BYTES[a.attr] ?? 4;
      return HEADER + HEADER + align(a.masked ? 2 * n : n);
    }
    case 'userspace':
      return HEADER + USERSPACE_BYTES;
    case 'push_eth':
      return HEADER + 12;
    case 'push_nsh':
      return HEADER + align(a.header.length + 8);
    case 'sample':
      return HEADER + 8 + HEADER;
    case 'check_pkt_len':
      return HEADER + 8 + 2 * HEADER;
    case 'ct':
      return HEADER + 8 + (a.mark ? 12 : 0) + (a.label ? 36 : 0) + (a.commit ? 12 : 0) + (a.nat ? 40 : 0);
    case 'hash':
    case 'add_mpls':
    case 'push_mpls':
      return HEADER + 8;
    case 'tunnel_push':
      return HEADER + 24 + align(a.header.length);
    case 'psample':
      return HEADER + 8 + HEADER + align(a.cookie.length);
    default:
      return HEADER + 4;
  }
}
