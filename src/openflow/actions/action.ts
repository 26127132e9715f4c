/**
 * Every OpenFlow action and instruction as a value: what flow tables hold, translation executes, and each
 * file beside this one turns into bytes and text.
 *
 * As in the C implementation ("ofpacts") instructions are members of the same list, in the order in which
 * they run: meter, apply-actions' own actions, clear_actions, write_actions, write_metadata, goto_table.
 * Ports are 32-bit OpenFlow 1.1+ numbers in every version; 64-bit values are bigints.
 * Values are immutable once built. C counterpart: include/openvswitch/ofp-actions.h.
 */
import type { FieldName } from '../../flow/field-names.ts';
import type { Match } from '../../flow/layout.ts';

/** Part of a field: `bits` bits from bit `offset` (0 is the least significant). */
export interface Subfield {
  readonly field: FieldName;
  readonly offset: number;
  readonly bits: number;
}

export type OfpAct =
  // output
  | { readonly kind: 'output'; readonly port: number; readonly maxLen: number }
  | {
      readonly kind: 'output_reg';
      readonly src: Subfield;
      readonly maxLen: number /** came as NXAST_OUTPUT_REG2 */;
      readonly v2: boolean;
    }
  | { readonly kind: 'output_trunc'; readonly port: number; readonly maxLen: number }
  | {
      readonly kind: 'controller';
      readonly maxLen: number;
      readonly controllerId: number;
      readonly reason: number;
      readonly userdata: Uint8Array;
      readonly pause: boolean;
      readonly meterId: number;
      /** NXAST_CONTROLLER2 was used or is needed. */
      readonly v2: boolean;
    }
  | { readonly kind: 'enqueue'; readonly port: number; readonly queue: number }
  | { readonly kind: 'group'; readonly groupId: number }
  | {
      readonly kind: 'bundle';
      readonly fields: number;
      readonly basis: number;
      readonly algorithm: 'active_backup' | 'hrw';
      readonly members: readonly number[];
      readonly dst: Subfield | undefined;
    }
  // header changes
  | { readonly kind: 'strip_vlan'; readonly compat: 'strip_vlan' | 'pop_vlan' }
  | { readonly kind: 'push_vlan'; readonly ethertype: number }
  | {
      readonly kind: 'set_vlan_vid';
      readonly vid: number;
      readonly pushIfNeeded: boolean;
      readonly flowHasVlan: boolean;
    }
  | {
      readonly kind: 'set_vlan_pcp';
      readonly pcp: number;
      readonly pushIfNeeded: boolean;
      readonly flowHasVlan: boolean;
    }
  | { readonly kind: 'set_eth_src'; readonly mac: bigint }
  | { readonly kind: 'set_eth_dst'; readonly mac: bigint }
  | { readonly kind: 'set_ipv4_src'; readonly ip: number }
  | { readonly kind: 'set_ipv4_dst'; readonly ip: number }
  | { readonly kind: 'set_ip_dscp'; readonly dscp: number }
  | { readonly kind: 'set_ip_ecn'; readonly ecn: number }
  | { readonly kind: 'set_ip_ttl'; readonly ttl: number }
  | {
      readonly kind: 'set_l4_src_port';
      readonly port: number /** of the flow, found by checkActions: 6, 17, 132 or another */;
      readonly flowIpProto: number;
    }
  | { readonly kind: 'set_l4_dst_port'; readonly port: number; readonly flowIpProto: number }
  | {
      readonly kind: 'dec_ttl';
      readonly controllers: readonly number[] /** with explicit controller ids, dec_ttl(ID,...) */;
      readonly explicit: boolean;
    }
  | { readonly kind: 'set_mpls_label'; readonly label: number }
  | { readonly kind: 'set_mpls_tc'; readonly tc: number }
  | { readonly kind: 'set_mpls_ttl'; readonly ttl: number }
  | { readonly kind: 'dec_mpls_ttl' }
  | { readonly kind: 'push_mpls'; readonly ethertype: number }
  | { readonly kind: 'pop_mpls'; readonly ethertype: number }
  | { readonly kind: 'dec_nsh_ttl' }
  | { readonly kind: 'delete_field'; readonly field: FieldName }
  | {
      readonly kind: 'encap';
      readonly header: EncapHeader;
      readonly hdrSize: number;
      readonly props: readonly EncapProperty[];
    }
  | { readonly kind: 'decap'; readonly newPktType: number }
  // fields
  | {
      readonly kind: 'set_field';
      readonly field: FieldName;
      readonly value: bigint;
      readonly mask: bigint;
      readonly flowHasVlan: boolean /** NXAST_REG_LOAD2 was used */;
      readonly compat: 'set_field' | 'reg_load2';
    }
  /** A set_field of part of a field that came as, and goes out as, NXAST_REG_LOAD (several when over 64 bits). */
  | {
      readonly kind: 'reg_load';
      readonly dst: Subfield;
      readonly value: bigint;
      readonly flowHasVlan: boolean;
    }
  | {
      readonly kind: 'reg_move';
      readonly src: Subfield;
      readonly dst: Subfield;
      readonly compat: 'reg_move' | 'copy_field';
    }
  | { readonly kind: 'stack_push'; readonly subfield: Subfield }
  | { readonly kind: 'stack_pop'; readonly subfield: Subfield }
  | {
      readonly kind: 'multipath';
      readonly fields: number;
      readonly basis: number;
      readonly algorithm: number;
      readonly maxLink: number;
      readonly arg: number;
      readonly dst: Subfield;
    }
  // metadata
  | { readonly kind: 'set_tunnel'; readonly tunId: bigint; readonly wide: boolean }
  | { readonly kind: 'set_queue'; readonly queue: number }
  | { readonly kind: 'pop_queue' }
  | { readonly kind: 'fin_timeout'; readonly idle: number; readonly hard: number }
  // control
  | {
      readonly kind: 'resubmit';
      readonly inPort: number;
      readonly table: number;
      readonly withCt: boolean /** came as NXAST_RESUBMIT, without a table */;
      readonly compact: boolean;
    }
  | { readonly kind: 'learn'; readonly learn: LearnSpec }
  | { readonly kind: 'conjunction'; readonly id: number; readonly clause: number; readonly nClauses: number }
  | { readonly kind: 'note'; readonly data: Uint8Array }
  | { readonly kind: 'exit' }
  | {
      readonly kind: 'sample';
      readonly probability: number;
      readonly collectorSet: number;
      readonly obsDomain: number | Subfield;
      readonly obsPoint: number | Subfield;
      readonly samplingPort: number;
      readonly direction: 'default' | 'ingress' | 'egress' /** the oldest NXAST_SAMPLE form to write it as */;
      readonly form: 1 | 2 | 3 | 4;
    }
  | {
      readonly kind: 'ct';
      readonly flags: number; // 1 commit, 2 force
      readonly zoneImm: number;
      readonly zoneSrc: Subfield | undefined;
      readonly recircTable: number; // 255: none
      readonly alg: number; // 0, 21 ftp, 69 tftp
      readonly actions: readonly OfpAct[];
    }
  | {
      readonly kind: 'nat';
      readonly flags: number;
      readonly family: 0 | 4 | 6;
      readonly minAddr: bigint /** 0: none, as for the others */;
      readonly maxAddr: bigint;
      readonly minPort: number;
      readonly maxPort: number;
    }
  | { readonly kind: 'ct_clear' }
  | { readonly kind: 'unroll_xlate'; readonly table: number; readonly cookie: bigint }
  | { readonly kind: 'clone'; readonly actions: readonly OfpAct[] }
  | { readonly kind: 'check_pkt_larger'; readonly pktLen: number; readonly dst: Subfield }
  | { readonly kind: 'debug_recirc' }
  | { readonly kind: 'debug_slow' }
  // instructions
  | { readonly kind: 'meter'; readonly meterId: number }
  | { readonly kind: 'clear_actions' }
  | { readonly kind: 'write_actions'; readonly actions: readonly OfpAct[] }
  | { readonly kind: 'write_metadata'; readonly metadata: bigint; readonly mask: bigint }
  | { readonly kind: 'goto_table'; readonly table: number };

