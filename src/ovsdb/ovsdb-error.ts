/**
 * The error that every part of the database raises: RFC 7047's <error> object, and the line of text that the
 * tools print for it. C counterpart: lib/ovsdb-error.c.
 */
import type { SystemError } from '../base/host.ts';
import { type Json, type JsonObject, sortedJson } from '../jsonrpc/json.ts';

/** What an error may carry besides its details, as text. */
export interface OvsdbErrorExtra {
  /** The JSON that is wrong. */
  readonly syntax?: string | undefined;
  /** The reason that the system gave for an "I/O error". */
  readonly io?: string | undefined;
}

function describe(tag: string, details: string | undefined, { syntax, io }: OvsdbErrorExtra): string {
  let text = syntax === undefined ? tag : `syntax "${syntax}": ${tag}`;
  if (details !== undefined) text += `: ${details}`;
  return io === undefined ? text : `${text} (${io})`;
}

export class OvsdbError extends Error {
  /** The "error" member: 'syntax error', 'constraint violation' ... */
  readonly tag: string;
  readonly details: string | undefined;
  readonly #extra: OvsdbErrorExtra;

  constructor(tag: string, details?: string, extra: OvsdbErrorExtra = {}) {
    super(describe(tag, details, extra));
    this.tag = tag;
    this.details = details;
    this.#extra = extra;
  }

  toJson(): JsonObject {
    const { syntax, io } = this.#extra;
    return {
      ...(this.details === undefined ? {} : { details: this.details }),
      error: this.tag,
      ...(io === undefined ? {} : { 'io-error': io }),
      ...(syntax === undefined ? {} : { syntax }),
    };
  }

  /** The same error with `context: ` before its details. */
  wrap(context: string): OvsdbError {
    const details = this.details === undefined ? context : `${context}: ${this.details}`;
    return new OvsdbError(this.tag, details, this.#extra);
  }
}

/** `json` is not what the schema or the protocol asks for. */
export const syntaxError = (json: Json | undefined, details: string, tag = 'syntax error'): OvsdbError =>
  new OvsdbError(tag, details, { syntax: json === undefined ? undefined : sortedJson(json) });

export const ioError = (cause: SystemError, details: string): OvsdbError =>
  new OvsdbError('I/O error', details, { io: cause.message });

/** What a client is told of a mistake of ours; the log says more. */
export const internalError = (cause: unknown): OvsdbError =>
  new OvsdbError('internal error', cause instanceof Error ? cause.message : String(cause));

export const constraintViolation = (details: string): OvsdbError =>
  new OvsdbError('constraint violation', details);
