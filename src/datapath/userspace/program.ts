/**
 * A flow's actions as a byte code of 32-bit words, which {@link Executor} runs for batches of packets.
 *
 * Compiled once when the flow is put, so that per packet nothing is looked at twice: values stand as they go into the
 * packet, nested lists are lengths to jump over, and what only the compiler can see is decided here:
 *
 * - frames are queued for output by reference, so before the first change after an output stands a `FLUSH`;
 * - a nested list (clone, sample, check_pkt_len) or a recirculation gets copies of the packets only if it changes
 *   them and something after it still wants them as they are.
 *
 * C counterpart: none; lib/odp-execute.c walks the netlink attributes of the actions for every batch.
 */
import { F, newFlow } from '../../flow/layout.ts';
import type { OdpAction, OdpSetWord } from '../../odp/action.ts';
import { flowToKey, K, KEY_STRIDE, keyWordOf, swap16 } from './key.ts';

/** Operations, each with its operands. `values` and `masks` of a set are words as in the compact key. */
export const OP = {
  END: 0,
  /** port */
  OUTPUT: 1,
  FLUSH: 2,
  /** DL_DST_LOW, DL_SRC_HIGH, DL_REST: value, mask each */
  SET_ETH: 3,
  /** NW_SRC, NW_DST, NW: value, mask each */
  SET_IPV4: 4,
  /** IPV6_SRC (4), IPV6_DST (4), IPV6_LABEL, NW: value, mask each */
  SET_IPV6: 5,
  /** TP: value, mask */
  SET_PORTS: 6,
  /** TP with type and code: value, mask */
  SET_ICMP: 7,
  /** NW_SRC, NW_DST, opcode, ARP_SHA (2), ARP_THA (2): value, mask each; in host order but for the addresses */
  SET_ARP: 8,
  /** ND_TARGET (4), ARP_SHA (2), ARP_THA (2), ND_RESERVED: value, mask each; host order */
  SET_ND: 9,
  /** lse: value, mask; host order */
  SET_MPLS: 10,
  /** key word, value, mask */
  SET_METADATA: 11,
  /** TPID, TCI as they stand in a packet */
  PUSH_VLAN: 12,
  POP_VLAN: 13,
  /** lse (host order), ethertype (as in a packet) */
  PUSH_MPLS: 14,
  /** ethertype (as in a packet) */
  POP_MPLS: 15,
  /** destination and source MAC as six 16-bit words of a packet in three words */
  PUSH_ETH: 16,
  POP_ETH: 17,
  /** recirc id, whether to copy */
  RECIRC: 18,
  /** 0 l4 or 1 symmetric l4, basis */
  HASH: 19,
  /** probability of 2**32, whether to copy, words of the body */
  SAMPLE: 20,
  /** whether to copy, words of the body */
  CLONE: 21,
  /** length, whether to copy, words of the first body (larger), words of the second */
  CHECK_PKT_LEN: 22,
  /** bytes */
  TRUNC: 23,
  /** meter id */
  METER: 24,
  /** index into `userspace` */
  USERSPACE: 25,
  /** why, as the translation numbers it */
  DROP: 26,
  /** bond id */
  LB_OUTPUT: 27,
  /** index into `ct` */
  CT: 28,
  CT_CLEAR: 29,
  /** index into `headers` */
  PUSH_NSH: 30,
  POP_NSH: 31,
  /** words of the body for packets whose TTL has run out */
  DEC_TTL: 32,
  /** lse (host order), ethertype (as in a packet) */
  ADD_MPLS: 33,
} as const;

type Act<T extends OdpAction['kind']> = Extract<OdpAction, { kind: T }>;

export interface Program {
  readonly code: Int32Array;
  readonly actions: readonly OdpAction[];
  readonly userspace: readonly Act<'userspace'>[];
  readonly ct: readonly Act<'ct'>[];
  readonly headers: readonly Uint8Array[];
}

/** Flag of add_mpls: the label goes between the Ethernet header and the network header. */
const MPLS_L3_TUNNEL = 1;

/** An action that this datapath does not have. */
export class UnsupportedActionError extends Error {}

class Compiler {
  readonly code: number[] = [];
  readonly userspace: Act<'userspace'>[] = [];
  readonly ct: Act<'ct'>[] = [];
  readonly headers: Uint8Array[] = [];
  /** Packets may be queued for output, by reference. */
  #queued = false;

  /** @param last whether nothing after the list needs the packets as they are */
  list(actions: readonly OdpAction[], last: boolean): void {
    for (const [i, action] of actions.entries()) this.#action(action, last && i === actions.length - 1);
  }