export type OfpActKind = OfpAct['kind'];
/** The action of one kind, e.g. `Act<'output'>`. */
export type Act<K extends OfpActKind> = Extract<OfpAct, { kind: K }>;

/** packet_type to encapsulate with: (namespace << 16) | ns_type, e.g. 0x1894f for nsh, 0 for ethernet. */
export type EncapHeader = number;

export type EncapProperty =
  | { readonly kind: 'nsh_md_type'; readonly mdType: number }
  | { readonly kind: 'nsh_tlv'; readonly tlvClass: number; readonly type: number; readonly data: Uint8Array };

export interface LearnSpec {
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly finIdleTimeout: number;
  readonly finHardTimeout: number;
  readonly priority: number;
  readonly cookie: bigint;
  readonly table: number;
  /** 1 send_flow_rem, 2 delete_learned, 4 write_result. */
  readonly flags: number;
  readonly limit: number;
  readonly resultDst: Subfield | undefined;
  /** Came as NXAST_LEARN2. */
  readonly v2: boolean;
  readonly specs: readonly LearnFlowSpec[];
}

export interface LearnFlowSpec {
  readonly src:
    | { readonly kind: 'field'; readonly subfield: Subfield }
    | { readonly kind: 'value'; readonly value: bigint };
  readonly dst:
    | { readonly kind: 'match'; readonly subfield: Subfield }
    | { readonly kind: 'load'; readonly subfield: Subfield }
    | { readonly kind: 'output' };
  readonly bits: number;
}

/** A flow as text and FLOW_MOD carry it: used by `learn` and by the parsers. */
export interface MatchAndActions {
  readonly match: Match;
  readonly actions: readonly OfpAct[];
}
