/**
 * Database files: what either implementation writes, with random transactions, compactions and conversions to other
 * schemas, either reads as the same rows.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type Json, type JsonObject, parseJson, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { isJsonObject } from '../../src/ovsdb/members.ts';
import { schemaFromJson } from '../../src/ovsdb/schema.ts';
import { Random } from '../fuzz/mutate.ts';
import type { Side } from '../support/daemons.ts';
import { type DatabaseClient, DatabaseServer, toolOf } from '../support/database-server.ts';
import { canonical, canonicalResults, UuidNames } from './compare.ts';
import { changedSchema, randomSchema } from './random-schema.ts';
import { TransactionGenerator } from './random-transaction.ts';

const SIDES: readonly Side[] = ['theirs', 'ours'];

/** The C tool does not read from a file what the C server wrote: that of release 3.1, some differences of columns. */
class TheirsIsWrong extends Error {}

class Files {
  readonly #random: Random;
  readonly #servers: readonly DatabaseServer[];
  #clients: readonly DatabaseClient[] = [];
  #schema: JsonObject;
  #generator: TransactionGenerator;
  readonly #names = new UuidNames();
  conversions = 0;

  constructor(random: Random, schema: JsonObject, servers: readonly DatabaseServer[]) {
    this.#random = random;
    this.#servers = servers;
    this.#schema = schema;
    this.#generator = new TransactionGenerator(random, schemaFromJson(schema));
  }