  #change(...words: number[]): void {
    this.#flush();
    this.code.push(...words);
  }

  #flush(): void {
    if (this.#queued) this.code.push(OP.FLUSH);
    this.#queued = false;
  }

  /** Appends a body and writes its length into `code[at]`. */
  #body(actions: readonly OdpAction[], at: number, copies: boolean, last: boolean): void {
    const start = this.code.length;
    const queued = this.#queued;
    if (copies) this.#queued = false;
    this.list(actions, copies || last);
    this.code.push(OP.END);
    this.code[at] = this.code.length - start;
    this.#queued ||= queued;
    if (copies) this.#queued = queued;
  }

  #action(action: OdpAction, last: boolean): void {
    const { code } = this;
    switch (action.kind) {
      case 'output':
        code.push(OP.OUTPUT, action.port);
        this.#queued = true;
        return;
      case 'lb_output':
        code.push(OP.LB_OUTPUT, action.bondId);
        this.#queued = true;
        return;
      case 'userspace':
        code.push(OP.USERSPACE, this.userspace.push(action) - 1);
        return;
      case 'set':
        this.#set(action);
        return;
      case 'push_vlan':
        this.#change(OP.PUSH_VLAN, swap16(action.tpid), swap16(action.tci & ~0x1000));
        return;
      case 'pop_vlan':
        this.#change(OP.POP_VLAN);
        return;
      case 'push_mpls':
        this.#change(OP.PUSH_MPLS, action.lse | 0, swap16(action.ethertype));
        return;
      case 'pop_mpls':
        this.#change(OP.POP_MPLS, swap16(action.ethertype));
        return;
      case 'push_eth': {
        const flow = newFlow();
        for (const [word, mac] of [
          [F.DL_DST, action.dst],
          [F.DL_SRC, action.src],
        ] as const) {
          flow[word] = Number(mac >> 32n);
          flow[word + 1] = Number(mac & 0xffff_ffffn);
        }
        const key = new Int32Array(KEY_STRIDE);
        flowToKey(flow, key, 0);
        this.#change(OP.PUSH_ETH, key[K.DL_DST_LOW]!, key[K.DL_SRC_HIGH]!, key[K.DL_REST]!);
        return;
      }
      case 'pop_eth':
        this.#change(OP.POP_ETH);
        return;
      case 'push_nsh':
        this.#change(OP.PUSH_NSH, this.headers.push(action.header) - 1);
        return;
      case 'pop_nsh':
        this.#change(OP.POP_NSH);
        return;
      case 'recirc':
        if (last) this.#flush();
        code.push(OP.RECIRC, action.recircId | 0, last ? 0 : 1);
        return;
      case 'hash':
        code.push(OP.HASH, action.algorithm === 'sym_l4' ? 1 : 0, action.basis | 0);
        return;
      case 'sample': {
        const copies = !last && changesPackets(action.actions);
        code.push(OP.SAMPLE, action.probability | 0, copies ? 1 : 0, 0);
        this.#body(action.actions, code.length - 1, copies, last);
        return;
      }
      case 'clone': {
        const copies = !last && changesPackets(action.actions);
        code.push(OP.CLONE, copies ? 1 : 0, 0);
        this.#body(action.actions, code.length - 1, copies, last);
        return;
      }
      case 'check_pkt_len': {
        const copies = !last && (changesPackets(action.greater) || changesPackets(action.lessEqual));
        code.push(OP.CHECK_PKT_LEN, action.pktLen, copies ? 1 : 0, 0, 0);
        const at = code.length - 2;
        this.#body(action.greater, at, copies, last);
        this.#body(action.lessEqual, at + 1, copies, last);
        return;
      }
      case 'trunc':
        code.push(OP.TRUNC, action.maxLen);
        return;
      case 'meter':
        code.push(OP.METER, action.meterId);
        return;
      case 'ct':
        if (action.nat) this.#flush();
        code.push(OP.CT, this.ct.push(action) - 1);
        return;
      case 'ct_clear':
        code.push(OP.CT_CLEAR);
        return;
      case 'dec_ttl':
        this.#flush();
        code.push(OP.DEC_TTL, 0);
        this.#body(action.actions, code.length - 1, false, true);
        return;
      case 'drop':
        code.push(OP.DROP, action.reason);
        return;
      case 'add_mpls':
        // Behind the Ethernet header, or before the whole packet.
        this.#change(
          action.tunFlags & MPLS_L3_TUNNEL ? OP.PUSH_MPLS : OP.ADD_MPLS,
          action.lse | 0,
          swap16(action.ethertype),
        );
        return;
      case 'psample':
      case 'tunnel_push':
      case 'tunnel_pop':
        throw new UnsupportedActionError(`the userspace datapath has no action ${action.kind}`);
    }
  }

  #set(action: Act<'set'>): void {
    const { words } = action;
    const value = (word: number): number => words.find((w) => w.word === word)?.value ?? 0;
    const mask = (word: number): number => words.find((w) => w.word === word)?.mask ?? 0;
    /** Value and mask of consecutive flow words, in host order. */
    const host = (word: number, count = 1): number[] =>
      Array.from({ length: count }, (_, i) => [value(word + i) | 0, mask(word + i) | 0]).flat();
    const raw = keyPair(words);
    switch (action.attr) {
      case 'eth':
        this.#change(OP.SET_ETH, ...raw(K.DL_DST_LOW), ...raw(K.DL_SRC_HIGH), ...raw(K.DL_REST));
        return;
      case 'ipv4':
        this.#change(OP.SET_IPV4, ...raw(K.NW_SRC), ...raw(K.NW_DST), ...raw(K.NW));
        return;
      case 'ipv6':
        this.#change(
          OP.SET_IPV6,
          ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) => raw(K.IPV6_SRC + i)),
          ...raw(K.IPV6_LABEL),
          ...raw(K.NW),
        );
        return;
      case 'tcp':
      case 'udp':
      case 'sctp':
        this.#change(OP.SET_PORTS, ...raw(K.TP));
        return;
      case 'icmp':
      case 'icmpv6':
        this.#change(
          OP.SET_ICMP,
          value(F.TP_SRC),
          mask(F.TP_SRC) & 0xff,
          value(F.TP_DST),
          mask(F.TP_DST) & 0xff,
        );
        return;
      case 'arp':
        this.#change(
          OP.SET_ARP,
          ...host(F.NW_SRC),
          ...host(F.NW_DST),
          value(F.NW_PROTO),
          mask(F.NW_PROTO) === 0 ? 0 : 0xffff,
          ...host(F.ARP_SHA, 2),
          ...host(F.ARP_THA, 2),
        );
        return;
      case 'nd':
      case 'nd_ext':
        this.#change(
          OP.SET_ND,
          ...host(F.ND_TARGET, 4),
          ...host(F.ARP_SHA, 2),
          ...host(F.ARP_THA, 2),
          ...host(F.ND_RESERVED),
        );
        return;
      case 'mpls':
        this.#change(OP.SET_MPLS, ...host(F.MPLS_LSE0));
        return;
      case 'skb_priority':
      case 'skb_mark':
      case 'tunnel':
      case 'ct_mark':
      case 'ct_label':
      case 'dp_hash':
      case 'recirc_id':
        for (const w of words) this.code.push(OP.SET_METADATA, keyWordOf(w.word), w.value | 0, w.mask | 0);
        return;
      case 'vlan':
      case 'nsh':
      case 'packet_type':
        throw new UnsupportedActionError(`the userspace datapath cannot set ${action.attr}`);
    }
  }
}

