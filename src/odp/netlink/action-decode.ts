/**
 * Datapath actions from the netlink attributes of a kernel datapath.
 *
 * C counterpart: the users of enum ovs_action_attr in lib/odp-util.c.
 */
import { TruncatedError } from '../../base/bytes.ts';
import { F, newFlow } from '../../flow/layout.ts';
import { buildNsh } from '../../packet/nsh.ts';
import { getMac, getU16, getU32 } from '../../packet/wire.ts';
import type { OdpAction, OdpNat, OdpSetAttr, OdpSetWord } from '../action.ts';
import { KEY_ATTR, SCALARS, type ScalarAttr, STRUCTS, type StructAttr } from '../attrs.ts';
import { wordsOfSet } from '../set.ts';
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
import { Attr, AttrWriter, readAttrs } from './attr.ts';
import { decodeCookie } from './cookie.ts';
import { decodeOdpKey, NSH_ATTR, readNsh, readStruct } from './key.ts';

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
