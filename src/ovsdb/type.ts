/**
 * Types of columns: a base type for keys, one for values in maps, and how many there may be.
 * C counterpart: lib/ovsdb-types.c; the notation is RFC 7047 section 3.2.
 */
import { formatReal, type Json, stringifyJson } from '../jsonrpc/json.ts';
import { invalidUtf8 } from '../jsonrpc/utf8.ts';
import {
  type Atom,
  type AtomicType,
  atomFromJson,
  atomicTypeFromJson,
  atomToJson,
  atomToText,
  compareAtoms,
  INT64_MAX,
  INT64_MIN,
  type Integer,
} from './atom.ts';
import { integerOf, Members } from './members.ts';
import { constraintViolation, OvsdbError, syntaxError } from './ovsdb-error.ts';

/** An atomic type and what restricts its values. */
export interface BaseType {
  readonly type: AtomicType;
  /** The allowed values, sorted. */
  readonly enum: readonly Atom[] | undefined;
  /** Least and greatest integer or real. */
  readonly min: Integer | undefined;
  readonly max: Integer | undefined;
  /** Of strings, in characters; `Infinity` for no limit. */
  readonly minLength: number;
  readonly maxLength: number;
  /** The table whose rows a UUID refers to. */
  readonly refTable: string | undefined;
  readonly refType: 'strong' | 'weak';
}

export interface ColumnType {
  readonly key: BaseType;
  /** Of the values of a map; undefined for scalars and sets. */
  readonly value: BaseType | undefined;
  /** 0 or 1. */
  readonly min: number;
  /** `Infinity` for "unlimited". */
  readonly max: number;
}

const UINT_MAX = 0xffffffff;

/** A count as C prints it, where no limit is the greatest unsigned integer. */
export const countText = (n: number): string => String(n === Number.POSITIVE_INFINITY ? UINT_MAX : n);

/** The type without any constraint. */
export const baseType = (type: AtomicType): BaseType => ({
  type,
  enum: undefined,
  min: undefined,
  max: undefined,
  minLength: 0,
  maxLength: Number.POSITIVE_INFINITY,
  refTable: undefined,
  refType: 'strong',
});

export const scalarType = (type: AtomicType): ColumnType => ({
  key: baseType(type),
  value: undefined,
  min: 1,
  max: 1,
});

export const isScalar = (t: ColumnType): boolean => t.value === undefined && t.min === 1 && t.max === 1;
export const isOptionalScalar = (t: ColumnType): boolean =>
  t.value === undefined && t.min === 0 && t.max === 1;
export const isMap = (t: ColumnType): boolean => t.value !== undefined;
/** Of more than one element, possibly: such a column's changes are told as differences, others' as the new value. */
export const isComposite = (t: ColumnType): boolean => t.max > 1;

export const isStrongRef = (b: BaseType | undefined): boolean =>
  b?.refTable !== undefined && b.refType === 'strong';
export const isWeakRef = (b: BaseType | undefined): boolean =>
  b?.refTable !== undefined && b.refType === 'weak';

const hasConstraints = (b: BaseType): boolean =>
  b.enum !== undefined ||
  b.min !== undefined ||
  b.max !== undefined ||
  b.minLength !== 0 ||
  b.maxLength !== Number.POSITIVE_INFINITY ||
  b.refTable !== undefined;

/** The same type with its constraints lifted. */
export const withoutConstraints = (t: ColumnType): ColumnType => ({
  key: baseType(t.key.type),
  value: t.value && baseType(t.value.type),
  min: 0,
  max: Number.POSITIVE_INFINITY,
});

/** Any number of elements, each within the constraints. */
export const withoutSize = (t: ColumnType): ColumnType => ({ ...t, min: 0, max: Number.POSITIVE_INFINITY });

/** Characters, not code units. */
function characters(text: string): number {
  let n = text.length;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0xdc00 && c <= 0xdfff) n--;
  }
  return n;
}

