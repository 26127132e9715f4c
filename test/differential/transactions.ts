/**
 * Carries out the same random transactions on the C implementation's server and on ours, and compares the answers and
 * the rows.
 *
 * Where several things are wrong with an operation, the C server goes on about the one that its hash tables have first.
 * Then each column of the operation is tried alone, which leaves one thing that can be wrong.
 */
import { type Json, type JsonObject, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { isJsonObject } from '../../src/ovsdb/members.ts';
import { type DatabaseSchema, schemaFromJson } from '../../src/ovsdb/schema.ts';
import { Random } from '../fuzz/mutate.ts';
import { type DatabaseClient, DatabaseServer } from '../support/database-server.ts';
import { canonical, canonicalResults, UuidNames } from './compare.ts';
import { POOL, poolUuid, randomSchema } from './random-schema.ts';
import { TransactionGenerator } from './random-transaction.ts';

export interface Difference {
  readonly seed: number;
  readonly step: number;
  readonly ops: string;
  readonly theirs: string;
  readonly ours: string;
}

type Ops = readonly JsonObject[];

const text = (json: Json): string => sortedJson(canonical(json));

/** Errors that name the first of several rows, members or values that a hash table has, without what they name. */
function shape({ error, details, syntax }: JsonObject): string {
  const why = String(details)
    .replace(/^Transaction causes multiple rows in "\w+" table.*/, 'duplicates')
    .replace(/^Table \w+ column \w+ row \S+ references nonexistent row \S+ in table \w+/, 'nonexistent')
    .replace(/^cannot delete \w+ row \S+ because of \d+/, 'referenced')
    .replace(/^Deletion of \d+ weak.*|^Weak reference column.*/, 'weak')
    .replace(/Member '\w+' and/, 'members')
    .replace(/^-?\d[-+.e\d]*(?= is)/, 'number');
  return `${String(error)} ${why} ${why === String(details) ? String(syntax) : ''}`;
}

/** The place of the error in the results, and what it says. */
function failure(results: Json): { readonly at: number; readonly error: JsonObject } | undefined {
  if (!Array.isArray(results)) return undefined;
  const at = results.findIndex(
    (result: Json) => result !== null && isJsonObject(result) && 'error' in result,
  );
  return at < 0 ? undefined : { at, error: results[at] as JsonObject };
}

class Pair {
  readonly #clients: readonly DatabaseClient[];
  readonly #names = new UuidNames();

  readonly #tables: readonly string[];

  constructor(clients: readonly DatabaseClient[], schema: DatabaseSchema) {
    this.#clients = clients;
    this.#tables = [...schema.tables.keys()];
  }

  #pool(table: string): string[] {
    return Array.from({ length: POOL }, (_, i) => poolUuid(this.#tables.indexOf(table), i));
  }

  /** The answers of both, comparable. */
  async ask(ops: Ops): Promise<[theirs: Json, ours: Json]> {
    const answers = this.#clients.map((client) => client.request('transact', 'db', ...ops));
    const [theirs, ours] = (await Promise.all(answers)) as [Json, Json];
    this.#names.learn(theirs, ours);
    const [a, b] = [this.#names.translate(theirs), this.#names.translate(ours)];
    return [canonicalResults(ops, a), canonicalResults(ops, b)];
  }

  /** Whether answers differ only in which of several errors they tell. @param theirs, ours as `ask` gives them */
  async areEquivalent(ops: Ops, theirs: Json, ours: Json): Promise<boolean> {
    const [a, b] = [failure(theirs), failure(ours)];
    if (!a || !b || a.at !== b.at) return false;
    const op = ops[a.at];
    if (shape(a.error) === shape(b.error)) return true;
    if (!op) return false;
    const parts = this.#parts(op);
    // An insertion of nothing fails for one of its defaults.
    if (parts.length === 0) return op['op'] === 'insert' && a.error['error'] === b.error['error'];
    for (const part of parts) {
      const alone = [...ops.slice(0, a.at), part, { op: 'abort' }];
      const [first, second] = await this.ask(alone);
      if (text(first) !== text(second) && !(await this.areEquivalent(alone, first, second))) return false;
    }
    return true;
  }

  /** The operation for each of the columns that it names, or each of the rows that it may mean, alone. */
  #parts(op: JsonObject): JsonObject[] {
    const { row, rows, where, table } = op;
    const columns = (json: Json): JsonObject[] =>
      isJsonObject(json) ? Object.keys(json).map((name) => ({ [name]: json[name]! })) : [];
    let parts: JsonObject[] = [];
    if (row !== undefined) parts = columns(row).map((one) => ({ ...op, row: one }));
    else if (Array.isArray(rows))
      parts = (rows as readonly Json[]).flatMap((item) =>
        columns(item).map((one) => ({ ...op, rows: [one] })),
      );
    else if (op['op'] === 'mutate' && Array.isArray(where) && where.length < 10)
      parts = this.#pool(String(table)).map((uuid) => ({
        ...op,
        where: [...where, ...Array(10).fill(['_uuid', '==', ['uuid', uuid]])],
      }));
    return parts.length > 1 ? parts : [];
  }
}

export interface Comparison {
  readonly differences: readonly Difference[];
  readonly transactions: number;
  /** The transactions before which the C server ended by a signal, which it does at times. */
  readonly crash: string | undefined;
}

/** @returns the differences found: after one in the rows no more are looked for, since the rest would follow from it */
export async function compareTransactions(
  seed: number,
  steps: number,
  args: readonly string[] = [],
): Promise<Comparison> {
  const random = new Random(seed);
  const schema = randomSchema(random);
  const generator = new TransactionGenerator(random, schemaFromJson(schema));
  const differences: Difference[] = [];
  const servers: DatabaseServer[] = [];
  let before: Ops = [];
  let step = 0;
  try {
    for (const side of ['theirs', 'ours'] as const)
      servers.push(await DatabaseServer.start(side, { schema, args }));
    const clients = await Promise.all(servers.map((server) => server.client()));
    const pair = new Pair(clients, generator.schema);
    for (; step < steps; step++) {
      const check = step % 16 === 15 || step === steps - 1;
      const ops = check ? generator.everything() : generator.transaction();
      const [theirs, ours] = await pair.ask(ops);
      const differ = text(theirs) !== text(ours);
      if (differ && (check || !(await pair.areEquivalent(ops, theirs, ours)))) {
        differences.push({ seed, step, ops: stringifyJson(ops), theirs: text(theirs), ours: text(ours) });
        if (check || differences.length >= 20) break;
      }
      before = ops;
    }
    for (const client of clients) client.close();
  } catch (error) {
    const [theirs, ours] = servers;
    for (let i = 0; i < 50 && theirs?.isRunning; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    if (!theirs || theirs.isRunning || !ours?.isRunning) throw error;
    return { differences, transactions: step, crash: stringifyJson(before) };
  } finally {
    for (const server of servers) await server.stop();
  }
  return { differences, transactions: step, crash: undefined };
}
