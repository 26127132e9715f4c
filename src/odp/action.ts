/**
 * Datapath actions as values: what translation produces and a datapath executes.
 *
 * `set` carries the words of the flow key it changes, each with a mask, and the name of the key attribute
 * that they belong to; the netlink codec regroups them into that attribute's struct, the userspace datapath
 * writes them one by one. Port numbers are datapath port numbers.
 * C counterpart: enum ovs_action_attr.
 */

/** Key attributes that a `set` action can change. */
export type OdpSetAttr =
  | 'skb_priority'
  | 'skb_mark'
  | 'tunnel'
  | 'eth'
  | 'vlan'
  | 'ipv4'
  | 'ipv6'
  | 'arp'
  | 'nd'
  | 'nd_ext'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmp'
  | 'icmpv6'
  | 'mpls'
  | 'nsh'
  | 'ct_mark'
  | 'ct_label'
  | 'dp_hash'
  | 'recirc_id'
  | 'packet_type';

/** One word of a flow key to change: `key[word] = (key[word] & ~mask) | value`. */
export interface OdpSetWord {
  readonly word: number;
  readonly value: number;
  readonly mask: number;
}

/** Why a packet comes up and what the daemon wants back with it; opaque bytes to the datapath. */
export type UserspaceCookie =
  | { readonly kind: 'slow_path'; readonly reason: number }
  | {
      readonly kind: 'controller';
      readonly reason: number;
      readonly dontSend: boolean;
      readonly continuation: boolean;
      readonly recircId: number;
      readonly ruleCookie: bigint;
      readonly controllerId: number;
      readonly maxLen: number;
    }
  | { readonly kind: 'sflow'; readonly vlanTci: number; readonly output: number }
  | {
      readonly kind: 'flow_sample';
      readonly probability: number;
      readonly collectorSet: number;
      readonly obsDomain: number;
      readonly obsPoint: number;
      readonly outputPort: number;
      readonly direction: 'default' | 'ingress' | 'egress';
    }
  | { readonly kind: 'ipfix'; readonly outputPort: number }
  | { readonly kind: 'raw'; readonly data: Uint8Array };

export interface OdpNat {
  readonly type: 'src' | 'dst' | undefined;
  readonly minAddr: Uint8Array | undefined;
  readonly maxAddr: Uint8Array | undefined;
  readonly minPort: number;
  readonly maxPort: number;
  readonly persistent: boolean;
  readonly hash: boolean;
  readonly random: boolean;
}

export type OdpAction =
  | { readonly kind: 'output'; readonly port: number }
  | {
      readonly kind: 'userspace';
      readonly pid: number;
      readonly cookie: UserspaceCookie | undefined;
      readonly withActions: boolean;
      readonly egressTunPort: number | undefined;
    }
  | {
      readonly kind: 'set';
      readonly attr: OdpSetAttr;
      readonly masked: boolean;
      readonly words: readonly OdpSetWord[];
    }
  | { readonly kind: 'push_vlan'; readonly tpid: number; readonly tci: number }
  | { readonly kind: 'pop_vlan' }
  | { readonly kind: 'push_mpls'; readonly lse: number; readonly ethertype: number }
  | { readonly kind: 'add_mpls'; readonly lse: number; readonly ethertype: number; readonly tunFlags: number }
  | { readonly kind: 'pop_mpls'; readonly ethertype: number }
  | { readonly kind: 'push_eth'; readonly src: bigint; readonly dst: bigint }
  | { readonly kind: 'pop_eth' }
  | { readonly kind: 'push_nsh'; readonly header: Uint8Array }
  | { readonly kind: 'pop_nsh' }
  | { readonly kind: 'recirc'; readonly recircId: number }
  | { readonly kind: 'hash'; readonly algorithm: 'l4' | 'sym_l4'; readonly basis: number }
  | { readonly kind: 'sample'; readonly probability: number; readonly actions: readonly OdpAction[] }
  | { readonly kind: 'clone'; readonly actions: readonly OdpAction[] }
  | {
      readonly kind: 'ct';
      readonly commit: boolean;
      readonly force: boolean;
      readonly zone: number;
      readonly mark: { readonly value: number; readonly mask: number } | undefined;
      readonly label: { readonly value: readonly number[]; readonly mask: readonly number[] } | undefined;
      readonly helper: string | undefined;
      readonly timeout: string | undefined;
      readonly nat: OdpNat | undefined;
    }
  | { readonly kind: 'ct_clear' }
  | { readonly kind: 'trunc'; readonly maxLen: number }
  | { readonly kind: 'meter'; readonly meterId: number }
  | {
      readonly kind: 'check_pkt_len';
      readonly pktLen: number;
      readonly greater: readonly OdpAction[];
      readonly lessEqual: readonly OdpAction[];
    }
  | {
      readonly kind: 'tunnel_push';
      readonly tnlPort: number;
      readonly outPort: number;
      readonly tnlType: number;
      readonly header: Uint8Array;
    }
  | { readonly kind: 'tunnel_pop'; readonly port: number }
  | { readonly kind: 'lb_output'; readonly bondId: number }
  | { readonly kind: 'dec_ttl'; readonly actions: readonly OdpAction[] }
  | { readonly kind: 'psample'; readonly group: number; readonly cookie: Uint8Array }
  /** Explicit drop with its reason (xlate_error number). */
  | { readonly kind: 'drop'; readonly reason: number };

export type OdpActionKind = OdpAction['kind'];
