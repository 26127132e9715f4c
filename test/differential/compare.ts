/**
 * Brings the answers of two database servers to one form: what depends on the order of hash tables is put in order,
 * UUIDs that the servers draw get the same names, and reals have the 15 digits that the C implementation prints.
 */
import { type Json, type JsonObject, parseJson, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { isJsonObject } from '../../src/ovsdb/members.ts';

const isArray = (json: Json): json is readonly Json[] => Array.isArray(json);

/** Orders what is in sets and maps. */
export function canonical(json: Json): Json {
  if (typeof json === 'number' && !Number.isSafeInteger(json)) return Number(json.toPrecision(15));
  if (isArray(json)) {
    const items = json.map(canonical);
    if (items.length === 2 && (items[0] === 'set' || items[0] === 'map') && isArray(items[1]!))
      return [items[0], [...items[1]].sort((a, b) => (sortedJson(a) < sortedJson(b) ? -1 : 1))];
    return items;
  }
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, canonical(value)]));
}

/** The results of operations in a form in which they can be compared. */
export function canonicalResults(ops: readonly JsonObject[], results: Json): Json {
  if (!isArray(results)) return results;
  return results.map((result, i) => {
    if (!result || !isJsonObject(result)) return result;
    const { rows, ...rest } = result;
    if (!rows || !isArray(rows)) return canonical(rest);
    const all = (rows as readonly JsonObject[]).map((row) => canonical(row) as JsonObject);
    const sort = (ops[i]?.['sort'] ?? []) as readonly string[];
    const order = Array.isArray(sort) ? all.map((row) => sort.map((column) => row[column] ?? null)) : [];
    return { ...rest, order, rows: all.map(sortedJson).sort() };
  });
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Those that transactions name, see `poolUuid`. */
const POOLED = /^(.)\1{7}-0000-4000-8000-00000000000\d|^0{8}-0000-0000-0000-0{12}$/;

/** Names the UUIDs that one server draws as the other's; those of rows that were never made are all the same. */
export class UuidNames {
  readonly #names = new Map<string, string>();
  readonly #known = new Set<string>();

  /** Learns from two answers to the same operations. */
  learn(theirs: Json, ours: Json): void {
    if (!isArray(theirs) || !isArray(ours)) return;
    theirs.forEach((result, i) => {
      const uuid = (json: Json | undefined): string | undefined => {
        if (!json || !isJsonObject(json)) return undefined;
        const value = json['uuid'];
        return value && isArray(value) ? (value[1] as string) : undefined;
      };
      const [name, drawn] = [uuid(result), uuid(ours[i])];
      if (name === undefined || drawn === undefined || name === drawn) return;
      this.#names.set(drawn, name);
      this.#known.add(name);
    });
  }
  translate(json: Json): Json {
    const text = stringifyJson(json).replace(UUID, (uuid) => {
      if (POOLED.test(uuid) || this.#known.has(uuid)) return uuid;
      return this.#names.get(uuid) ?? 'drawn';
    });
    return parseJson(text);
  }
}
