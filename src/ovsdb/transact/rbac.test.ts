import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { type Json, stringifyJson } from '../../jsonrpc/json.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { Database } from '../database.ts';
import { schemaFromJson } from '../schema.ts';
import { execute } from './execute.ts';
import type { Client } from './rbac.ts';

const set = (key: Json): Json => ({ type: { key, min: 0, max: 'unlimited' } });
const map = (key: Json, value: Json): Json => ({ type: { key, value, min: 0, max: 'unlimited' } });
const permission: Json = { type: 'uuid', refTable: 'RBAC_Permission', refType: 'weak' };

type Op = Record<string, Json>;
let db: Database;

const run = (client: Client | undefined, ...ops: Op[]): Op[] =>
  execute(db, ['db', ...ops], client ? { client } : {}) as unknown as Op[];

/** Who may do what: `switch` its own rows of Chassis, everyone's rows of Log. */
beforeEach(() => {
  db = new Database(
    schemaFromJson({
      name: 'db',
      version: '1.0.0',
      tables: {
        RBAC_Role: {
          isRoot: true,
          columns: { name: { type: 'string' }, permissions: map('string', permission) },
        },
        RBAC_Permission: {
          isRoot: true,
          columns: {
            table: { type: 'string' },
            authorization: set('string'),
            insert_delete: { type: 'boolean' },
            update: set('string'),
          },
        },
        Chassis: {
          isRoot: true,
          columns: { name: { type: 'string' }, ids: map('string', 'string'), address: { type: 'string' } },
        },
        Log: { isRoot: true, columns: { text: { type: 'string' } } },
        Secret: { isRoot: true, columns: { text: { type: 'string' } } },
      },
    }),
    new SimHost(1).random,
  );
  const rule = (name: string, row: Op): Op => ({
    op: 'insert',
    table: 'RBAC_Permission',
    'uuid-name': name,
    row,
  });
  const own = ['set', ['name', 'ids:owner']];
  const results = run(
    undefined,
    rule('chassis', { authorization: own, insert_delete: true, update: ['set', ['address', 'ids']] }),
    rule('log', { authorization: ['set', ['']], insert_delete: false, update: 'text' }),
    {
      op: 'insert',
      table: 'RBAC_Role',
      row: {
        name: 'switch',
        permissions: [
          'map',
          [
            ['Chassis', ['named-uuid', 'chassis']],
            ['Log', ['named-uuid', 'log']],
          ],
        ],
      },
    },
    { op: 'insert', table: 'Log', row: { text: 'a' } },
    { op: 'insert', table: 'Secret', row: { text: 'x' } },
    { op: 'insert', table: 'Chassis', row: { name: 'ch1' } },
    { op: 'insert', table: 'Chassis', row: { name: 'other', ids: ['map', [['owner', 'ch2']]] } },
  );
  assert.ok(!results.some((r) => 'error' in r), stringifyJson(results));
});

const ch1: Client = { role: 'switch', id: 'ch1' };
const ch2: Client = { role: 'switch', id: 'ch2' };
const rows = (name: string): Json => [['name', '==', name]];
const insertChassis = (row: Op): Op => ({ op: 'insert', table: 'Chassis', row });
const deleteChassis = (name: string): Op => ({ op: 'delete', table: 'Chassis', where: rows(name) });
const update = (table: string, where: Json, row: Op): Op => ({ op: 'update', table, where, row });
const mutate = (name: string, mutations: Json): Op => ({
  op: 'mutate',
  table: 'Chassis',
  where: rows(name),
  mutations,
});

const refused = (client: Client, ...ops: Op[]): string => {
  const bad = run(client, ...ops).find((result) => result && 'error' in result);
  assert.equal(bad?.['error'], 'permission error');
  return String(bad['details']);
};
const allowed = (client: Client | undefined, ...ops: Op[]): void => {
  const results = run(client, ...ops);
  assert.ok(!results.some((result) => result === null || 'error' in result), stringifyJson(results));
};

test('a client may insert and delete what bears its name, directly or in a map', () => {
  allowed(
    ch1,
    insertChassis({ name: 'ch1' }),
    insertChassis({ name: 'x', ids: ['map', [['owner', 'ch1']]] }),
  );
  allowed(ch1, deleteChassis('ch1'));
  allowed(ch2, deleteChassis('other'));
  assert.equal(
    refused(ch1, insertChassis({ name: 'ch3' })),
    'RBAC rules for client "ch1" role "switch" prohibit row insertion into table "Chassis".',
  );
  allowed(ch1, insertChassis({ name: 'ch1' }));
  assert.equal(
    refused(ch2, deleteChassis('ch1')),
    'RBAC rules for client "ch2" role "switch" prohibit row deletion from table "Chassis".',
  );
});

test('one row that is not the client’s refuses the whole operation', () => {
  const all: Op = { op: 'delete', table: 'Chassis', where: [] };
  refused(ch1, all);
  assert.equal(db.tables.get('Chassis')!.rows.size, 2);
});

test('only the listed columns may be changed', () => {
  allowed(ch1, update('Chassis', rows('ch1'), { address: '10.0.0.1' }));
  assert.equal(
    refused(ch1, update('Chassis', rows('ch1'), { address: '10.0.0.1', name: 'ch2' })),
    'RBAC rules for client "ch1" role "switch" prohibit modification of table "Chassis".',
  );
  allowed(ch1, mutate('ch1', [['ids', 'insert', ['map', [['a', 'b']]]]]));
  assert.equal(
    refused(ch2, mutate('ch1', [['ids', 'insert', ['map', [['a', 'b']]]]])),
    'RBAC rules for client "ch2" role "switch" prohibit mutate operation on table "Chassis".',
  );
  allowed(ch2, mutate('ch1', []));
});

test('what is open to everyone of the role may still not be inserted', () => {
  allowed(ch2, update('Log', [], { text: 'b' }));
  refused(ch2, { op: 'insert', table: 'Log', row: {} });
});

test('tables without a rule, unknown roles and clients without a name are refused', () => {
  refused(ch1, update('Secret', [], { text: 'y' }));
  refused({ role: 'router', id: 'ch1' }, deleteChassis('ch1'));
  assert.equal(
    refused({ role: 'switch', id: undefined }, deleteChassis('ch1')),
    'RBAC rules for client "(null)" role "switch" prohibit row deletion from table "Chassis".',
  );
});

test('everyone may read, and clients without a role may do everything', () => {
  allowed(ch1, { op: 'select', table: 'Secret', where: [] });
  for (const role of [undefined, '']) allowed({ role, id: undefined }, update('Secret', [], { text: 'y' }));
});
