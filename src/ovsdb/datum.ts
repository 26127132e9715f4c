/**
 * The value of a column in a row: a sorted set of atoms, or a map with sorted keys. A scalar is a set of one.
 *
 * Data are immutable, so rows, transactions and replicas share them freely; every operation returns its operand
 * itself when nothing changes, so that `===` finds most equal data at once. C counterpart: lib/ovsdb-data.c.
 */
import type { Uuid } from '../base/uuid.ts';
import type { Json } from '../jsonrpc/json.ts';
import {
  type Atom,
  atomFromJson,
  atomFromText,
  atomToBare,
  atomToJson,
  atomToText,
  compareAtoms,
  defaultAtom,
  type Integer,
  integerRangeFromText,
  normalInteger,
  TextError,
} from './atom.ts';
import { OvsdbError, syntaxError } from './ovsdb-error.ts';
import type { RowSymbol, SymbolTable } from './symbols.ts';
import {
  type BaseType,
  type ColumnType,
  checkAtom,
  columnTypeToEnglish,
  countText,
  isComposite,
  withoutConstraints,
  withoutSize,
} from './type.ts';

const NO_ATOMS: readonly Atom[] = [];

export class Datum {
  /** One key itself instead of a list: most data are scalars, and their lists would be larger than they. */
  private readonly keyOrKeys: Atom | readonly Atom[];
  private readonly valueOrValues: Atom | readonly Atom[];

  /**
   * @param keys unique and in order
   * @param values for a map: the value of the key at the same index
   */
  constructor(keys: readonly Atom[], values: readonly Atom[] = NO_ATOMS) {
    this.keyOrKeys = keys.length === 1 ? keys[0]! : keys;
    this.valueOrValues = values.length === 1 ? values[0]! : values;
  }

  get size(): number {
    const keys = this.keyOrKeys;
    return typeof keys === 'object' ? keys.length : 1;
  }
  /** Whether it is a map that is not empty. */
  get hasValues(): boolean {
    const values = this.valueOrValues;
    return typeof values !== 'object' || values.length > 0;
  }
  /** The key at an index below `size`. */
  key(i: number): Atom {
    const keys = this.keyOrKeys;
    return typeof keys === 'object' ? keys[i]! : keys;
  }
  /** The value of the key at an index below `size`; undefined in a set. */
  value(i: number): Atom | undefined {
    const values = this.valueOrValues;
    return typeof values === 'object' ? values[i] : values;
  }

  /** All keys, unique and in order. */
  get keys(): readonly Atom[] {
    const keys = this.keyOrKeys;
    return typeof keys === 'object' ? keys : [keys];
  }
  /** For a map: the value of the key at the same index. Else empty. */
  get values(): readonly Atom[] {
    const values = this.valueOrValues;
    return typeof values === 'object' ? values : [values];
  }
}

/** The empty set and the empty map. */
export const EMPTY = new Datum(NO_ATOMS);

const FALSE = new Datum([false]);
const TRUE = new Datum([true]);

/** A scalar. */
export const scalar = (atom: Atom): Datum =>
  typeof atom === 'boolean' ? (atom ? TRUE : FALSE) : new Datum([atom]);

/** Lists of keys that were met before, at places that depend on their lengths. */
const keyLists: (readonly Atom[])[] = new Array(256).fill(NO_ATOMS);

/** The maps of a column mostly have the same keys in all the rows, which then share one list of them. */
function sharedKeys(keys: readonly Atom[]): readonly Atom[] {
  const n = keys.length;
  const at = (31 * n + 7 * String(keys[0]).length + String(keys[n - 1]).length) & 255;
  const known = keyLists[at]!;
  if (known.length === n && known.every((key, i) => key === keys[i])) return known;
  return (keyLists[at] = keys);
}

/** A set of distinct or repeated atoms in any order. */
export function setOf(atoms: readonly Atom[]): Datum {
  if (atoms.length < 2) return atoms.length === 0 ? EMPTY : new Datum(atoms);
  const sorted = [...atoms].sort(compareAtoms);
  return new Datum(sorted.filter((atom, i) => i === 0 || atom !== sorted[i - 1]));
}

/** A map; of repeated keys the last counts. */
export function mapOf(pairs: Iterable<readonly [Atom, Atom]>): Datum {
  const map = new Map(pairs);
  if (map.size === 0) return EMPTY;
  const keys = [...map.keys()].sort(compareAtoms);
  return new Datum(
    keys,
    keys.map((key) => map.get(key)!),
  );
}

const defaults = new Map<string, Datum>();

