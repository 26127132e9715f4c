/**
 * Which rows of which tables a client monitors: what it wants, what the server was asked for, and by what the contents
 * are. Owned by a {@link DbClient}; JSON as in monitor_cond.
 */
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';

const ALL_ROWS: Json = [true];

interface TableCondition {
  wanted: Json;
  asked: Json;
  inEffect: Json;
}

export class MonitorConditions {
  readonly #tables = new Map<string, TableCondition>();

  /** Whether any was ever set. */
  get isUsed(): boolean {
    return this.#tables.size > 0;
  }

  /** Whether the contents are by what is wanted. */
  get areInEffect(): boolean {
    return [...this.#tables.values()].every(({ wanted, inEffect }) => wanted === inEffect);
  }

  want(table: string, where: Json): void {
    let condition = this.#tables.get(table);
    if (!condition)
      this.#tables.set(table, (condition = { wanted: ALL_ROWS, asked: ALL_ROWS, inEffect: ALL_ROWS }));
    const { wanted, inEffect } = condition;
    // One object a condition, so that they are compared as such.
    if (sortedJson(wanted) === sortedJson(where)) return;
    condition.wanted = sortedJson(inEffect) === sortedJson(where) ? inEffect : where;
  }

  /** What to ask for of a table, as a member of a request to monitor it. */
  ask(table: string): { readonly where?: Json } {
    const condition = this.#tables.get(table);
    if (!condition) return {};
    condition.asked = condition.wanted;
    return condition.asked === ALL_ROWS ? {} : { where: condition.asked };
  }

  /** What to ask for, of those tables, to change what is in effect; undefined for nothing. */
  askForChanges(tables: ReadonlySet<string>): JsonObject | undefined {
    const changes: Record<string, Json> = {};
    for (const [table, condition] of this.#tables) {
      if (condition.wanted === condition.inEffect || !tables.has(table)) continue;
      condition.asked = condition.wanted;
      changes[table] = [{ where: condition.asked }];
    }
    return Object.keys(changes).length === 0 ? undefined : changes;
  }

  /** The server did what it was asked for. */
  answered(): void {
    for (const condition of this.#tables.values()) condition.inEffect = condition.asked;
  }
}
