/**
 * Datapath actions as the netlink attributes of a kernel datapath.
 *
 * C counterpart: enum ovs_action_attr and its users in lib/odp-util.c and lib/dpif-netlink.c.
 */
import { TruncatedError } from '../../base/bytes.ts';
import { getWords } from '../../flow/fields.ts';
import { F, newFlow } from '../../flow/layout.ts';
import { buildNsh, parseNsh } from '../../packet/nsh.ts';
import { getMac, getU16, getU32, putMac, putU16, putU32 } from '../../packet/wire.ts';
import type { OdpAction, OdpNat, OdpSetAttr, OdpSetWord } from '../action.ts';
import { KEY_ATTR, SCALARS, type ScalarAttr, STRUCTS, type StructAttr } from '../attrs.ts';
import { setWordsToKey, structOfSet, wordsOfSet } from '../set.ts';
import { Attr, AttrWriter, readAttrs } from './attr.ts';
import { decodeCookie, encodeCookie } from './cookie.ts';
import {
  decodeOdpKey,
  labelBytes,
  NSH_ATTR,
  putNsh,
  putTunnel,
  readNsh,
  readStruct,
  structBytes,
} from './key.ts';

/** OVS_ACTION_ATTR_*. */
export const ACTION_ATTR = {
  OUTPUT: 1,
  USERSPACE: 2,
  SET: 3,
  PUSH_VLAN: 4,
  POP_VLAN: 5,
  SAMPLE: 6,
  RECIRC: 7,
  HASH: 8,
  PUSH_MPLS: 9,
  POP_MPLS: 10,
  SET_MASKED: 11,
  CT: 12,
  TRUNC: 13,
  PUSH_ETH: 14,
  POP_ETH: 15,
  CT_CLEAR: 16,
  PUSH_NSH: 17,
  POP_NSH: 18,
  METER: 19,
  CLONE: 20,
  CHECK_PKT_LEN: 21,
  ADD_MPLS: 22,
  DEC_TTL: 23,
  DROP: 24,
  PSAMPLE: 25,
  /** From here on userspace's own. */
  TUNNEL_PUSH: 26,
  TUNNEL_POP: 27,
  LB_OUTPUT: 28,
} as const;

const USERSPACE = { PID: 1, USERDATA: 2, EGRESS_TUN_PORT: 3, ACTIONS: 4 } as const;
const SAMPLE = { PROBABILITY: 1, ACTIONS: 2 } as const;
const CHECK_PKT_LEN = { PKT_LEN: 1, GREATER: 2, LESS_EQUAL: 3 } as const;
const CT = {
  COMMIT: 1,
  ZONE: 2,
  MARK: 3,
  LABELS: 4,
  HELPER: 5,
  NAT: 6,
  FORCE_COMMIT: 7,
  EVENTMASK: 8,
  TIMEOUT: 9,
} as const;
const NAT = {
  SRC: 1,
  DST: 2,
  IP_MIN: 3,
  IP_MAX: 4,
  PROTO_MIN: 5,
  PROTO_MAX: 6,
  PERSISTENT: 7,
  PROTO_HASH: 8,
  PROTO_RANDOM: 9,
} as const;
const PSAMPLE = { GROUP: 1, COOKIE: 2 } as const;
const DEC_TTL_ACTION = 1;

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

// --- decoding -----------------------------------------------------------------------------------------------

/** Actions from attributes; those that are unknown are left out. @throws TruncatedError */
export function decodeOdpActions(bytes: Uint8Array): OdpAction[] {
  const actions: OdpAction[] = [];
  for (const a of readAttrs(bytes)) {
    const action = decodeAction(a);
    if (action) actions.push(action);
  }
  return actions;
}

/** The attributes in `a` by type. */
function byType(a: Attr): Map<number, Attr> {
  return new Map([...a.nested()].map((x) => [x.type, x]));
}

function required(attrs: Map<number, Attr>, type: number): Attr {
  const a = attrs.get(type);
  if (!a) throw new TruncatedError();
  return a;
}

const le32At = (b: Uint8Array, at: number): number => new Attr(0, b.subarray(at)).u32();

