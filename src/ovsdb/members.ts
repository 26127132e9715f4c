/**
 * Takes a JSON object apart: required and optional members of given kinds, and nothing else.
 * The first thing that is wrong is what {@link Members.finish} throws, so that a reader can ask for everything
 * first and needs one check. C counterpart: lib/ovsdb-parser.c.
 */
import type { Json, JsonObject } from '../jsonrpc/json.ts';
import { type OvsdbError, syntaxError } from './ovsdb-error.ts';

/** What a member may be; 'id' is a string that is an identifier, 'integer' and 'number' count bigints too. */
export type MemberKind = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'id' | 'array' | 'object';

const ID = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether `text` is an <id> of RFC 7047. */
export const isId = (text: string): boolean => ID.test(text);

const INT64_LIMIT = 2 ** 63;

/** The exact integer that `json` is: a number where that is safe, else a bigint; undefined if it is none. */
export function integerOf(json: Json): number | bigint | undefined {
  if (typeof json === 'bigint') return json;
  if (typeof json !== 'number' || !Number.isInteger(json)) return undefined;
  if (Number.isSafeInteger(json)) return json;
  return json >= -INT64_LIMIT && json < INT64_LIMIT ? BigInt(json) : undefined;
}

export const isJsonObject = (json: Json): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

function isKind(json: Json, kind: MemberKind): boolean {
  switch (kind) {
    case 'null':
      return json === null;
    case 'array':
      return Array.isArray(json);
    case 'object':
      return isJsonObject(json);
    case 'integer':
      return integerOf(json) !== undefined;
    case 'number':
      return typeof json === 'number' || typeof json === 'bigint';
    case 'id':
      return typeof json === 'string' && isId(json);
    default:
      return typeof json === kind;
  }
}

export class Members {
  readonly #name: string;
  readonly #json: Json | undefined;
  readonly #object: JsonObject | undefined;
  readonly #used: string[] = [];
  #error: OvsdbError | undefined;

  /** @param name what is parsed, for errors: "Parsing NAME failed" */
  constructor(json: Json | undefined, name: string) {
    this.#name = name;
    this.#json = json;
    if (json !== undefined && isJsonObject(json)) this.#object = json;
    else this.fail('Object expected.');
  }

  /** What is taken apart. */
  get json(): Json | undefined {
    return this.#json;
  }

  get failed(): boolean {
    return this.#error !== undefined;
  }

  /** The member, or undefined if it is not there (an error unless `optional`) or of a wrong kind (an error). */
  optional(name: string, kind?: MemberKind, otherKind?: MemberKind): Json | undefined {
    if (!this.#object || !Object.hasOwn(this.#object, name)) return undefined;
    const value = this.#object[name]!;
    if (kind === undefined || isKind(value, kind) || (otherKind !== undefined && isKind(value, otherKind))) {
      this.#used.push(name);
      return value;
    }
    this.fail(`Type mismatch for member '${name}'.`);
    return undefined;
  }

  required(name: string, kind?: MemberKind, otherKind?: MemberKind): Json | undefined {
    if (this.#object && !Object.hasOwn(this.#object, name))
      this.fail(`Required '${name}' member is missing.`);
    return this.optional(name, kind, otherKind);
  }

  /** Notes that something is wrong; only the first note counts. */
  fail(why: string): void {
    this.#error ??= syntaxError(this.#object && this.#json, `Parsing ${this.#name} failed: ${why}`);
  }

  /** Throws what was noted. */
  check(): void {
    if (this.#error) throw this.#error;
  }

  /** Throws what was noted, or that there are members that nobody asked for. */
  finish(): void {
    if (!this.#error) {
      const names = Object.keys(this.#object!);
      const extra = names.length - this.#used.length;
      if (extra > 0) {
        const name = names.find((n) => !this.#used.includes(n));
        const others = extra === 1 ? 'is' : `and ${extra - 1} other member${extra > 2 ? 's' : ''} are`;
        this.fail(`Member '${name}' ${others} present but not allowed here.`);
      }
    }
    this.check();
  }
}