function checkRange(atom: Integer, base: BaseType): void {
  const { min, max } = base;
  if ((min === undefined || atom >= min) && (max === undefined || atom <= max)) return;
  const text = (n: Integer): string => (base.type === 'real' ? formatReal(n as number) : String(n));
  if (min !== undefined && max !== undefined)
    throw constraintViolation(
      `${text(atom)} is not in the valid range ${text(min)} to ${text(max)} (inclusive)`,
    );
  if (min !== undefined)
    throw constraintViolation(`${text(atom)} is less than minimum allowed value ${text(min)}`);
  throw constraintViolation(`${text(atom)} is greater than maximum allowed value ${text(max!)}`);
}

/** The allowed values as the errors list them. */
const enumText = (base: BaseType): string =>
  `[${base.enum!.map((a) => atomToText(base.type, a)).join(', ')}]`;

/** Throws a "constraint violation" unless `atom` is one of the values that `base` allows. References are not looked up. */
export function checkAtom(atom: Atom, base: BaseType): void {
  if (base.enum && !base.enum.includes(atom))
    throw constraintViolation(
      `${atomToText(base.type, atom)} is not one of the allowed values (${enumText(base)})`,
    );
  switch (base.type) {
    case 'integer':
    case 'real':
      if (base.min !== undefined || base.max !== undefined) checkRange(atom as Integer, base);
      return;
    case 'string': {
      const text = atom as string;
      if (!text.isWellFormed()) throw constraintViolation(`not a valid UTF-8 string: ${invalidUtf8(text)}`);
      if (base.minLength === 0 && base.maxLength === Number.POSITIVE_INFINITY) return;
      const n = characters(text);
      if (n < base.minLength)
        throw constraintViolation(
          `"${text}" length ${n} is less than minimum allowed length ${base.minLength}`,
        );
      if (n > base.maxLength)
        throw constraintViolation(
          `"${text}" length ${n} is greater than maximum allowed length ${base.maxLength}`,
        );
    }
  }
}

/** The values of an "enum" member: one atom or ["set", [atoms]]. */
function enumFromJson(type: AtomicType, json: Json): readonly Atom[] {
  if (!Array.isArray(json) || json[0] !== 'set') return [atomFromJson(type, json)];
  const list: Json = json[1] ?? null;
  if (json.length !== 2 || !Array.isArray(list)) throw syntaxError(json, 'expected ["set", <array>]');
  if (list.length === 0) throw syntaxError(json, `set must have 1 to ${UINT_MAX} members but 0 are present`);
  const atoms = list.map((item: Json) => atomFromJson(type, item)).sort(compareAtoms);
  if (atoms.some((atom, i) => i > 0 && atom === atoms[i - 1]))
    throw new OvsdbError('ovsdb error', 'set contains duplicate');
  return atoms;
}

/** @throws OvsdbError */
export function baseTypeFromJson(json: Json): BaseType {
  if (typeof json === 'string') return baseType(atomicTypeFromJson(json));
  const members = new Members(json, 'ovsdb type');
  const name = members.required('type', 'string');
  members.check();
  const type = atomicTypeFromJson(name!);
  const base: { -readonly [K in keyof BaseType]: BaseType[K] } = baseType(type);
  const allowed = members.optional('enum');
  if (allowed !== undefined) {
    base.enum = enumFromJson(type, allowed);
  } else if (type === 'integer' || type === 'real') {
    const kind = type === 'integer' ? 'integer' : 'number';
    const suffix = type === 'integer' ? 'Integer' : 'Real';
    const min = members.optional(`min${suffix}`, kind);
    const max = members.optional(`max${suffix}`, kind);
    // A limit at the end of the type's range is none.
    const [least, greatest] =
      type === 'integer' ? [INT64_MIN, INT64_MAX] : [-Number.MAX_VALUE, Number.MAX_VALUE];
    if (min !== undefined && min !== least) base.min = type === 'integer' ? integerOf(min) : Number(min);
    if (max !== undefined && max !== greatest) base.max = type === 'integer' ? integerOf(max) : Number(max);
    if ((base.min ?? least) > (base.max ?? greatest))
      throw syntaxError(json, `min${suffix} exceeds max${suffix}`);
  } else if (type === 'string') {
    const length = (member: string): number | undefined => {
      const value = members.optional(member, 'integer');
      if (value === undefined) return undefined;
      if (typeof value !== 'number' || value < 0 || value > UINT_MAX)
        throw syntaxError(value, `${member} out of valid range 0 to ${UINT_MAX}`);
      return value === UINT_MAX ? Number.POSITIVE_INFINITY : value;
    };
    base.minLength = length('minLength') ?? 0;
    base.maxLength = length('maxLength') ?? Number.POSITIVE_INFINITY;
    if (base.minLength > base.maxLength) throw syntaxError(json, 'minLength exceeds maxLength');
  } else if (type === 'uuid') {
    base.refTable = members.optional('refTable', 'id') as string | undefined;
    if (base.refTable !== undefined) {
      const refType = members.optional('refType', 'id') ?? 'strong';
      if (refType !== 'strong' && refType !== 'weak')
        throw syntaxError(json, `refType must be "strong" or "weak" (not "${String(refType)}")`);
      base.refType = refType;
    }
  }
  members.finish();
  return base;
}