function decodeAction(a: Attr): OdpAction | undefined {
  const A = ACTION_ATTR;
  const b = a.bytes;
  switch (a.type) {
    case A.OUTPUT:
      return { kind: 'output', port: a.u32() };
    case A.USERSPACE: {
      const x = byType(a);
      const data = x.get(USERSPACE.USERDATA);
      return {
        kind: 'userspace',
        pid: required(x, USERSPACE.PID).u32(),
        cookie: data && decodeCookie(data.bytes),
        withActions: x.has(USERSPACE.ACTIONS),
        egressTunPort: x.get(USERSPACE.EGRESS_TUN_PORT)?.u32(),
      };
    }
    case A.SET:
      return decodeSet(a, false);
    case A.SET_MASKED:
      return decodeSet(a, true);
    case A.PUSH_VLAN:
      return { kind: 'push_vlan', tpid: a.be16(), tci: a.be16(2) };
    case A.POP_VLAN:
      return { kind: 'pop_vlan' };
    case A.POP_ETH:
      return { kind: 'pop_eth' };
    case A.POP_NSH:
      return { kind: 'pop_nsh' };
    case A.CT_CLEAR:
      return { kind: 'ct_clear' };
    case A.PUSH_MPLS:
      return { kind: 'push_mpls', lse: a.be32(), ethertype: a.be16(4) };
    case A.ADD_MPLS:
      return {
        kind: 'add_mpls',
        lse: a.be32(),
        ethertype: a.be16(4),
        tunFlags: (b[6] ?? 0) | ((b[7] ?? 0) << 8),
      };
    case A.POP_MPLS:
      return { kind: 'pop_mpls', ethertype: a.be16() };
    case A.PUSH_ETH:
      if (b.length < 12) throw new TruncatedError();
      return { kind: 'push_eth', src: BigInt(getMac(b, 0)), dst: BigInt(getMac(b, 6)) };
    case A.PUSH_NSH:
      return { kind: 'push_nsh', header: decodeNshHeader(a) };
    case A.RECIRC:
      return { kind: 'recirc', recircId: a.u32() };
    case A.HASH:
      return { kind: 'hash', algorithm: a.u32() === 0 ? 'l4' : 'sym_l4', basis: le32At(b, 4) };
    case A.SAMPLE: {
      const x = byType(a);
      const actions = decodeOdpActions(required(x, SAMPLE.ACTIONS).bytes);
      return { kind: 'sample', probability: required(x, SAMPLE.PROBABILITY).u32(), actions };
    }
    case A.CLONE:
      return { kind: 'clone', actions: decodeOdpActions(b) };
    case A.CT:
      return decodeCt(a);
    case A.TRUNC:
      return { kind: 'trunc', maxLen: a.u32() };
    case A.METER:
      return { kind: 'meter', meterId: a.u32() };
    case A.CHECK_PKT_LEN: {
      const x = byType(a);
      return {
        kind: 'check_pkt_len',
        pktLen: required(x, CHECK_PKT_LEN.PKT_LEN).u16(),
        greater: decodeOdpActions(required(x, CHECK_PKT_LEN.GREATER).bytes),
        lessEqual: decodeOdpActions(required(x, CHECK_PKT_LEN.LESS_EQUAL).bytes),
      };
    }
    case A.TUNNEL_PUSH: {
      const length = Math.min(le32At(b, 8), b.length - 16);
      const header = b.slice(16, 16 + length);
      return { kind: 'tunnel_push', tnlPort: a.u32(), outPort: le32At(b, 4), tnlType: le32At(b, 12), header };
    }
    case A.TUNNEL_POP:
      return { kind: 'tunnel_pop', port: a.u32() };
    case A.LB_OUTPUT:
      return { kind: 'lb_output', bondId: a.u32() };
    case A.DEC_TTL: {
      const inner = byType(a).get(DEC_TTL_ACTION);
      return { kind: 'dec_ttl', actions: inner ? decodeOdpActions(inner.bytes) : [] };
    }
    case A.PSAMPLE: {
      const x = byType(a);
      const cookie = x.get(PSAMPLE.COOKIE)?.bytes.slice() ?? new Uint8Array(0);
      return { kind: 'psample', group: required(x, PSAMPLE.GROUP).u32(), cookie };
    }
    case A.DROP:
      return { kind: 'drop', reason: a.u32() };
    default:
      return undefined;
  }
}

const STRUCT_NAMES = new Map<number, [OdpSetAttr, StructAttr]>(
  Object.values(STRUCTS).map((s) => [s.id, [s.name as OdpSetAttr, s]]),
);
const SCALAR_NAMES = new Map<number, [OdpSetAttr, ScalarAttr]>(
  Object.values(SCALARS).map((s) => [s.id, [s.name as OdpSetAttr, s]]),
);

function wordsIn(attr: OdpSetAttr, key: Uint32Array, mask: Uint32Array | undefined): OdpSetWord[] {
  return wordsOfSet(attr)
    .map(([word, full]) => ({ word, value: key[word]!, mask: mask ? (mask[word]! & full) >>> 0 : full }))
    .filter((w) => w.mask !== 0);
}

