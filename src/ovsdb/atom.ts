/**
 * The smallest values of the database: an integer, a real, a boolean, a string or a UUID.
 *
 * An atom is a plain JavaScript value; its type is known from the column. Integers are exact over 64 bits: a
 * number where that is safe, a bigint beyond, never the other way round, so that `===` is equality for every type.
 * UUIDs are lower-case strings. C counterpart: lib/ovsdb-data.c.
 */
import { parseUuid, ZERO_UUID } from '../base/uuid.ts';
import { formatReal, type Json, unescapeJsonString } from '../jsonrpc/json.ts';
import { integerOf, isId } from './members.ts';
import { syntaxError } from './ovsdb-error.ts';
import type { RowSymbol, SymbolTable } from './symbols.ts';

export const ATOMIC_TYPES = ['integer', 'real', 'boolean', 'string', 'uuid'] as const;
export type AtomicType = (typeof ATOMIC_TYPES)[number];

export type Integer = number | bigint;
export type Atom = number | bigint | boolean | string;

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;

/** Something typed by a user is wrong; the message is the whole explanation. */
export class TextError extends Error {}

const DEFAULTS: Readonly<Record<AtomicType, Atom>> = {
  integer: 0,
  real: 0,
  boolean: false,
  string: '',
  uuid: ZERO_UUID,
};

export const defaultAtom = (type: AtomicType): Atom => DEFAULTS[type];

