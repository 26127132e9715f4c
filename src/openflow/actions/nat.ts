/** `nat`, inside of `ct`: translates addresses and ports. */

import type { ByteReader } from '../../base/bytes.ts';
import { ParseError, scanInteger, scanIpv4 } from '../../base/parse.ts';
import { flowEthertype } from '../../flow/fields.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { formatIpv6, parseIpv6 } from '../../flow/text.ts';
import { OfpError } from '../errors.ts';
import type { Act } from './action.ts';
import { type ActionFormatting, defineAction, param, paren, valueWord } from './codec.ts';
import { readNumber, writeNumber } from './fields.ts';
import { formatIpv4 } from './ip-header.ts';
import { endAction, WireForm } from './wire.ts';

export const NAT_F = { SRC: 1, DST: 2, PERSISTENT: 4, HASH: 8, RANDOM: 16 } as const;
const ALL_FLAGS = 31;
const RANGE = { IPV4_MIN: 1, IPV4_MAX: 2, IPV6_MIN: 4, IPV6_MAX: 8, PROTO_MIN: 16, PROTO_MAX: 32 } as const;

type Nat = Act<'nat'>;

const bad = (): OfpError => new OfpError('OFPBAC_BAD_ARGUMENT');

/** The next address or port of the range. */
function option(r: ByteReader, end: number, bytes: number): bigint {
  if (end - r.pos < bytes) throw bad();
  return readNumber(r, bytes);
}

const NAT = new WireForm('NXAST_NAT', 'NX1.0+(36)', { size: 16, more: true }, (r, end): Nat => {
  r.skip(2);
  const flags = r.u16();
  const present = r.u16();
  if (
    flags & ~ALL_FLAGS ||
    (flags & NAT_F.SRC && flags & NAT_F.DST) ||
    (flags & NAT_F.HASH && flags & NAT_F.RANDOM)
  )
    throw bad();
  const has = (bit: number): boolean => (present & bit) !== 0;
  let family: Nat['family'] = 0;
  if (has(RANGE.IPV4_MIN)) {
    if (has(RANGE.IPV6_MIN) || has(RANGE.IPV6_MAX)) throw bad();
    family = 4;
  } else if (has(RANGE.IPV4_MAX)) {
    throw bad();
  } else if (has(RANGE.IPV6_MIN)) {
    family = 6;
  } else if (has(RANGE.IPV6_MAX)) {
    throw bad();
  }
  let minAddr = 0n;
  let maxAddr = 0n;
  if (family !== 0) {
    const bytes = family === 4 ? 4 : 16;
    minAddr = option(r, end, bytes);
    if (minAddr === 0n) throw bad();
    if (has(family === 4 ? RANGE.IPV4_MAX : RANGE.IPV6_MAX)) {
      maxAddr = option(r, end, bytes);
      if (maxAddr < minAddr) throw bad();
    }
  }
  let minPort = 0;
  let maxPort = 0;
  if (has(RANGE.PROTO_MIN)) {
    if (family === 0) throw bad();
    minPort = Number(option(r, end, 2));
    if (minPort === 0) throw bad();
    if (has(RANGE.PROTO_MAX)) {
      maxPort = Number(option(r, end, 2));
      if (maxPort < minPort) throw bad();
    }
  } else if (has(RANGE.PROTO_MAX)) {
    throw bad();
  }
  return { kind: 'nat', flags, family, minAddr, maxAddr, minPort, maxPort };
});

/** `[2001:db8::1]`: brackets only where a port follows. */
const bracketed = (address: bigint, hasPort: boolean): string =>
  hasPort ? `[${formatIpv6(address)}]` : formatIpv6(address);

function formatRange(a: Nat): string {
  const one = (address: bigint): string =>
    a.family === 4 ? formatIpv4(Number(address)) : bracketed(address, a.minPort !== 0);
  let s = one(a.minAddr);
  if (a.maxAddr !== 0n && a.maxAddr !== a.minAddr) s += `-${one(a.maxAddr)}`;
  return s;
}

export function formatNat(a: Nat, f: ActionFormatting): string {
  const name = paren(f, 'nat');
  if (!(a.flags & (NAT_F.SRC | NAT_F.DST))) return name;
  let s = param(f, a.flags & NAT_F.SRC ? 'src' : 'dst');
  if (a.family !== 0) {
    s += param(f, '=') + formatRange(a);
    if (a.minPort !== 0) {
      s += `:${a.minPort}`;
      if (a.maxPort !== 0 && a.maxPort !== a.minPort) s += `-${a.maxPort}`;
    }
    if (a.flags & NAT_F.PERSISTENT) s += `,${valueWord(f, 'persistent')}`;
    if (a.flags & NAT_F.HASH) s += `,${valueWord(f, 'hash')}`;
    if (a.flags & NAT_F.RANDOM) s += `,${valueWord(f, 'random')}`;
  } else if (f.colors.end === '') {
    // Without a range the flags are not shown.
  }
  return `${name}${paren(f, '(')}${s}${paren(f, ')')}`;
}

