/**
 * Values of fields as text, in the format that the field's row names.
 *
 * C counterpart: mf_parse and mf_format of lib/meta-flow.c.
 */

import { type Field, fieldAllOnes, isFieldMaskValid, portToOf10 } from './fields.ts';
import { formatPort, type NameMap, parsePort } from './ports.ts';
import { OFPUTIL_P } from './protocols.ts';
import {
  CT_STATE_NAMES,
  type FlagNames,
  FlowTextError,
  formatFlagsMasked,
  formatIpv4Masked,
  formatIpv6Masked,
  formatMac,
  formatPacketType,
  hexBig,
  parseIpv4Masked,
  parseIpv6Masked,
  parseMacMasked,
  scanFlags,
  scanInt,
  TCP_FLAG_NAMES,
  TUN_FLAG_NAMES,
} from './text.ts';

/** A value and which of its bits count, each `field.bytes` wide. */
export interface MaskedValue {
  readonly value: bigint;
  readonly mask: bigint;
}

/** Fragment names under their masks: 1 any fragment, 2 a later one. */
const FRAGS: readonly (readonly [name: string, mask: number, value: number])[] = [
  ['no', 3, 0],
  ['first', 3, 1],
  ['later', 3, 3],
  ['no', 1, 0],
  ['yes', 1, 1],
  ['not_later', 2, 0],
  ['later', 2, 2],
];

function parseInteger(field: Field, text: string): MaskedValue {
  const problem = (error: string | undefined, what: string): FlowTextError =>
    new FlowTextError(
      error === 'range'
        ? `${text}: ${what} too large for ${field.bytes}-byte field ${field.name}`
        : `${text}: bad syntax for ${field.name} ${what}`,
    );
  const value = scanInt(text, field.bytes);
  if (value.error || (value.tail !== '' && !value.tail.startsWith('/'))) throw problem(value.error, 'value');
  if (value.tail === '') return { value: value.value, mask: fieldAllOnes(field) };
  const mask = scanInt(value.tail.slice(1), field.bytes);
  if (mask.error || mask.tail !== '') throw problem(mask.error, 'mask');
  return { value: value.value, mask: mask.value };
}

function parseFlagsField(
  field: Field,
  text: string,
  names: FlagNames,
  kind: string,
  allowed: number,
): MaskedValue {
  const scanned = scanFlags(text, names, kind, allowed);
  return { value: BigInt(scanned.flags), mask: BigInt(scanned.mask) & fieldAllOnes(field) };
}

function parsePacketType(text: string): bigint {
  const bad = (at: string, what: string): FlowTextError =>
    new FlowTextError(`${at}: bad syntax for packet type ${what}`);
  if (!text.startsWith('(')) throw bad(text, "missing '('");
  const afterParen = text.slice(1);
  const ns = scanInt(afterParen, 2);
  if (ns.error) throw bad(afterParen, 'ns');
  if (!ns.tail.startsWith(',')) throw bad(afterParen, "missing ','");
  const afterComma = ns.tail.slice(1);
  const type = scanInt(afterComma, 2);
  if (type.error) throw bad(afterComma, 'ns_type');
  if (!type.tail.startsWith(')')) throw bad(afterComma, "missing ')'");
  return (ns.value << 16n) | type.value;
}

function parseUnchecked(field: Field, text: string, ports: NameMap | undefined): MaskedValue {
  switch (field.format) {
    case 'decimal':
    case 'hexadecimal':
      return parseInteger(field, text);
    case 'ethernet':
      return parseMacMasked(text);
    case 'ipv4': {
      const { value, mask } = parseIpv4Masked(text);
      return { value: BigInt(value), mask: BigInt(mask) };
    }
    case 'ipv6':
      return parseIpv6Masked(text);
    case 'of10-port': {
      const port = parsePort(text, ports);
      if (port === undefined) throw new FlowTextError(`${text}: invalid or unknown port for ${field.name}`);
      return { value: BigInt(portToOf10(port)), mask: 0xffffn };
    }
    case 'of11-port': {
      const port = parsePort(text, ports);
      if (port === undefined) throw new FlowTextError(`${text}: port value out of range for ${field.name}`);
      return { value: BigInt(port), mask: 0xffffffffn };
    }
    case 'frag': {
      const frag = FRAGS.find(([name]) => name === text.toLowerCase());
      if (!frag) {
        throw new FlowTextError(
          `${text}: unknown fragment type (valid types are "no", "yes", "first", "later", "not_later"`,
        );
      }
      return { value: BigInt(frag[2]), mask: BigInt(frag[1] | 0xfc) };
    }
    case 'tunnel-flags':
      return parseFlagsField(field, text, TUN_FLAG_NAMES, 'tunnel', 1);
    case 'tcp-flags':
      return parseFlagsField(field, text, TCP_FLAG_NAMES, 'TCP', 0x0fff);
    case 'ct-state':
      return parseFlagsField(field, text, CT_STATE_NAMES, 'ct_state', 0xff);
    case 'packet-type':
      return { value: parsePacketType(text), mask: 0xffffffffn };
  }
}