  async connect(): Promise<void> {
    this.close();
    this.#clients = await Promise.all(this.#servers.map((server) => server.client()));
  }
  close(): void {
    for (const client of this.#clients) client.close();
  }

  #text(ops: readonly JsonObject[], results: Json): string {
    return sortedJson(canonicalResults(ops, this.#names.translate(results)));
  }

  /** Transactions for both servers. */
  async transact(n: number): Promise<void> {
    for (let i = 0; i < n; i++) {
      const ops = this.#generator.transaction();
      const [theirs, ours] = await Promise.all(this.#clients.map((c) => c.request('transact', 'db', ...ops)));
      this.#names.learn(theirs!, ours!);
    }
  }

  /** What is served must be the same. */
  async check(what: string): Promise<void> {
    const ops = this.#generator.everything();
    const results = await Promise.all(this.#clients.map((c) => c.request('transact', 'db', ...ops)));
    const [a, b] = results.map((result) => this.#text(ops, result));
    if (a !== b) throw new Error(`served after ${what}:\n  C    ${a}\n  ours ${b}`);
  }

  /** Converts both to another schema, or neither. */
  async convert(): Promise<void> {
    const schema = changedSchema(this.#random, this.#schema);
    const [theirs, ours] = await Promise.all(this.#clients.map((c) => c.request('convert', 'db', schema)));
    const failed = [theirs!, ours!].map((reply) => isJsonObject(reply) && 'ERROR' in reply);
    if (failed[0] !== failed[1])
      throw new Error(`convert to ${stringifyJson(schema)}: ${stringifyJson([theirs, ours])}`);
    // Clients that do not follow such changes are disconnected.
    await this.connect();
    if (failed[0]) return;
    this.conversions++;
    this.#use(schema);
  }

  #use(schema: JsonObject): void {
    this.#schema = schema;
    this.#generator = new TransactionGenerator(this.#random, schemaFromJson(schema));
  }

  compact(): void {
    for (const server of this.#servers) server.appctl('ovsdb-server/compact');
  }

  /** Both tools must find the same in both files. */
  async read(what: string): Promise<void> {
    const ops = this.#generator.everything().map((op) => ({
      ...op,
      // An ephemeral column is not in the file.
      columns: (op['columns'] as readonly string[]).filter((name) => {
        const column = this.#generator.schema.tables.get(op['table'] as string)!.byName.get(name)!;
        return column.persistent;
      }),
    }));
    const query = (side: Side, server: DatabaseServer): Json => {
      try {
        return parseJson(toolOf(side, 'query', server.file, stringifyJson(['db', ...ops])));
      } catch (error) {
        if (side === 'theirs' && server.side === 'theirs') throw new TheirsIsWrong();
        throw new Error(`${side} reading what ${server.side} writes: ${(error as Error).message}`);
      }
    };
    const served = await Promise.all(this.#clients.map((c) => c.request('transact', 'db', ...ops)));
    const found = [this.#text(ops, served[1]!)];
    if (this.#text(ops, query('theirs', this.#servers[0]!)) !== this.#text(ops, served[0]!))
      throw new TheirsIsWrong();
    for (const server of this.#servers)
      for (const side of SIDES) found.push(this.#text(ops, query(side, server)));
    if (found.some((text) => text !== found[0]))
      throw new Error(
        `${what} (${this.#servers.map((s) => s.log.split('\n').slice(-6).join('\n'))}): served, C's file read by C and by us, ours by C and by us:\n  ${found.join('\n  ')}`,
      );
  }

  /** Each server goes on with the other's file. */
  async exchange(): Promise<void> {
    for (const server of this.#servers) await server.kill('SIGTERM');
    const [a, b] = this.#servers.map((server) => server.file) as [string, string];
    const other = `${a}.other`;
    fs.renameSync(a, other);
    fs.renameSync(b, a);
    fs.renameSync(other, b);
    for (const server of this.#servers) await server.run();
    await this.connect();
  }

  /**
   * Both tools convert a copy of one file; the results must hold the same. The C tool goes through all that the file
   * went through, under the new schema, which may fail or mix up values of the past; so the file is compacted before.
   */
  convertFile(): void {
    const schema = changedSchema(this.#random, this.#schema);
    const [first] = this.#servers;
    this.compact();
    const file = path.join(first!.dir, 'new.ovsschema');
    fs.writeFileSync(file, sortedJson(schema));
    const failures: string[] = [];
    const outcomes = SIDES.map((side) => {
      const copy = path.join(first!.dir, `copy-${side}`);
      fs.copyFileSync(first!.file, copy);
      try {
        toolOf(side, 'convert', copy, file);
        return copy;
      } catch (error) {
        failures.push(`${side}: ${(error as Error).message}`);
        return undefined;
      }
    });
    // Where rows do not fit together under the new schema the C tool ends quietly with none of them.
    if (/^ours: .*(integrity|constraint) violation/s.test(failures[0] ?? '')) return;
    if ((outcomes[0] === undefined) !== (outcomes[1] === undefined))
      throw new Error(`ovsdb-tool convert to ${stringifyJson(schema)}: ${failures}`);
    if (outcomes[0] === undefined) return;
    this.conversions++;
    const ops = new TransactionGenerator(this.#random, schemaFromJson(schema)).everything();
    const query = stringifyJson(['db', ...ops]);
    const [a, b] = outcomes.map((copy, i) =>
      sortedJson(canonical(parseJson(toolOf(SIDES[1 - i]!, 'query', copy!, query)))),
    );
    const same = (text: string): string => sortedJson(canonicalResults(ops, parseJson(text)));
    if (same(a!) !== same(b!)) throw new Error(`ovsdb-tool convert:\n  C    ${a}\n  ours ${b}`);
  }
}

/** @returns how many conversions succeeded @throws Error that says what differs */
export async function compareStorage(seed: number, rounds: number): Promise<number> {
  const random = new Random(seed);
  const schema = randomSchema(random);
  const args = random.below(2) === 0 ? ['--disable-file-column-diff'] : [];
  const servers: DatabaseServer[] = [];
  let step = '';
  let files: Files | undefined;
  try {
    for (const side of SIDES) servers.push(await DatabaseServer.start(side, { schema, args }));
    files = new Files(random, schema, servers);
    await files.connect();
    for (let round = 0; round < rounds; round++) {
      await files.transact(10 + random.below(20));
      step = ['compact', 'convert', 'convert', 'exchange', 'read'][random.below(5)]!;
      if (step === 'compact') files.compact();
      else if (step === 'convert') await files.convert();
      else if (step === 'exchange') await files.exchange();
      if (step !== 'exchange') await files.check(step);
      await files.read(step);
    }
    step = 'ovsdb-tool convert';
    for (let i = 0; i < 4; i++) files.convertFile();
    return files.conversions;
  } catch (error) {
    if (error instanceof TheirsIsWrong) return files!.conversions;
    const [theirs] = servers;
    for (let i = 0; i < 20 && theirs?.isRunning; i++) await new Promise((r) => setTimeout(r, 20));
    // The C server ends by a signal at times.
    if (theirs && !theirs.isRunning && theirs.signal !== 'SIGTERM') return files?.conversions ?? 0;
    throw new Error(`seed ${seed}, ${step}: ${(error as Error).message}`);
  } finally {
    files?.close();
    for (const server of servers) await server.stop();
  }
}
