/** Which tracked connections to flush, as words. C counterpart: ofp_ct_match_parse in lib/ofp-ct.c. */
import { ParseError, strToU8, strToU16 } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { parseIpv4, parseIpv6, scanInt } from '../../flow/text.ts';
import { emptyCtMatch } from '../messages/ct-flush.ts';
import type { CtMatch, CtTuple } from '../messages/message.ts';

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const MAPPED_PREFIX = 0xffffn << 32n;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** VALUE[/MASK] of that many bytes; a mask that is none counts as all ones. */
function masked(text: string, bytes: number): { value: bigint; mask: bigint } | undefined {
  const { value, tail, error } = scanInt(text, bytes);
  if (error) return undefined;
  const mask = tail.startsWith('/') ? scanInt(tail.slice(1), bytes) : undefined;
  return { value, mask: mask && !mask.error ? mask.value : (1n << BigInt(8 * bytes)) - 1n };
}

/** One direction. The protocol numbers that it sets are those of both. */
function parseTuple(text: string, match: Writable<CtMatch>, base: CtTuple): CtTuple {
  const tuple: Writable<CtTuple> = { ...base };
  for (const kv = new KeyValueScanner(text); kv.next(); ) {
    const { key, value } = kv;
    if (value === '') throw new ParseError(`field ${key} missing value`);
    const fail = (): never => {
      throw new ParseError(`failed to parse field ${key}`);
    };
    const number = (parse: (s: string, name: string) => number): number => {
      try {
        return parse(value, key);
      } catch (error) {
        if (error instanceof ParseError) return fail();
        throw error;
      }
    };
    const setAddress = (side: 'src' | 'dst', type: 4 | 6): void => {
      if (match.l3Type !== 0 && match.l3Type !== type)
        throw new ParseError(`the L3 protocol does not match ${value}`);
      if (tuple[side] !== 0n) throw new ParseError(`${key} is set multiple times`);
      if (type === 4) tuple[side] = MAPPED_PREFIX | BigInt(parseIpv4(value) ?? fail());
      else tuple[side] = parseIpv6(value) ?? fail();
      match.l3Type = type;
    };
    switch (key) {
      case 'ct_nw_src':
      case 'ct_nw_dst':
        setAddress(key === 'ct_nw_src' ? 'src' : 'dst', 4);
        break;
      case 'ct_ipv6_src':
      case 'ct_ipv6_dst':
        setAddress(key === 'ct_ipv6_src' ? 'src' : 'dst', 6);
        break;
      case 'ct_nw_proto':
        match.ipProto = number(strToU8);
        break;
      case 'ct_tp_src':
        tuple.srcPort = number(strToU16);
        break;
      case 'ct_tp_dst':
        tuple.dstPort = number(strToU16);
        break;
      case 'icmp_type':
      case 'icmp_code':
      case 'icmp_id':
        if (match.ipProto !== IPPROTO_ICMP && match.ipProto !== IPPROTO_ICMPV6)
          throw new ParseError('invalid L4 fields');
        if (key === 'icmp_type') tuple.icmpType = number(strToU8);
        else if (key === 'icmp_code') tuple.icmpCode = number(strToU8);
        else tuple.icmpId = number(strToU16);
        break;
      default:
        throw new ParseError(`invalid conntrack tuple field: ${key}`);
    }
  }
  if (match.ipProto === 0 && (tuple.srcPort || tuple.dstPort))
    throw new ParseError('port is set without protocol');
  return tuple;
}

/**
 * Reads `[zone=N] [mark=X[/M]] [labels=Y[/N]] [ORIG_TUPLE [REPLY_TUPLE]]`, in this order.
 * @throws ParseError with C's text
 */
export function parseCtMatch(words: readonly string[]): CtMatch {
  const match: Writable<CtMatch> = { ...emptyCtMatch };
  const rest = [...words];
  /** The value of the next word if it begins so. */
  const take = (prefix: string): string | undefined =>
    rest[0]?.startsWith(prefix) ? rest.shift()!.slice(prefix.length) : undefined;

  const zone = take('zone=');
  if (zone !== undefined) {
    const number = /^\s*[+-]?\d+/.exec(zone);
    if (!number) throw new ParseError('failed to parse zone');
    match.zone = Number(number[0]) & 0xffff;
  }
  const mark = take('mark=');
  if (mark !== undefined) {
    const parsed = masked(mark, 4);
    if (!parsed) throw new ParseError('failed to parse mark');
    match.mark = Number(parsed.value);
    match.markMask = Number(parsed.mask);
  }
  const labels = take('labels=');
  if (labels !== undefined) {
    const parsed = masked(labels, 16);
    if (!parsed) throw new ParseError('failed to parse labels');
    match.labels = parsed.value;
    match.labelsMask = parsed.mask;
  }
  const orig = rest.shift();
  if (orig) match.orig = parseTuple(orig, match, match.orig);
  const reply = rest.shift();
  if (reply) match.reply = parseTuple(reply, match, match.reply);
  if (rest.length > 0) throw new ParseError('invalid arguments');
  return match;
}