/** RFC 7047's default: the empty set where it is allowed, else one default atom (or pair). */
export function defaultDatum(type: ColumnType): Datum {
  if (type.min === 0) return EMPTY;
  const name = `${type.key.type}=${type.value?.type}`;
  let datum = defaults.get(name);
  if (!datum) {
    datum = new Datum([defaultAtom(type.key.type)], type.value ? [defaultAtom(type.value.type)] : NO_ATOMS);
    defaults.set(name, datum);
  }
  return datum;
}

export const isDefaultDatum = (datum: Datum, type: ColumnType): boolean =>
  equalData(datum, defaultDatum(type));

/** Orders by size, then keys, then values. */
export function compareData(a: Datum, b: Datum): number {
  if (a === b) return 0;
  const n = a.size;
  if (n !== b.size) return n - b.size;
  for (let i = 0; i < n; i++) {
    const order = compareAtoms(a.key(i), b.key(i));
    if (order !== 0) return order;
  }
  if (!a.hasValues) return 0;
  for (let i = 0; i < n; i++) {
    const order = compareAtoms(a.value(i)!, b.value(i)!);
    if (order !== 0) return order;
  }
  return 0;
}

export function equalData(a: Datum, b: Datum): boolean {
  if (a === b) return true;
  const n = a.size;
  if (n !== b.size) return false;
  for (let i = 0; i < n; i++) if (a.key(i) !== b.key(i) || a.value(i) !== b.value(i)) return false;
  return true;
}

/** The index at which `key` is, or, as its complement (`~i`), the one at which it would have to be put in. */
export function findKey(datum: Datum, key: Atom): number {
  let low = 0;
  let high = datum.size;
  while (low < high) {
    const mid = (low + high) >>> 1;
    const order = compareAtoms(key, datum.key(mid));
    if (order === 0) return mid;
    if (order < 0) high = mid;
    else low = mid + 1;
  }
  return ~low;
}

/** The value of a key of a map. */
export function lookup(datum: Datum, key: Atom): Atom | undefined {
  const i = findKey(datum, key);
  return i < 0 ? undefined : datum.value(i);
}

/** Whether element `i` of `a` (key and value) is in `b`. */
const has = (b: Datum, a: Datum, i: number): boolean => {
  const at = findKey(b, a.key(i));
  return at >= 0 && a.value(i) === b.value(at);
};

/** Whether every element of `a` is in `b`. */
export function includesAll(a: Datum, b: Datum): boolean {
  if (a.size > b.size) return false;
  for (let i = 0; i < a.size; i++) if (!has(b, a, i)) return false;
  return true;
}

/** Whether no element of `a` is in `b`. */
export function excludesAll(a: Datum, b: Datum): boolean {
  for (let i = 0; i < a.size; i++) if (has(b, a, i)) return false;
  return true;
}

/** What a walk over two sorted data finds at each key; `undefined` where one of them lacks the key. */
type Visit = (key: Atom, inA: number | undefined, inB: number | undefined) => void;

function walk(a: Datum, b: Datum, visit: Visit): void {
  let i = 0;
  let j = 0;
  while (i < a.size || j < b.size) {
    const order = i === a.size ? 1 : j === b.size ? -1 : compareAtoms(a.key(i), b.key(j));
    if (order < 0) visit(a.key(i), i++, undefined);
    else if (order > 0) visit(b.key(j), undefined, j++);
    else visit(a.key(i), i++, j++);
  }
}

/** Collects elements in order. */
class Collector {
  readonly keys: Atom[] = [];
  readonly values: Atom[] = [];

  add(from: Datum, i: number): void {
    this.keys.push(from.key(i));
    if (from.hasValues) this.values.push(from.value(i)!);
  }
  datum(): Datum {
    // Arrays that grew have room for more, their copies do not.
    return this.keys.length === 0
      ? EMPTY
      : new Datum(this.keys.slice(), this.values.length === 0 ? NO_ATOMS : this.values.slice());
  }
}

/** All elements of both; where both maps have a key, `a`'s value stays. */
export function union(a: Datum, b: Datum): Datum {
  if (b.size === 0) return a;
  if (b.size === 1) {
    // The common case, without a walk over a set that may be long.
    const at = ~findKey(a, b.key(0));
    if (at < 0) return a;
    const keys = a.keys.toSpliced(at, 0, b.key(0));
    if (!b.hasValues) return new Datum(keys);
    return new Datum(keys, a.values.toSpliced(at, 0, b.value(0)!));
  }
  const out = new Collector();
  walk(a, b, (_key, i, j) => (i === undefined ? out.add(b, j!) : out.add(a, i)));
  return out.keys.length === a.size ? a : out.datum();
}

