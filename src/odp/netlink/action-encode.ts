/**
 * Datapath actions to the netlink attributes of a kernel datapath.
 *
 * C counterpart: enum ovs_action_attr and its users in lib/odp-util.c and lib/dpif-netlink.c.
 */
import { getWords } from '../../flow/fields.ts';
import { F } from '../../flow/layout.ts';
import { parseNsh } from '../../packet/nsh.ts';
import { putMac, putU16, putU32 } from '../../packet/wire.ts';
import type { OdpAction, OdpSetAttr } from '../action.ts';
import { KEY_ATTR, SCALARS, type ScalarAttr } from '../attrs.ts';
import { setWordsToKey, structOfSet } from '../set.ts';
import {
  ACTION_ATTR,
  CHECK_PKT_LEN,
  CT,
  DEC_TTL_ACTION,
  NAT,
  PSAMPLE,
  SAMPLE,
  USERSPACE,
} from './action-attrs.ts';
import { type Attr, AttrWriter, readAttrs } from './attr.ts';
import { encodeCookie } from './cookie.ts';
import { labelBytes, NSH_ATTR, putNsh, putTunnel, structBytes } from './key.ts';

/** Actions as attributes. */
export function encodeOdpActions(actions: readonly OdpAction[]): Uint8Array {
  const w = new AttrWriter();
  putActions(w, actions);
  return w.finish();
}

function putActions(w: AttrWriter, actions: readonly OdpAction[]): void {
  for (const a of actions) putAction(w, a);
}

function le32(...values: number[]): Uint8Array {
  const b = new Uint8Array(4 * values.length);
  values.forEach((v, i) => {
    for (let k = 0; k < 4; k++) b[4 * i + k] = v >>> (8 * k);
  });
  return b;
}

function putAction(w: AttrWriter, a: OdpAction): void {
  const A = ACTION_ATTR;
  switch (a.kind) {
    case 'output':
      w.u32(A.OUTPUT, a.port);
      break;
    case 'userspace':
      w.nested(A.USERSPACE, () => {
        w.u32(USERSPACE.PID, a.pid);
        if (a.cookie) w.bytes(USERSPACE.USERDATA, encodeCookie(a.cookie));
        if (a.egressTunPort !== undefined) w.u32(USERSPACE.EGRESS_TUN_PORT, a.egressTunPort);
        if (a.withActions) w.flag(USERSPACE.ACTIONS);
      });
      break;
    case 'set':
      putSet(w, a);
      break;
    case 'push_vlan': {
      const b = new Uint8Array(4);
      putU16(b, 0, a.tpid);
      putU16(b, 2, a.tci);
      w.bytes(A.PUSH_VLAN, b);
      break;
    }
    case 'pop_vlan':
      w.flag(A.POP_VLAN);
      break;
    case 'pop_eth':
      w.flag(A.POP_ETH);
      break;
    case 'pop_nsh':
      w.flag(A.POP_NSH);
      break;
    case 'ct_clear':
      w.flag(A.CT_CLEAR);
      break;
    case 'push_mpls': {
      const b = new Uint8Array(8);
      putU32(b, 0, a.lse);
      putU16(b, 4, a.ethertype);
      w.bytes(A.PUSH_MPLS, b);
      break;
    }
    case 'add_mpls': {
      const b = new Uint8Array(8);
      putU32(b, 0, a.lse);
      putU16(b, 4, a.ethertype);
      b[6] = a.tunFlags;
      b[7] = a.tunFlags >>> 8;
      w.bytes(A.ADD_MPLS, b);
      break;
    }
    case 'pop_mpls':
      w.be16(A.POP_MPLS, a.ethertype);
      break;
    case 'push_eth': {
      const b = new Uint8Array(12);
      putMac(b, 0, Number(a.src));
      putMac(b, 6, Number(a.dst));
      w.bytes(A.PUSH_ETH, b);
      break;
    }
    case 'push_nsh':
      w.nested(A.PUSH_NSH, () => putNshHeader(w, a.header));
      break;
    case 'recirc':
      w.u32(A.RECIRC, a.recircId);
      break;
    case 'hash':
      w.bytes(A.HASH, le32(a.algorithm === 'l4' ? 0 : 1, a.basis));
      break;
    case 'sample':
      w.nested(A.SAMPLE, () => {
        w.u32(SAMPLE.PROBABILITY, a.probability);
        w.nested(SAMPLE.ACTIONS, () => putActions(w, a.actions));
      });
      break;
    case 'clone':
      w.nested(A.CLONE, () => putActions(w, a.actions));
      break;
    case 'ct':
      w.nested(A.CT, () => putCt(w, a));
      break;
    case 'trunc':
      w.u32(A.TRUNC, a.maxLen);
      break;
    case 'meter':
      w.u32(A.METER, a.meterId);
      break;
    case 'check_pkt_len':
      w.nested(A.CHECK_PKT_LEN, () => {
        w.u16(CHECK_PKT_LEN.PKT_LEN, a.pktLen);
        w.nested(CHECK_PKT_LEN.GREATER, () => putActions(w, a.greater));
        w.nested(CHECK_PKT_LEN.LESS_EQUAL, () => putActions(w, a.lessEqual));
      });
      break;
    case 'tunnel_push': {
      const b = new Uint8Array(16 + 512);
      b.set(le32(a.tnlPort, a.outPort, a.header.length, a.tnlType));
      b.set(a.header, 16);
      w.bytes(A.TUNNEL_PUSH, b);
      break;
    }
    case 'tunnel_pop':
      w.u32(A.TUNNEL_POP, a.port);
      break;
    case 'lb_output':
      w.u32(A.LB_OUTPUT, a.bondId);
      break;
    case 'dec_ttl':
      w.nested(A.DEC_TTL, () => w.nested(DEC_TTL_ACTION, () => putActions(w, a.actions)));
      break;
    case 'psample':
      w.nested(A.PSAMPLE, () => {
        w.u32(PSAMPLE.GROUP, a.group);
        if (a.cookie.length) w.bytes(PSAMPLE.COOKIE, a.cookie);
      });
      break;
    case 'drop':
      w.u32(A.DROP, a.reason);
      break;
  }
}

