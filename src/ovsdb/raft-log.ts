/**
 * The records in the file of a member of a raft cluster, ovsdb(5) "Clustered Format": a header, then what the member
 * learned and decided, in order. This project's servers do not form such clusters: its tools read what those of the C
 * implementation wrote, and its server goes on with the file of a member that is alone (server/raft-file.ts). Terms and indexes beyond 2**53 are refused.
 * C counterpart: ovsdb/raft-private.c.
 */
import { parseUuid, type Uuid, ZERO_UUID } from '../base/uuid.ts';
import type { Json, JsonObject } from '../jsonrpc/json.ts';
import { Members } from './members.ts';

export interface RaftHeader {
  readonly serverId: Uuid;
  /** A member that has not joined may not know it. */
  readonly clusterId: Uuid | undefined;
  /** The database's. */
  readonly name: string;
  readonly localAddress: string;
  /** Whom to ask; only of a member that has not joined its cluster yet. */
  readonly remoteAddresses: readonly string[] | undefined;
  /** The members, and their addresses, before the first entry; only of one that has joined. */
  readonly servers: JsonObject | undefined;
  /** What the database was before the first entry. */
  readonly snapshot: RaftSnapshot | undefined;
}

export interface RaftSnapshot {
  /** That of the last entry in it; the first one in the file is the next. */
  readonly index: number;
  readonly term: number;
  readonly entryId: Uuid;
  /** [schema, transaction]. */
  readonly data: Json;
  readonly electionTimerMs: number | undefined;
}

export interface RaftEntry {
  readonly kind: 'entry';
  readonly term: number;
  readonly index: number;
  /** The members from now on. */
  readonly servers: JsonObject | undefined;
  readonly electionTimerMs: number | undefined;
  /** [schema or null, transaction or null]. */
  readonly data: Json | undefined;
  readonly entryId: Uuid | undefined;
}

export type RaftRecord = (
  | RaftEntry
  | { readonly kind: 'term'; readonly term: number }
  | { readonly kind: 'vote' | 'leader'; readonly term: number; readonly serverId: Uuid }
  | { readonly kind: 'note'; readonly note: string }
  | { readonly kind: 'commit-index'; readonly index: number }
) & { readonly comment: string | undefined };

function uuidMember(members: Members, name: string, required: boolean): Uuid | undefined {
  const value = required ? members.required(name, 'string') : members.optional(name, 'string');
  if (value === undefined) return undefined;
  const uuid = parseUuid(value as string);
  if (uuid === undefined) members.fail(`'${name}' is not a valid UUID.`);
  return uuid;
}

/** 0 if it is not there. */
function numberMember(members: Members, name: string, required = false): number {
  const value = required ? members.required(name, 'integer') : members.optional(name, 'integer');
  if (value === undefined) return 0;
  if (typeof value === 'number' && value >= 0) return value;
  members.fail(`'${name}' is negative or too large.`);
  return 0;
}

/** The first record of a file. @throws OvsdbError */
export function parseRaftHeader(json: Json | undefined): RaftHeader {
  const members = new Members(json, 'raft header');
  const serverId = uuidMember(members, 'server_id', true) ?? ZERO_UUID;
  const name = String(members.required('name', 'string'));
  const localAddress = String(members.required('local_address', 'string'));
  const remotes = members.optional('remote_addresses', 'array') as readonly Json[] | undefined;
  let servers: JsonObject | undefined;
  let snapshot: RaftSnapshot | undefined;
  if (remotes) {
    if (remotes.length === 0)
      members.fail('at least one remote address (other than the local address) is required');
  } else {
    servers = members.required('prev_servers', 'object') as JsonObject | undefined;
    const index = numberMember(members, 'prev_index');
    if (index !== 0) {
      const data = members.required('prev_data') ?? null;
      const entryId = uuidMember(members, 'prev_eid', true) ?? ZERO_UUID;
      const term = numberMember(members, 'prev_term', true);
      const electionTimerMs = numberMember(members, 'prev_election_timer') || undefined;
      snapshot = { index, data, entryId, term, electionTimerMs };
    }
  }
  const clusterId = uuidMember(members, 'cluster_id', remotes === undefined);
  members.finish();
  const remoteAddresses = remotes?.map(String).filter((address) => address !== localAddress);
  return { serverId, clusterId, name, localAddress, remoteAddresses, servers, snapshot };
}

/** A record after the first. @throws OvsdbError */
export function parseRaftRecord(json: Json): RaftRecord {
  const members = new Members(json, 'raft log record');
  const comment = members.optional('comment', 'string') as string | undefined;
  const record = { ...parseBody(members), comment };
  members.finish();
  return record;
}

function parseBody(members: Members) {
  const note = members.optional('note', 'string') as string | undefined;
  if (note !== undefined) return { kind: 'note', note } as const;
  const committed = numberMember(members, 'commit_index');
  if (committed !== 0) return { kind: 'commit-index', index: committed } as const;
  const term = numberMember(members, 'term', true);
  for (const kind of ['leader', 'vote'] as const) {
    const serverId = uuidMember(members, kind, false);
    if (serverId === undefined) continue;
    if (serverId === ZERO_UUID)
      members.fail(
        kind === 'leader' ? 'record says leader is all-zeros SID' : 'record votes for all-zeros SID',
      );
    return { kind, term, serverId } as const;
  }
  const index = numberMember(members, 'index');
  if (index === 0) return { kind: 'term', term } as const;
  const servers = members.optional('servers', 'object') as JsonObject | undefined;
  const electionTimerMs = numberMember(members, 'election_timer') || undefined;
  const data = members.optional('data', 'object', 'array');
  const entryId = data === undefined ? undefined : uuidMember(members, 'eid', true);
  return { kind: 'entry', term, index, servers, electionTimerMs, data, entryId } as const;
}