/**
 * `a` without the elements of `b`. Where `b` is a set and `a` a map, keys alone count;
 * where both are maps, the values must agree too.
 */
export function subtract(a: Datum, b: Datum): Datum {
  const gone = new Set<number>();
  for (let j = 0; j < b.size; j++) {
    const i = findKey(a, b.key(j));
    if (i >= 0 && (!b.hasValues || a.value(i) === b.value(j))) gone.add(i);
  }
  if (gone.size === 0) return a;
  if (gone.size === a.size) return EMPTY;
  const keep = (_: Atom, i: number): boolean => !gone.has(i);
  return new Datum(a.keys.filter(keep), a.hasValues ? a.values.filter(keep) : NO_ATOMS);
}

/**
 * What must be applied to `from` to get `to`: for sets the elements that only one of them has, for maps those and the
 * pairs of `to` whose value differs; for scalars `to` itself. `applyDiff` undoes and redoes it.
 */
export function diffData(from: Datum, to: Datum, type: ColumnType): Datum {
  if (!isComposite(type)) return to;
  const out = new Collector();
  walk(from, to, (_key, i, j) => {
    if (j === undefined) out.add(from, i!);
    else if (i === undefined || from.value(i!) !== to.value(j)) out.add(to, j);
  });
  return out.datum();
}

/** @throws OvsdbError when the result is not of a size that `type` allows */
export function applyDiff(datum: Datum, diff: Datum, type: ColumnType): Datum {
  const result = diffData(datum, diff, type);
  if (result.size < type.min || result.size > type.max)
    throw new OvsdbError('ovsdb error', 'Datum crated by diff has size error');
  return result;
}

/** The elements that `to` has and `from` does not, and the other way round (a changed pair is in both). */
export function addedRemoved(from: Datum, to: Datum): { readonly added: Datum; readonly removed: Datum } {
  const added = new Collector();
  const removed = new Collector();
  walk(from, to, (_key, i, j) => {
    if (i !== undefined && j !== undefined && from.value(i) === to.value(j)) return;
    if (i !== undefined) removed.add(from, i);
    if (j !== undefined) added.add(to, j);
  });
  return { added: added.datum(), removed: removed.datum() };
}

/** Throws a "constraint violation" for the first atom that `type` does not allow. */
export function checkDatum(datum: Datum, type: ColumnType): void {
  const n = datum.size;
  for (let i = 0; i < n; i++) checkAtom(datum.key(i), type.key);
  if (type.value) for (let i = 0; i < n; i++) checkAtom(datum.value(i)!, type.value);
}

/** Sorts what was read. @throws OvsdbError when a key comes twice */
function sorted(keys: Atom[], values: readonly Atom[] | undefined): Datum {
  const n = keys.length;
  if (n === 0) return EMPTY;
  let ordered = true;
  for (let i = 1; i < n && ordered; i++) ordered = compareAtoms(keys[i - 1]!, keys[i]!) < 0;
  if (ordered) return values ? new Datum(sharedKeys(keys), values) : new Datum(keys);
  const order = keys.map((_, i) => i).sort((i, j) => compareAtoms(keys[i]!, keys[j]!));
  const result = order.map((i) => keys[i]!);
  for (let i = 1; i < n; i++) {
    if (result[i] === result[i - 1])
      throw new OvsdbError('ovsdb error', values ? 'map contains duplicate key' : 'set contains duplicate');
  }
  return values
    ? new Datum(
        sharedKeys(result),
        order.map((i) => values[i]!),
      )
    : new Datum(result);
}

/** Notes on a named UUID what kind of reference it was met in. */
const noteReference =
  (base: BaseType) =>
  (symbol: RowSymbol): void => {
    if (base.refTable === undefined) return;
    if (base.refType === 'strong') symbol.strongRef = true;
    else symbol.weakRef = true;
  };

function checkedAtom(base: BaseType, json: Json, symbols: SymbolTable | undefined): Atom {
  const atom = symbols
    ? atomFromJson(base.type, json, symbols, noteReference(base))
    : atomFromJson(base.type, json);
  checkAtom(atom, base);
  return atom;
}

/**
 * Parses RFC 7047's <value>.
 * @param symbols where named UUIDs are looked up; without it they are refused
 * @throws OvsdbError syntax error or constraint violation
 */
