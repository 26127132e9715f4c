/**
 * The texts of a clustered database in the store: records of its log, its snapshot, and how long texts are cut.
 *
 * A record is a batch of transactions that one server committed together, or a conversion to another schema. A transaction
 * is the JSON that a stand-alone database's file has too (file.ts), with an id by which clients that come back name it, at
 * whatever server (`monitor_cond_since`).
 */
import type { Uuid } from '../../base/uuid.ts';
import { type Json, JsonError, type JsonObject, parseJson, stringifyJson } from '../../jsonrpc/json.ts';
import { isJsonObject } from '../members.ts';
import { OvsdbError } from '../ovsdb-error.ts';

/**
 * Characters of one value in the store. A character is at most three bytes of UTF-8, and etcd's requests are limited to 1.5 MiB.
 */
export const MAX_VALUE_CHARS = 400_000;

/** A text in parts of its own. */
export interface BlobRef {
  /** Start of the keys of its parts. */
  readonly blob: string;
  readonly parts: number;
}

export type Entry =
  | { readonly id: Uuid; readonly transaction: JsonObject }
  | { readonly id: Uuid; readonly schema: Json };

export interface ClusterRecord {
  /** Drawn anew for each attempt to commit: by it a server knows its own. */
  readonly batch: Uuid;
  readonly entries: readonly Entry[];
}

export interface Snapshot {
  readonly format: 1;
  /** Identity of the cluster. */
  readonly cid: Uuid;
  /** Name of the database. */
  readonly name: string;
  /** The last record whose transactions are in it, and the last transaction's id. */
  readonly index: number;
  readonly id: Uuid;
  /** Text: JSON of [schema, transaction that makes all the rows]. */
  readonly data: BlobRef;
  /** Characters of that. */
  readonly chars: number;
}

const damaged = (what: string): OvsdbError => new OvsdbError('ovsdb error', `cluster: ${what} is damaged`);

function parse(text: string, what: string): JsonObject {
  let json: Json;
  try {
    json = parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw damaged(what);
    throw error;
  }
  if (!isJsonObject(json)) throw damaged(what);
  return json;
}

/** @param entries JSON of transactions or of schemas, with their ids */
export function recordText(
  batch: Uuid,
  entries: readonly { readonly id: Uuid; readonly kind: 'transaction' | 'schema'; readonly json: string }[],
): string {
  const texts = entries.map(({ id, kind, json }) => `{"id":"${id}","${kind}":${json}}`);
  return `{"batch":"${batch}","entries":[${texts.join(',')}]}`;
}

/** The value of a record whose text is elsewhere. */
export const referringText = (batch: Uuid, { blob, parts }: BlobRef): string =>
  stringifyJson({ batch, blob, parts });

/** @throws OvsdbError */
export function parseRecord(text: string): ClusterRecord | (BlobRef & { readonly batch: Uuid }) {
  const { batch, entries, blob, parts } = parse(text, 'record');
  if (typeof batch !== 'string') throw damaged('record');
  if (typeof blob === 'string' && typeof parts === 'number') return { batch, blob, parts };
  if (!Array.isArray(entries)) throw damaged('record');
  return {
    batch,
    entries: (entries as readonly Json[]).map((entry) => {
      if (!isJsonObject(entry) || typeof entry['id'] !== 'string') throw damaged('record');
      const { id, transaction, schema } = entry;
      if (transaction !== undefined && isJsonObject(transaction)) return { id, transaction };
      if (schema === undefined) throw damaged('record');
      return { id, schema };
    }),
  };
}

export const snapshotText = (snapshot: Snapshot): string => stringifyJson(snapshot);

/** @throws OvsdbError */
export function parseSnapshot(text: string): Snapshot {
  const json = parse(text, 'snapshot');
  if (json['format'] !== 1)
    throw new OvsdbError('ovsdb error', `cluster: snapshot is of an unknown format (${json['format']})`);
  const { cid, name, index, id, data, chars } = json;
  const isWhole =
    [cid, name, id].every((value) => typeof value === 'string') &&
    [index, chars].every(Number.isSafeInteger) &&
    isJsonObject(data ?? null) &&
    typeof (data as JsonObject)['blob'] === 'string' &&
    Number.isSafeInteger((data as JsonObject)['parts']);
  if (!isWhole) throw damaged('snapshot');
  return json as unknown as Snapshot;
}

/** Cuts a text so that each part fits one value, and not within a character. */
export function* cut(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + MAX_VALUE_CHARS, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end--;
    yield text.slice(at, end);
    at = end;
  }
}
