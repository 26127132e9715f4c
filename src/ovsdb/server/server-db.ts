/** The database "_Server", in which clients see the databases that there are. C counterpart: ovsdb/_server.ovsschema. */
import type { Host } from '../../base/host.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import { sortedJson } from '../../jsonrpc/json.ts';
import type { Atom } from '../atom.ts';
import { Database } from '../database.ts';
import { type Datum, EMPTY, scalar } from '../datum.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { schemaFromJson, schemaToJson } from '../schema.ts';
import { Transaction } from '../transact/transaction.ts';
import { ServedDatabase } from './served.ts';
import { type DatabaseStatus, type ServiceModel, STANDALONE_STATUS } from './service-model.ts';

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

/** The database's own model: only this server writes it, and only in memory. */
const INTERNAL: ServiceModel = {
  readOnly: true,
  ownsRows: true,
  status: STANDALONE_STATUS,
  storageError: undefined,
  commit: () => {
    throw new Error('a client wrote to an internal database');
  },
  convert: (_converted, done) => done(new OvsdbError('not allowed', 'the database is internal')),
  compact: (done) => done(undefined),
  close: () => {},
};

/** The values of all columns of the row for `served`, by their names. */
function rowFor({ name, db, isAvailable, model }: ServedDatabase): Record<string, Datum> {
  const { status } = model;
  const optional = (value: Atom | undefined): Datum => (value === undefined ? EMPTY : scalar(value));
  return {
    name: scalar(name),
    model: scalar(status.model),
    connected: scalar(status.connected),
    leader: scalar(status.leader),
    schema: isAvailable ? scalar(sortedJson(schemaToJson(db.schema))) : EMPTY,
    cid: optional(status.cid),
    sid: optional(status.sid),
    index: optional(status.index),
  };
}

export class ServerDatabase {
  readonly served: ServedDatabase;
  readonly #host: Host;
  /** The row of each database, and what it was made from. */
  readonly #rows = new Map<ServedDatabase, { uuid: Uuid; db: Database; status: DatabaseStatus }>();

  constructor(host: Host) {
    this.#host = host;
    const db = new Database(schemaFromJson(SCHEMA), host.random);
    this.served = new ServedDatabase(host, '<internal>', db, INTERNAL);
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
      const { status } = served.model;
      // The schema's text, which is long, need not be made if nothing has changed.
      if (known?.db === served.db && known.status === status) continue;
      const uuid = known?.uuid ?? randomUuid(this.#host.random);
      const values = rowFor(served);
      const fields = table.schema.columns.map(({ name }) => values[name]!);
      if (known) txn.modify(table.rows.get(uuid)!).fields.splice(0, fields.length, ...fields);
      else txn.insert(table, uuid, fields);
      this.#rows.set(served, { uuid, db: served.db, status });
    }
    txn.prepare();
    txn.complete();
  }
}