export function datumFromJson(type: ColumnType, json: Json, symbols?: SymbolTable): Datum {
  const isMap = type.value !== undefined;
  if (!isMap && !(Array.isArray(json) && json[0] === 'set'))
    return scalar(checkedAtom(type.key, json, symbols));
  const kind = isMap ? 'map' : 'set';
  const list: Json = Array.isArray(json) && json.length === 2 && json[0] === kind ? json[1]! : null;
  if (!Array.isArray(list)) throw syntaxError(json, `expected ["${kind}", <array>]`);
  const n = list.length;
  if (n < type.min || n > type.max) {
    if (type.min === 1 && type.max === 1)
      throw syntaxError(json, `${kind} must have exactly one member but ${n} are present`);
    throw syntaxError(
      json,
      `${kind} must have ${type.min} to ${countText(type.max)} members but ${n} are present`,
    );
  }
  if (!isMap)
    return sorted(
      list.map((item: Json) => checkedAtom(type.key, item, symbols)),
      undefined,
    );
  // Not by push, which makes room for 17 at once.
  const keys = new Array<Atom>(n);
  const values = new Array<Atom>(n);
  for (let i = 0; i < n; i++) {
    const pair = list[i] as Json;
    if (!Array.isArray(pair) || pair.length !== 2) throw syntaxError(pair, 'expected 2-element array');
    keys[i] = checkedAtom(type.key, pair[0], symbols);
    values[i] = checkedAtom(type.value!, pair[1], symbols);
  }
  return sorted(keys, values);
}

/** Parses a value for internal use, of whatever size. */
export const transientDatumFromJson = (type: ColumnType, json: Json): Datum =>
  datumFromJson(withoutSize(type), json);

/** Parses a value without regard to any constraint. */
export const unconstrainedDatumFromJson = (type: ColumnType, json: Json): Datum =>
  datumFromJson(withoutConstraints(type), json);

type AtomPrinter = (base: BaseType, atom: Atom) => Json;

function toJson(datum: Datum, type: ColumnType, print: AtomPrinter): Json {
  const { key, value } = type;
  if (value) return ['map', datum.keys.map((k, i) => [print(key, k), print(value, datum.value(i)!)])];
  if (datum.size === 1) return print(key, datum.key(0));
  return ['set', datum.keys.map((k) => print(key, k))];
}

const plainAtom: AtomPrinter = (base, atom) => atomToJson(base.type, atom);

/** RFC 7047's <value>. */
export const datumToJson = (datum: Datum, type: ColumnType): Json => toJson(datum, type, plainAtom);

/** The name for a row of that UUID in transactions that are printed as named UUIDs: "row" and the UUID. */
export const rowName = (uuid: Uuid): string => `row${uuid.replaceAll('-', '_')}`;

/** RFC 7047's <value> with references as named UUIDs, see {@link rowName}. */
export const datumToJsonWithRowNames = (datum: Datum, type: ColumnType): Json =>
  toJson(datum, type, (base, atom) =>
    base.type === 'uuid' && base.refTable !== undefined
      ? ['named-uuid', rowName(atom as Uuid)]
      : plainAtom(base, atom),
  );

/** The text that `datumFromText` reads back. */
export function datumToText(datum: Datum, type: ColumnType): string {
  const { key, value } = type;
  const items = datum.keys.map(
    (k, i) => atomToText(key.type, k) + (value ? `=${atomToText(value.type, datum.value(i)!)}` : ''),
  );
  if (type.max <= 1 && items.length > 0) return items.join(', ');
  return value ? `{${items.join(', ')}}` : `[${items.join(', ')}]`;
}

/** Without any punctuation: easy for scripts, not always readable back. */
export function datumToBare(datum: Datum, type: ColumnType): string {
  const { key, value } = type;
  return datum.keys
    .map((k, i) => atomToBare(key.type, k) + (value ? `=${atomToBare(value.type, datum.value(i)!)}` : ''))
    .join(' ');
}

/** Whether `c` ends a token of the text syntax; '' (the end) does too. */
export const isTokenDelimiter = (c: string): boolean => c === '' || ':=, []{}!<>'.includes(c);

/**
 * Takes a token from `text` at `start`: up to a delimiter outside of double quotes; a backslash escapes one.
 * @returns the token (quotes and what they escape kept) and the index after it
 * @throws TextError
 */
export function parseToken(text: string, start = 0): { readonly token: string; readonly end: number } {
  let token = '';
  let quoted = false;
  let i = start;
  while (i < text.length) {
    const c = text[i]!;
    if (c === '\\') {
      if (quoted) token += '\\';
      if (i + 1 === text.length) throw new TextError(`${text.slice(start)}: backslash at end of argument`);
      token += text[i + 1];
      i += 2;
      continue;
    }
    if (!quoted && isTokenDelimiter(c)) break;
    token += c;
    if (c === '"') quoted = !quoted;
    i++;
  }
  if (quoted) throw new TextError(`${text.slice(start)}: quoted string extends past end of argument`);
  return { token, end: i };
}

