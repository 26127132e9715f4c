/** The database "_Server", in which clients see the databases that there are. C counterpart: ovsdb/_server.ovsschema. */
import type { Host } from '../../base/host.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import { sortedJson } from '../../jsonrpc/json.ts';
import type { Database } from '../database.ts';
import { type Datum, EMPTY, scalar } from '../datum.ts';
import { schemaFromJson, schemaToJson } from '../schema.ts';
import { Transaction } from '../transact/transaction.ts';
import { ServedDatabase } from './served.ts';

const OPTIONAL = (type: string): { key: string; min: number; max: number } => ({ key: type, min: 0, max: 1 });

const SCHEMA = {
  name: '_Server',
  version: '1.2.0',
  cksum: '3009684573 744',
  tables: {
    Database: {
      columns: {
        name: { type: 'string' },
        model: { type: { key: { type: 'string', enum: ['set', ['standalone', 'clustered', 'relay']] } } },
        connected: { type: 'boolean' },
        leader: { type: 'boolean' },
        schema: { type: OPTIONAL('string') },
        cid: { type: OPTIONAL('uuid') },
        sid: { type: OPTIONAL('uuid') },
        index: { type: OPTIONAL('integer') },
      },
      isRoot: true,
    },
  },
} as const;

/** The value of a column of the row for `served`. */
function valueFor(served: ServedDatabase, column: string): Datum {
  switch (column) {
    case 'name':
      return scalar(served.name);
    case 'model':
      return scalar('standalone');
    case 'connected':
    case 'leader':
      return scalar(true);
    case 'schema':
      return scalar(sortedJson(schemaToJson(served.db.schema)));
    default:
      return EMPTY;
  }
}

export class ServerDatabase {
  readonly served: ServedDatabase;
  readonly #host: Host;
  /** The row of each database, and what it was made from. */
  readonly #rows = new Map<ServedDatabase, { uuid: Uuid; db: Database }>();

  constructor(host: Host) {
    this.#host = host;
    this.served = ServedDatabase.internal(host, schemaFromJson(SCHEMA));
  }

  /** Brings the rows up to date. */
  update(databases: Iterable<ServedDatabase>): void {
    const { db } = this.served;
    const table = db.tables.get('Database')!;
    const txn = new Transaction(db);
    const present = new Set(databases);
    for (const [served, { uuid }] of [...this.#rows]) {
      if (present.has(served)) continue;
      txn.delete(table.rows.get(uuid)!);
      this.#rows.delete(served);
    }
    for (const served of present) {
      const known = this.#rows.get(served);
      if (known?.db === served.db) continue;
      const uuid = known?.uuid ?? randomUuid(this.#host.random);
      const fields = table.schema.columns.map(({ name }) => valueFor(served, name));
      if (known) txn.modify(table.rows.get(uuid)!).fields.splice(0, fields.length, ...fields);
      else txn.insert(table, uuid, fields);
      this.#rows.set(served, { uuid, db: served.db });
    }
    txn.prepare();
    txn.complete();
  }
}