/** In the order of members in which the C implementation builds it. */
export function baseTypeToJson(base: BaseType): Json {
  if (!hasConstraints(base)) return base.type;
  const json: Record<string, Json> = { type: base.type };
  if (base.enum) {
    const atoms = base.enum.map((a) => atomToJson(base.type, a));
    json['enum'] = atoms.length === 1 ? atoms[0]! : ['set', atoms];
  }
  const suffix = base.type === 'integer' ? 'Integer' : 'Real';
  if (base.min !== undefined) json[`min${suffix}`] = base.min;
  if (base.max !== undefined) json[`max${suffix}`] = base.max;
  if (base.minLength !== 0) json['minLength'] = base.minLength;
  if (base.maxLength !== Number.POSITIVE_INFINITY) json['maxLength'] = base.maxLength;
  if (base.refTable !== undefined) {
    json['refTable'] = base.refTable;
    if (base.refType === 'weak') json['refType'] = 'weak';
  }
  return json;
}

function count(json: Json | undefined): number {
  if (json === undefined) return 1;
  if (typeof json === 'number' && Number.isInteger(json) && json >= 0 && json < UINT_MAX) return json;
  throw syntaxError(json, 'bad min or max value');
}

/** @throws OvsdbError */
export function columnTypeFromJson(json: Json): ColumnType {
  if (typeof json === 'string') return { key: baseTypeFromJson(json), value: undefined, min: 1, max: 1 };
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw syntaxError(json, 'ovsdb type expected');
  const members = new Members(json, 'ovsdb type');
  const key = members.required('key', 'string', 'object');
  const value = members.optional('value', 'string', 'object');
  const min = members.optional('min', 'integer');
  const max = members.optional('max', 'integer', 'string');
  members.finish();
  const type: ColumnType = {
    key: baseTypeFromJson(key!),
    value: value === undefined ? undefined : baseTypeFromJson(value),
    min: count(min),
    max: max === 'unlimited' ? Number.POSITIVE_INFINITY : count(max),
  };
  if (type.min > 1 || type.max < 1) throw syntaxError(json, 'ovsdb type fails constraint checks');
  return type;
}

export function columnTypeToJson(type: ColumnType): Json {
  if (isScalar(type) && !hasConstraints(type.key)) return baseTypeToJson(type.key);
  const json: Record<string, Json> = { key: baseTypeToJson(type.key) };
  if (type.value) json['value'] = baseTypeToJson(type.value);
  if (type.min !== 1) json['min'] = type.min;
  if (type.max === Number.POSITIVE_INFINITY) json['max'] = 'unlimited';
  else if (type.max !== 1) json['max'] = type.max;
  return json;
}

/** Whether both allow the same values. */
export const sameColumnType = (a: ColumnType, b: ColumnType): boolean =>
  a === b || stringifyJson(columnTypeToJson(a)) === stringifyJson(columnTypeToJson(b));

/** "set of up to 3 integers", as errors say it. */
export function columnTypeToEnglish(type: ColumnType): string {
  if (isScalar(type)) return type.key.type;
  let size = ` of up to ${type.max}`;
  if (type.max === Number.POSITIVE_INFINITY) size = type.min > 0 ? ` of ${type.min} or more` : ' of';
  else if (type.min > 0) size = ` of ${type.min} to ${type.max}`;
  return type.value
    ? `map${size} (${type.key.type}, ${type.value.type}) pairs`
    : `set${size} ${type.key.type}s`;
}