/** Longest "A-B" that a user may write. */
const MAX_RANGE = 4096n;

/** Checks an atom that came as text. @throws TextError */
function checkTextAtom(atom: Atom, base: BaseType): Atom {
  try {
    checkAtom(atom, base);
  } catch (error) {
    if (error instanceof OvsdbError) throw new TextError(error.message);
    throw error;
  }
  return atom;
}

/** One atom as a user types it, within the constraints of `base`. @throws TextError */
export const checkedAtomFromText = (base: BaseType, text: string, symbols?: SymbolTable): Atom =>
  checkTextAtom(atomFromText(base.type, text, symbols, noteReference(base)), base);

/** All the integers of a range. @throws TextError */
function expandRange(base: BaseType, [start, end]: readonly [Integer, Integer]): Atom[] {
  const [from, to] = [BigInt(start), BigInt(end)];
  checkTextAtom(start, base);
  if (!base.enum) checkTextAtom(end, base);
  if (to - from >= MAX_RANGE)
    throw new TextError(
      `constraint violation: Range "${start}-${end}" is too big. Maximum allowed size is ${MAX_RANGE}.`,
    );
  const atoms: Atom[] = [];
  for (let i = from; i <= to; i++) atoms.push(checkTextAtom(normalInteger(i), base));
  return atoms;
}

const skipSpaces = (text: string, i: number): number => {
  while (i < text.length && ' \t\n\v\f\r'.includes(text[i]!)) i++;
  return i;
};

/**
 * Parses what a user typed for a column: atoms (ranges of integers too) or KEY=VALUE pairs, between spaces or commas,
 * with or without the brackets of a set or the braces of a map around them.
 * @param symbols makes "@name" a UUID
 * @throws TextError
 */
export function datumFromText(type: ColumnType, text: string, symbols?: SymbolTable): Datum {
  const isMap = type.value !== undefined;
  const [open, close] = isMap ? ['{', '}'] : ['[', ']'];
  let i = skipSpaces(text, 0);
  if (i === text.length)
    throw new TextError(`use "${open}${close}" to specify the empty ${isMap ? 'map' : 'set'}`);
  const enclosed = text[i] === open;
  if (enclosed) i = skipSpaces(text, i + 1);
  const keys: Atom[] = [];
  const values: Atom[] = [];
  while (i < text.length && !(enclosed && text[i] === close)) {
    if (isTokenDelimiter(text[i]!))
      throw new TextError(`${text}: unexpected "${text[i]}" parsing ${columnTypeToEnglish(type)}`);
    const start = i;
    const key = parseToken(text, i);
    i = key.end;
    const range = type.key.type === 'integer' ? integerRangeFromText(key.token) : undefined;
    const found = range ? expandRange(type.key, range) : [checkedAtomFromText(type.key, key.token, symbols)];
    keys.push(...found);
    if (type.value) {
      i = skipSpaces(text, i);
      if (text[i] !== '=')
        throw new TextError(
          // C prints nothing after the end of the text.
          `${text.slice(start)}: syntax error at "${i < text.length ? `${text[i]}" expecting "="` : ''}`,
        );
      const value = parseToken(text, skipSpaces(text, i + 1));
      i = value.end;
      const atom = checkedAtomFromText(type.value, value.token, symbols);
      for (const _ of found) values.push(atom);
    }
    i = skipSpaces(text, i);
    if (text[i] === ',') i = skipSpaces(text, i + 1);
  }
  if (enclosed) {
    if (i === text.length) throw new TextError(`${text}: missing "${close}" at end of data`);
    if (skipSpaces(text, i + 1) < text.length)
      throw new TextError(`${text}: trailing garbage after "${close}"`);
  }
  const things = isMap ? 'pair(s)' : 'value(s)';
  if (keys.length < type.min)
    throw new TextError(`${text}: ${keys.length} ${things} specified but the minimum number is ${type.min}`);
  if (keys.length > type.max)
    throw new TextError(`${text}: ${keys.length} ${things} specified but the maximum number is ${type.max}`);
  try {
    return sorted(keys, isMap ? values : undefined);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    throw new TextError(`${text}: ${isMap ? 'map contains duplicate key' : 'set contains duplicate value'}`);
  }
}
