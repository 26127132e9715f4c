/**
 * Matches as fields with values and masks.
 *
 * A {@link Match} itself is a row of words, made for switches that compare millions of packets with it. Users take it
 * as it is, make one from fields or text, and read it as fields or text.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { parseFieldText } from '../../flow/field-text.ts';
import {
  addEthernetPrereq,
  FIELD,
  FIELDS,
  type Field,
  type FieldName,
  fieldAllOnes,
  fieldByName,
  getField,
  isFieldMaskValid,
  isFieldValueValid,
} from '../../flow/fields.ts';
import { catchAllMatch, F, type Match, N_REGS } from '../../flow/layout.ts';
import { pullEntry } from '../../flow/match/entry.ts';
import { encodeEntries } from '../../flow/match/nxm.ts';
import { matchFieldMasked } from '../../flow/match/parse.ts';
import { FlowTextError } from '../../flow/text.ts';
import { OFP15 } from '../../openflow/version.ts';

/** A field that a match looks at. */
export interface MatchField {
  readonly field: FieldName;
  readonly value: bigint;
  /** Ones where bits of the packet's field must be those of `value`. */
  readonly mask: bigint;
}

/** A number to match exactly, one to match under a mask, or text as flows have it, such as '10.0.0.0/8'. */
export type MatchValue = number | bigint | string | { readonly value: bigint; readonly mask: bigint };

/** Values by field. */
export type MatchValues = { readonly [K in FieldName]?: MatchValue };

/** What is known of a field. */
export interface FieldInfo {
  readonly name: FieldName;
  /** An older name that parsers take too. */
  readonly alias: string | undefined;
  readonly bits: number;
  /** Whether any bits of it can be matched; otherwise all or none. */
  readonly maskable: boolean;
  /** Whether actions may change it. */
  readonly writable: boolean;
  /** What a packet must be to have the field, e.g. 'IPv4/IPv6'; 'none' for all packets. */
  readonly requires: string;
}

/** Every field, in the order of ovs-fields(7). */
export const fields: readonly FieldInfo[] = FIELDS.map(
  ({ name, alias, bits, maskable, writable, requires }) => ({
    name,
    alias,
    bits,
    maskable,
    writable,
    requires,
  }),
);

function maskedValue(field: Field, given: MatchValue): { readonly value: bigint; readonly mask: bigint } {
  if (typeof given === 'string') return parseFieldText(field, given);
  const all = fieldAllOnes(field);
  const { value, mask } = typeof given === 'object' ? given : { value: BigInt(given), mask: all };
  if (value < 0n || value > all || mask < 0n || mask > all || !isFieldValueValid(field, value & mask))
    throw new ParseError(`${value} is not a valid value for field ${field.name}`);
  if (!isFieldMaskValid(field, mask))
    throw new ParseError(`${mask} is not a valid mask for field ${field.name}`);
  return { value: value & mask, mask };
}

/**
 * A match of packets that have these values: `createMatch({ eth_type: 0x800, ip_dst: '10.0.0.0/8' })`.
 * What a field requires is to be among them: a switch refuses `ip_dst` without `eth_type`.
 * @throws ParseError for a field that does not exist or cannot have that value or mask
 */
export function createMatch(values: MatchValues = {}): Match {
  const match = catchAllMatch();
  for (const [name, given] of Object.entries(values) as [FieldName, MatchValue][]) {
    const field = fieldByName(name);
    if (!field) throw new ParseError(`unknown field ${name}`);
    try {
      const { value, mask } = maskedValue(field, given);
      matchFieldMasked(match, field, value, mask);
    } catch (error) {
      throw error instanceof FlowTextError ? new ParseError(error.message) : error;
    }
    addEthernetPrereq(match, field);
  }
  return match;
}

/** A register has no other names here than `reg0` to `reg31`. */
const registers = Array.from({ length: N_REGS }, (_, i) => FIELD[`reg${i}` as FieldName]);

/**
 * The fields that a match looks at. Each bit of a packet is in one of them; what the wire cannot say, such as an
 * `ip_dst` of packets that need not be IP, is left out.
 */
export function matchFields(match: Match): MatchField[] {
  const found: MatchField[] = [];
  const rest: Match = { ...match, flow: match.flow.slice(), mask: match.mask.slice() };
  rest.flow.fill(0, F.REG0, F.REG0 + N_REGS);
  rest.mask.fill(0, F.REG0, F.REG0 + N_REGS);
  const w = new ByteWriter();
  encodeEntries(w, rest, OFP15);
  for (const r = new ByteReader(w.view()); r.left > 0; ) {
    const { field, value, mask } = pullEntry(r);
    found.push({ field: field.name, value, mask: mask ?? fieldAllOnes(field) });
  }
  for (const field of registers) {
    const mask = getField(match.mask, field);
    if (mask !== 0n) found.push({ field: field.name, value: getField(match.flow, field), mask });
  }
  return found;
}