function decodeSet(a: Attr, masked: boolean): OdpAction | undefined {
  const [inner] = a.nested();
  if (!inner) throw new TruncatedError();
  const half = masked && inner.type !== KEY_ATTR.NSH ? inner.bytes.length >> 1 : inner.bytes.length;
  const value = inner.bytes.subarray(0, half);
  const bits = inner.bytes.subarray(half);
  const key = newFlow();
  const mask = newFlow();
  const done = (attr: OdpSetAttr): OdpAction => ({
    kind: 'set',
    attr,
    masked,
    words: wordsIn(attr, key, masked ? mask : undefined),
  });
  const struct = STRUCT_NAMES.get(inner.type);
  if (struct) {
    readStruct(struct[1], value, key);
    if (masked) readStruct(struct[1], bits, mask, true);
    return done(struct[0]);
  }
  const scalar = SCALAR_NAMES.get(inner.type);
  if (scalar) {
    const read = (bytes: Uint8Array): number => {
      const x = new Attr(0, bytes);
      return scalar[1].bytes === 2
        ? scalar[1].hostOrder
          ? x.u16()
          : x.be16()
        : scalar[1].hostOrder
          ? x.u32()
          : x.be32();
    };
    key[scalar[1].word] = read(value);
    if (masked) mask[scalar[1].word] = read(bits);
    return done(scalar[0]);
  }
  switch (inner.type) {
    case KEY_ATTR.TUNNEL: {
      const outer = new AttrWriter();
      outer.bytes(KEY_ATTR.TUNNEL, inner.bytes);
      const flow = decodeOdpKey(outer.finish());
      const words: OdpSetWord[] = [];
      for (let w = 0; w < F.METADATA; w++)
        if (flow[w]) words.push({ word: w, value: flow[w]!, mask: 0xffffffff });
      return { kind: 'set', attr: 'tunnel', masked: false, words };
    }
    case KEY_ATTR.VLAN:
      key[F.VLAN_TCI0] = getU16(value, 0);
      if (masked) mask[F.VLAN_TCI0] = getU16(bits, 0);
      return done('vlan');
    case KEY_ATTR.MPLS:
      key[F.MPLS_LSE0] = getU32(value, 0);
      if (masked) mask[F.MPLS_LSE0] = getU32(bits, 0);
      return done('mpls');
    case KEY_ATTR.CT_LABELS:
      readLabel(value, key);
      if (masked) readLabel(bits, mask);
      return done('ct_label');
    case KEY_ATTR.NSH: {
      const split = (from: 0 | 1): Uint8Array => {
        const w = new AttrWriter();
        for (const x of inner.nested()) {
          const n = x.bytes.length >> 1;
          w.bytes(x.type, masked ? x.bytes.subarray(from * n, from * n + n) : x.bytes);
        }
        return w.finish();
      };
      readNsh(split(0), key);
      if (masked) readNsh(split(1), mask);
      return done('nsh');
    }
    default:
      return undefined;
  }
}

function readLabel(b: Uint8Array, data: Uint32Array): void {
  if (b.length < 16) throw new TruncatedError();
  const reversed = b.slice(0, 16).reverse();
  for (let i = 0; i < 4; i++) data[F.CT_LABEL + i] = getU32(reversed, 4 * i);
}

function decodeNshHeader(a: Attr): Uint8Array {
  const data = newFlow();
  const x = byType(a);
  readNsh(a.bytes, data);
  const md2 = x.get(NSH_ATTR.MD2)?.bytes ?? new Uint8Array(0);
  const mdType = data[F.NSH_MDTYPE]!;
  const header = new Uint8Array(mdType === 1 ? 24 : 8 + md2.length);
  buildNsh(header, 0, {
    flags: data[F.NSH_FLAGS]!,
    ttl: data[F.NSH_TTL]!,
    mdType,
    next: data[F.NSH_NP]!,
    spi: data[F.NSH_SPI]!,
    si: data[F.NSH_SI]!,
    context: data.subarray(F.NSH_C1, F.NSH_C1 + 4),
  });
  if (mdType !== 1) {
    header.set(md2, 8);
    header[1] = (header[1]! & 0xc0) | (header.length / 4);
  }
  return header;
}

function decodeCt(a: Attr): OdpAction {
  const x = byType(a);
  const mark = x.get(CT.MARK);
  const labels = x.get(CT.LABELS);
  const label = (at: number): number[] => {
    const data = newFlow();
    readLabel(labels!.bytes.subarray(at), data);
    return Array.from(data.subarray(F.CT_LABEL, F.CT_LABEL + 4));
  };
  const nat = x.get(CT.NAT);
  const force = x.has(CT.FORCE_COMMIT);
  return {
    kind: 'ct',
    commit: force || x.has(CT.COMMIT),
    force,
    zone: x.get(CT.ZONE)?.u16() ?? 0,
    mark: mark && { value: mark.u32(), mask: le32At(mark.bytes, 4) },
    label: labels && { value: label(0), mask: label(16) },
    helper: x.get(CT.HELPER)?.text(),
    timeout: x.get(CT.TIMEOUT)?.text(),
    nat: nat && decodeNat(nat),
  };
}

function decodeNat(a: Attr): OdpNat {
  const x = byType(a);
  return {
    type: x.has(NAT.SRC) ? 'src' : x.has(NAT.DST) ? 'dst' : undefined,
    minAddr: x.get(NAT.IP_MIN)?.bytes.slice(),
    maxAddr: x.get(NAT.IP_MAX)?.bytes.slice(),
    minPort: x.get(NAT.PROTO_MIN)?.u16() ?? 0,
    maxPort: x.get(NAT.PROTO_MAX)?.u16() ?? 0,
    persistent: x.has(NAT.PERSISTENT),
    hash: x.has(NAT.PROTO_HASH),
    random: x.has(NAT.PROTO_RANDOM),
  };
}