/** A bigint in its canonical form. */
export function normalInteger(value: bigint): Integer {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Code units in the order of the code points that they belong to: surrogates come last. */
const codeOrder = (c: number): number => (c >= 0xe000 ? c - 0x800 : c >= 0xd800 ? c + 0x2000 : c);

/** Orders strings as strcmp does their UTF-8. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codeOrder(x) - codeOrder(y);
  }
  return a.length - b.length;
}

/** Orders two atoms of one type: negative, 0 or positive. */
export function compareAtoms(a: Atom, b: Atom): number {
  if (a === b) return 0;
  if (typeof a === 'string') return compareStrings(a, b as string);
  return a < b ? -1 : 1;
}

function uuidFromJson(json: Json, symbols: SymbolTable | undefined, note: (symbol: RowSymbol) => void): Atom {
  if (Array.isArray(json) && json.length === 2 && typeof json[1] === 'string') {
    const text: string = json[1];
    if (json[0] === 'uuid') {
      const uuid = parseUuid(text);
      if (uuid === undefined) throw syntaxError(json, `"${text}" is not a valid UUID`);
      return uuid;
    }
    if (json[0] === 'named-uuid' && symbols) {
      if (!isId(text)) throw syntaxError(json, 'named-uuid string is not a valid <id>');
      const symbol = symbols.mention(text);
      note(symbol);
      return symbol.uuid;
    }
  }
  throw syntaxError(json, 'expected ["uuid", <string>]');
}

/**
 * @param symbols where named UUIDs are looked up; without it they are refused
 * @param note told about a named UUID that was met
 * @throws OvsdbError syntax error
 */
export function atomFromJson(
  type: AtomicType,
  json: Json,
  symbols?: SymbolTable,
  note: (symbol: RowSymbol) => void = () => {},
): Atom {
  switch (type) {
    case 'integer': {
      const integer = integerOf(json);
      if (integer !== undefined) return integer;
      break;
    }
    case 'real':
      if (typeof json === 'number') return json;
      if (typeof json === 'bigint') return Number(json);
      break;
    case 'boolean':
      if (typeof json === 'boolean') return json;
      break;
    case 'string':
      if (typeof json === 'string') return json;
      break;
    case 'uuid':
      return uuidFromJson(json, symbols, note);
  }
  throw syntaxError(json, `expected ${type}`);
}

export const atomToJson = (type: AtomicType, atom: Atom): Json =>
  type === 'uuid' ? ['uuid', atom as string] : atom;

const BARE_WORD = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** The text that `atomFromText` reads back: strings are quoted where they must be. */
export function atomToText(type: AtomicType, atom: Atom): string {
  if (type === 'real') return formatReal(atom as number);
  if (type !== 'string') return String(atom);
  const text = atom as string;
  const bare = BARE_WORD.test(text) && text !== 'true' && text !== 'false' && parseUuid(text) === undefined;
  return bare ? text : JSON.stringify(text);
}

/** Without quotes: easy for scripts, not always readable back. */
export const atomToBare = (type: AtomicType, atom: Atom): string =>
  type === 'string' ? (atom as string) : atomToText(type, atom);

const INTEGER_TEXT = /^\s*[+-]?\d+$/;
const RANGE_TEXT = /^(\s*[+-]?\d+)-(\s*[+-]?\d+)$/;
const REAL_TEXT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A decimal integer of 64 bits, or undefined. */
export function integerFromText(text: string): Integer | undefined {
  if (!INTEGER_TEXT.test(text)) return undefined;
  const value = BigInt(text.trim().replace(/^\+/, ''));
  return value >= INT64_MIN && value <= INT64_MAX ? normalInteger(value) : undefined;
}

/** The two ends of "A-B"; undefined when `text` is no range. @throws TextError when it ends before it starts */
export function integerRangeFromText(text: string): readonly [Integer, Integer] | undefined {
  const match = RANGE_TEXT.exec(text);
  if (!match) return undefined;
  const start = integerFromText(match[1]!);
  const end = integerFromText(match[2]!);
  if (start === undefined || end === undefined) return undefined;
  if (end < start) throw new TextError(`"${text}" is not a valid range. Range end cannot be before start.`);
  return [start, end];
}

/**
 * Parses what a user typed for one atom.
 * @param symbols makes "@name" a UUID
 * @throws TextError
 */
export function atomFromText(
  type: AtomicType,
  text: string,
  symbols?: SymbolTable,
  note: (symbol: RowSymbol) => void = () => {},
): Atom {
  switch (type) {
    case 'integer': {
      const integer = integerFromText(text);
      if (integer === undefined) throw new TextError(`"${text}" is not a valid integer or range`);
      return integer;
    }
    case 'real': {
      const real = REAL_TEXT.test(text) ? Number(text) : Number.NaN;
      if (!Number.isFinite(real)) throw new TextError(`"${text}" is not a valid real number`);
      return real === 0 ? 0 : real;
    }
    case 'boolean':
      if (['true', 'yes', 'on', '1'].includes(text)) return true;
      if (['false', 'no', 'off', '0'].includes(text)) return false;
      throw new TextError(`"${text}" is not a valid boolean (use "true" or "false")`);
    case 'string':
      if (text === '')
        throw new TextError('An empty string is not valid as input; use "" to represent the empty string');
      if (text[0] !== '"') return text;
      if (text.length < 2 || !text.endsWith('"'))
        throw new TextError(`${text}: missing quote at end of quoted string`);
      return unescapeJsonString(text.slice(1, -1), (why) => {
        throw new TextError(`${text}: ${why}`);
      });
    case 'uuid': {
      if (text.startsWith('@') && symbols) {
        const symbol = symbols.mention(text);
        note(symbol);
        return symbol.uuid;
      }
      const uuid = parseUuid(text);
      if (uuid === undefined) throw new TextError(`"${text}" is not a valid UUID`);
      return uuid;
    }
  }
}

/** @throws OvsdbError unless `name` is one of {@link ATOMIC_TYPES} */
export function atomicTypeFromJson(json: Json): AtomicType {
  if (typeof json !== 'string') throw syntaxError(json, 'atomic-type expected');
  const type = ATOMIC_TYPES.find((t) => t === json);
  if (!type) throw syntaxError(json, `"${json}" is not an atomic-type`);
  return type;
}
