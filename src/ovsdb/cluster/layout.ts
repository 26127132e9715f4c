/**
 * Where a clustered database lies in the store: keys under a prefix of its own.
 *
 * | key | value |
 * | --- | --- |
 * | `head` | index of the last record; each record's transaction puts it, so its revision guards the next |
 * | `log/INDEX` | a record (records.ts) |
 * | `snapshot` | the cluster's identity, and which texts hold the database as it was after some record |
 * | `blob/SESSION/ID/PART` | long texts in parts: snapshots, and records that one key cannot hold |
 * | `server/SESSION` | a server that is connected, by its lease |
 * | `lock/NAME` | the line of those who hold and want a lock |
 *
 * A record once written never changes; records go from the old end, when a snapshot has them.
 */
import type { Uuid } from '../../base/uuid.ts';
import { prefixEnd } from './kv.ts';

/** Digits of a number in a key, so that the keys' order is the numbers'. */
const DIGITS = 16;
const padded = (n: number): string => String(n).padStart(DIGITS, '0');

export class Layout {
  /** Ends with '/'. */
  readonly prefix: string;
  readonly head: string;
  readonly snapshot: string;
  readonly logs: string;
  readonly logsEnd: string;
  readonly blobs: string;
  readonly servers: string;
  readonly locks: string;

  constructor(prefix: string) {
    this.prefix = prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.head = `${this.prefix}head`;
    this.snapshot = `${this.prefix}snapshot`;
    this.logs = `${this.prefix}log/`;
    this.logsEnd = prefixEnd(this.logs);
    this.blobs = `${this.prefix}blob/`;
    this.servers = `${this.prefix}server/`;
    this.locks = `${this.prefix}lock/`;
  }

  log(index: number): string {
    return this.logs + padded(index);
  }
  /** The index in a record's key; undefined for another key. */
  logIndex(key: string): number | undefined {
    return key.startsWith(this.logs) ? Number(key.slice(this.logs.length)) : undefined;
  }
  server(session: Uuid): string {
    return this.servers + session;
  }
  lock(name: string): string {
    return this.locks + name;
  }
  /** The start of the keys of a text's parts. */
  blob(session: Uuid, id: Uuid): string {
    return `${this.blobs}${session}/${id}/`;
  }
  /** Which session wrote a part of which text; undefined for another key. */
  blobOwner(key: string): { readonly session: Uuid; readonly blob: string } | undefined {
    if (!key.startsWith(this.blobs)) return undefined;
    const [session, id] = key.slice(this.blobs.length).split('/');
    return { session: session!, blob: this.blob(session!, id!) };
  }
}

export const partKey = (blob: string, part: number): string => blob + padded(part);

/** Where a clustered database is, as the user names it. */
export interface ClusterTarget {
  /** URLs of etcd's members. */
  readonly endpoints: readonly string[];
  readonly prefix: string;
}

/** Whether a database's name is that of a clustered one: `etcd:ENDPOINTS/PREFIX`. */
export const isClusterName = (name: string): boolean => name.startsWith('etcd:');

/**
 * Takes `etcd:HOST:PORT,HOST:PORT.../PREFIX` apart; an endpoint may begin with `http://` or `https://`.
 * @returns undefined if it is malformed
 */
export function parseClusterName(name: string): ClusterTarget | undefined {
  const match = /^etcd:((?:(?:https?:\/\/)?[^/,]+)(?:,(?:https?:\/\/)?[^/,]+)*)\/(.*[^/])\/*$/.exec(name);
  if (!match) return undefined;
  const endpoints = match[1]!.split(',').map((endpoint) => {
    const url = /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`;
    return /:\d+$/.test(url) ? url : `${url}:2379`;
  });
  return { endpoints, prefix: match[2]! };
}