const ATTR_OF_SET: Readonly<Partial<Record<OdpSetAttr, number>>> = {
  tunnel: KEY_ATTR.TUNNEL,
  vlan: KEY_ATTR.VLAN,
  mpls: KEY_ATTR.MPLS,
  nsh: KEY_ATTR.NSH,
  ct_label: KEY_ATTR.CT_LABELS,
};

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** The bytes of a set action's attribute, from a sparse key or mask. */
function setBytes(attr: OdpSetAttr, data: Uint32Array, isMask: boolean): Uint8Array {
  const struct = structOfSet(attr);
  if (struct) return structBytes(struct, data, isMask);
  const b = new Uint8Array(4);
  switch (attr) {
    case 'vlan':
      putU16(b, 0, data[F.VLAN_TCI0]!);
      return b.subarray(0, 2);
    case 'mpls':
      putU32(b, 0, data[F.MPLS_LSE0]!);
      return b;
    case 'ct_label':
      return labelBytes(getWords(data, F.CT_LABEL, 4));
    default: {
      const scalar: ScalarAttr = SCALARS[attr as keyof typeof SCALARS];
      const v = data[scalar.word]!;
      if (scalar.hostOrder) return le32(v).subarray(0, scalar.bytes);
      if (scalar.bytes === 2) putU16(b, 0, v);
      else putU32(b, 0, v);
      return b.subarray(0, scalar.bytes);
    }
  }
}

function putSet(w: AttrWriter, a: Extract<OdpAction, { kind: 'set' }>): void {
  const { key, mask } = setWordsToKey(a.words);
  const outer = a.masked ? ACTION_ATTR.SET_MASKED : ACTION_ATTR.SET;
  if (a.attr === 'tunnel') {
    w.nested(ACTION_ATTR.SET, () => putTunnel(w, key, key));
    return;
  }
  if (a.attr === 'nsh') {
    w.nested(outer, () => w.nested(KEY_ATTR.NSH, () => putSetNsh(w, key, a.masked ? mask : undefined)));
    return;
  }
  const id = structOfSet(a.attr)?.id ?? ATTR_OF_SET[a.attr] ?? SCALARS[a.attr as keyof typeof SCALARS].id;
  const value = setBytes(a.attr, key, false);
  w.nested(outer, () => w.bytes(id, a.masked ? concat(value, setBytes(a.attr, mask, true)) : value));
}

/** NSH of a set action: each attribute holds value and mask. */
function putSetNsh(w: AttrWriter, key: Uint32Array, mask: Uint32Array | undefined): void {
  const hasContext = key[F.NSH_MDTYPE] === 1 || getWords(mask ?? key, F.NSH_C1, 4) !== 0n;
  if (!mask) {
    putNsh(w, key, hasContext);
    return;
  }
  const attrs = (data: Uint32Array): Attr[] => {
    const inner = new AttrWriter();
    putNsh(inner, data, hasContext);
    return [...readAttrs(inner.finish())];
  };
  const masks = attrs(mask);
  for (const [i, value] of attrs(key).entries()) w.bytes(value.type, concat(value.bytes, masks[i]!.bytes));
}

function putNshHeader(w: AttrWriter, header: Uint8Array): void {
  const h = parseNsh(header, 0);
  if (!h) return;
  const base = new Uint8Array(8);
  base.set([h.flags, h.ttl, h.mdType, h.next]);
  base.set(header.subarray(4, 8), 4);
  w.bytes(NSH_ATTR.BASE, base);
  w.bytes(h.mdType === 1 ? NSH_ATTR.MD1 : NSH_ATTR.MD2, header.subarray(8));
}

function putCt(w: AttrWriter, a: Extract<OdpAction, { kind: 'ct' }>): void {
  if (a.force) w.flag(CT.FORCE_COMMIT);
  else if (a.commit) w.flag(CT.COMMIT);
  if (a.zone) w.u16(CT.ZONE, a.zone);
  if (a.mark) w.bytes(CT.MARK, le32(a.mark.value, a.mark.mask));
  if (a.label) {
    const big = (v: readonly number[]): bigint => getWords(Uint32Array.from(v), 0, 4);
    w.bytes(CT.LABELS, concat(labelBytes(big(a.label.value)), labelBytes(big(a.label.mask))));
  }
  if (a.helper !== undefined) w.string(CT.HELPER, a.helper);
  if (a.timeout !== undefined) w.string(CT.TIMEOUT, a.timeout);
  const { nat } = a;
  if (!nat) return;
  w.nested(CT.NAT, () => {
    if (nat.type === undefined) return;
    w.flag(nat.type === 'src' ? NAT.SRC : NAT.DST);
    if (nat.minAddr) w.bytes(NAT.IP_MIN, nat.minAddr);
    if (nat.maxAddr) w.bytes(NAT.IP_MAX, nat.maxAddr);
    if (nat.minPort) w.u16(NAT.PROTO_MIN, nat.minPort);
    if (nat.maxPort) w.u16(NAT.PROTO_MAX, nat.maxPort);
    if (nat.persistent) w.flag(NAT.PERSISTENT);
    if (nat.hash) w.flag(NAT.PROTO_HASH);
    if (nat.random) w.flag(NAT.PROTO_RANDOM);
  });
}
