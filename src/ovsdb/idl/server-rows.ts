/**
 * What a server says of its databases, in the table "Database" of its database _Server, and whether it is of use to a client
 * of one of them: in a cluster only a connected member is (by default only the leader), of relays only one that is
 * connected to its source. C counterpart: part of lib/ovsdb-cs.c.
 */
import type { Uuid } from '../../base/uuid.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';

/** The request for the monitor of all that is looked at. */
export const SERVER_MONITOR_REQUEST: Json = {
  Database: [{ columns: ['name', 'model', 'connected', 'leader', 'cid', 'index'] }],
};

/** Why a server is left for another. */
const REASONS = {
  clustered: {
    noSchema: 'clustered database server has not yet joined cluster',
    disconnected: 'clustered database server is disconnected from cluster',
    notLeader: 'clustered database server is not cluster leader',
  },
  relay: {
    noSchema: 'relay database server has not yet connected to the relay source',
    disconnected: 'relay database server is disconnected from the relay source',
    notLeader: 'relay database server cannot be a leader',
  },
} as const;

export class ServerRows {
  readonly #database: string;
  readonly #leaderOnly: boolean;
  /** Only a database of this cluster will do, whatever its name. */
  clusterId: Uuid | undefined;
  readonly #rows = new Map<string, JsonObject>();

  constructor(database: string, leaderOnly: boolean, clusterId: Uuid | undefined) {
    this.#database = database;
    this.#leaderOnly = leaderOnly;
    this.clusterId = clusterId;
  }

  clear(): void {
    this.#rows.clear();
  }

  /** Takes in the monitor's contents or an update, in the form of monitor_cond. */
  update(updates: JsonObject): void {
    for (const [uuid, change] of Object.entries((updates['Database'] ?? {}) as Record<string, JsonObject>)) {
      const values = change['initial'] ?? change['insert'] ?? change['modify'];
      if (values === undefined || values === null) this.#rows.delete(uuid);
      // A difference of a column with one value at most is the new value.
      else this.#rows.set(uuid, { ...this.#rows.get(uuid), ...(values as JsonObject) });
    }
  }

  get #row(): JsonObject | undefined {
    const { clusterId } = this;
    return [...this.#rows.values()].find((row) =>
      clusterId === undefined
        ? row['name'] === this.#database
        : Array.isArray(row['cid']) && row['cid'][1] === clusterId,
    );
  }

  get hasDatabase(): boolean {
    return this.#row !== undefined;
  }

  get #reasons(): (typeof REASONS)[keyof typeof REASONS] | undefined {
    const model = this.#row?.['model'];
    return model === 'clustered' || model === 'relay' ? REASONS[model] : undefined;
  }

  /** Why the server is of no use, if it is not; words for the log. */
  get whyUseless(): string | undefined {
    const row = this.#row;
    const reasons = this.#reasons;
    if (!row || !reasons) return undefined;
    if (row['connected'] !== true) return `${reasons.disconnected}; trying another server`;
    if (this.#leaderOnly && row['leader'] !== true) return `${reasons.notLeader}; trying another server`;
    return undefined;
  }

  /** Why the database can have no schema yet, if it can; words for the log. */
  get whyNoSchema(): string | undefined {
    const reasons = this.#reasons;
    return reasons && `${reasons.noSchema}; trying another server`;
  }

  /** How far the cluster's log is in the server's database; undefined for one that is in no cluster. */
  get index(): number | undefined {
    const row = this.#row;
    if (row?.['model'] !== 'clustered') return undefined;
    return typeof row['index'] === 'number' ? row['index'] : 0;
  }
}