/** Reads a value, perhaps with a mask; `*` matches anything. @throws FlowTextError */
export function parseFieldText(field: Field, text: string, ports?: NameMap): MaskedValue {
  if (text === '*') return { value: 0n, mask: 0n };
  const parsed = parseUnchecked(field, text, ports);
  if (!isFieldMaskValid(field, parsed.mask))
    throw new FlowTextError(`${text}: invalid mask for field ${field.name}`);
  return parsed;
}

/** Reads a value without a mask. @throws FlowTextError */
export function parseFieldValue(field: Field, text: string, ports?: NameMap): bigint {
  const { value, mask } = parseFieldText(field, text, ports);
  if (mask !== fieldAllOnes(field)) throw new FlowTextError(`${text}: wildcards not allowed here`);
  return value;
}

/** Prints a value, with its mask unless all of it counts. */
export function formatFieldText(field: Field, value: bigint, mask?: bigint, ports?: NameMap): string {
  if (mask === 0n && field.bytes > 0) return 'ANY';
  const full = fieldAllOnes(field);
  const masked = mask !== undefined && mask !== full;
  const bits = mask ?? full;
  switch (field.format) {
    case 'of11-port':
    case 'of10-port':
      if (!masked) {
        const port = Number(value);
        return formatPort(
          field.format === 'of10-port' && port >= 0xff00 ? (port | 0xffff0000) >>> 0 : port,
          ports,
        );
      }
      break;
    case 'ethernet': {
      const mac = (v: bigint): string => formatMac(Number(v >> 32n), Number(v & 0xffffffffn));
      return masked ? `${mac(value)}/${mac(bits)}` : mac(value);
    }
    case 'ipv4':
      return formatIpv4Masked(Number(value), Number(bits));
    case 'ipv6':
      return formatIpv6Masked(value, bits);
    case 'frag': {
      const m = Number(bits) & 3;
      return FRAGS.find(([, mask_, v]) => mask_ === m && v === (Number(value) & m))?.[0] ?? '<error>';
    }
    case 'tunnel-flags':
      return formatFlagsMasked(TUN_FLAG_NAMES, Number(value), Number(bits) & 1, 1);
    case 'tcp-flags':
      return formatFlagsMasked(TCP_FLAG_NAMES, Number(value), Number(bits) & 0x0fff, 0x0fff);
    case 'ct-state':
      return formatFlagsMasked(CT_STATE_NAMES, Number(value), Number(bits), 0xffff);
    case 'packet-type':
      return formatPacketType(Number(value), Number(bits));
    case 'decimal':
    case 'hexadecimal':
      break;
  }
  // As C prints a long long: values of 8 bytes are signed.
  const text =
    field.format === 'hexadecimal'
      ? hexBig(value)
      : String(field.bytes === 8 ? BigInt.asIntN(64, value) : value);
  return masked ? `${text}/${hexBig(bits)}` : text;
}

const isCidr = (mask: bigint): boolean => {
  const inverse = ~Number(mask & 0xffffffffn) >>> 0;
  return (inverse & (inverse + 1)) === 0;
};

/** Which protocols can match all of the field. */
export function usableExactly(field: Field): number {
  const anywhere = field.name === 'dl_vlan' || field.name === 'dl_vlan_pcp';
  const oxm = field.headers.length > 0;
  if (anywhere || (field.of10 && field.of11 && oxm)) return OFPUTIL_P.ANY;
  return field.of11 && oxm ? OFPUTIL_P.NXM_OF11_UP : oxm ? OFPUTIL_P.NXM_OXM_ANY : OFPUTIL_P.NONE;
}

/** Which protocols can match the field under this mask. */
export function usableProtocols(field: Field, mask: bigint): number {
  if (mask === 0n) return OFPUTIL_P.ANY;
  if (mask === fieldAllOnes(field)) return usableExactly(field);
  const oxm = field.headers.length > 0;
  if (!field.maskable) return OFPUTIL_P.NONE;
  // The first four bytes of a value decide, whatever its width.
  if (field.of10 === 'cidr' && isCidr(mask)) return OFPUTIL_P.ANY;
  return field.of11 === 'bitwise' ? OFPUTIL_P.NXM_OF11_UP : oxm ? OFPUTIL_P.NXM_OXM_ANY : OFPUTIL_P.NONE;
}