type Range = Pick<Nat, 'family' | 'minAddr' | 'maxAddr' | 'minPort' | 'maxPort'>;

/** An address at `pos`, of the wanted family if there is one; undefined when there is none. */
function scanAddress(
  s: string,
  pos: number,
  family: 0 | 4 | 6,
): { family: 4 | 6; address: bigint; end: number } | undefined {
  if (family !== 6) {
    const v4 = scanIpv4(s, pos);
    if (v4) return { family: 4, address: BigInt(v4.ip), end: v4.end };
    if (family === 4) return undefined;
  }
  const open = s[pos] === '[' ? 1 : 0;
  const text = /^[0-9a-fA-F:.]{1,46}/.exec(s.slice(pos + open))?.[0];
  if (text === undefined) return undefined;
  const end = pos + open + text.length;
  if (open && s[end] !== ']') return undefined;
  const address = parseIpv6(text);
  return address === undefined ? undefined : { family: 6, address, end: end + open };
}

function parseRange(s: string): Range {
  const invalid = (): ParseError => new ParseError(`invalid nat range "${s}"`);
  let end = 0;
  let [minAddr, maxAddr, minPort, maxPort] = [0n, 0n, 0, 0];
  const min = scanAddress(s, 0, 0);
  if (min) {
    minAddr = min.address;
    end = min.end;
    if (s[end] === '-') {
      const max = scanAddress(s, end + 1, min.family);
      if (!max || max.address < minAddr) throw invalid();
      maxAddr = max.address;
      end = max.end;
    }
    if (s[end] === ':') {
      const low = scanInteger(s, 10, end + 1);
      if (!low) throw invalid();
      minPort = Number(low.value) & 0xffff;
      end = low.end;
      if (s[end] === '-') {
        const high = scanInteger(s, 10, end + 1);
        if (!high) throw invalid();
        maxPort = Number(high.value) & 0xffff;
        if (maxPort < minPort) throw invalid();
        end = high.end;
      }
    }
  }
  if (end < s.length) throw new ParseError(`garbage (${s.slice(end)}) after nat range "${s}" (pos: ${end})`);
  return { family: min?.family ?? 0, minAddr, maxAddr, minPort, maxPort };
}

/** Reads what is in the parentheses of `nat(...)`. @throws ParseError */
export function parseNat(arg: string): Nat {
  let flags = 0;
  let range: Range = { family: 0, minAddr: 0n, maxAddr: 0n, minPort: 0, maxPort: 0 };
  for (const kv = new KeyValueScanner(arg); kv.next(); ) {
    if (kv.key === 'src' || kv.key === 'dst') {
      flags |= kv.key === 'src' ? NAT_F.SRC : NAT_F.DST;
      range = parseRange(kv.value);
    } else if (kv.key === 'persistent') flags |= NAT_F.PERSISTENT;
    else if (kv.key === 'hash') flags |= NAT_F.HASH;
    else if (kv.key === 'random') flags |= NAT_F.RANDOM;
    else throw new ParseError(`invalid key "${kv.key}" in "nat" argument`);
  }
  if (flags & NAT_F.SRC && flags & NAT_F.DST) throw new ParseError('May only specify one of "src" or "dst".');
  if (!(flags & (NAT_F.SRC | NAT_F.DST)) && flags)
    throw new ParseError('Flags allowed only with "src" or "dst".');
  if (flags & NAT_F.HASH && flags & NAT_F.RANDOM)
    throw new ParseError('Both "hash" and "random" are not allowed.');
  return { kind: 'nat', flags, ...range };
}

export const nat = defineAction({
  kind: 'nat',
  name: 'nat',
  wire: [NAT],
  encode(a, { w, version }) {
    const start = NAT.begin(w, version);
    const isV4 = a.family === 4;
    let present = 0;
    w.zero(2).u16(a.flags).u16(0);
    const address = (value: bigint, bit: number): void => {
      if (value === 0n) return;
      writeNumber(w, value, isV4 ? 4 : 16);
      present |= bit;
    };
    const port = (value: number, bit: number): void => {
      if (value === 0) return;
      w.u16(value);
      present |= bit;
    };
    if (a.family !== 0) {
      address(a.minAddr, isV4 ? RANGE.IPV4_MIN : RANGE.IPV6_MIN);
      address(a.maxAddr, isV4 ? RANGE.IPV4_MAX : RANGE.IPV6_MAX);
      port(a.minPort, RANGE.PROTO_MIN);
      port(a.maxPort, RANGE.PROTO_MAX);
    }
    w.patchU16(start + 14, present);
    endAction(w, start);
  },
  format: formatNat,
  parse: { nat: parseNat },
  check(a, c) {
    const type = flowEthertype(c.match.flow);
    const fits = type === 0x0800 ? a.family !== 6 : type === 0x86dd && a.family !== 4;
    if (!fits) throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
  },
  help: 'nat | nat(src=ADDR[-ADDR][:PORT[-PORT]],persistent,hash|random) | nat(dst=...): address translation, in ct',
});