/** From the words of a set action: a function that gives a key word's value and mask. */
function keyPair(words: readonly OdpSetWord[]): (keyWord: number) => [value: number, mask: number] {
  const values = newFlow();
  const masks = newFlow();
  for (const { word, value, mask } of words) {
    values[word] = value & mask;
    masks[word] = mask;
  }
  const value = new Int32Array(KEY_STRIDE);
  const mask = new Int32Array(KEY_STRIDE);
  flowToKey(values, value, 0);
  flowToKey(masks, mask, 0);
  return (keyWord) => [value[keyWord]!, mask[keyWord]!];
}

/** Whether a list may change the bytes of its packets. */
function changesPackets(actions: readonly OdpAction[]): boolean {
  return actions.some((action) => {
    switch (action.kind) {
      case 'output':
      case 'lb_output':
      case 'userspace':
      case 'trunc':
      case 'meter':
      case 'hash':
      case 'drop':
        return false;
      case 'sample':
      case 'clone':
        return changesPackets(action.actions);
      case 'check_pkt_len':
        return changesPackets(action.greater) || changesPackets(action.lessEqual);
      default:
        return true;
    }
  });
}

/** @throws UnsupportedActionError */
export function compile(actions: readonly OdpAction[]): Program {
  const compiler = new Compiler();
  compiler.list(actions, true);
  compiler.code.push(OP.END);
  const { userspace, ct, headers } = compiler;
  return { code: Int32Array.from(compiler.code), actions, userspace, ct, headers };
}
