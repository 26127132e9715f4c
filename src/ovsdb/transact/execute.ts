/**
 * Carries out the operations of a "transact" request in order, up to the first error.
 * C counterpart: ovsdb/execution.c.
 */
import { errorStack } from '../../base/error-stack.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import type { Database } from '../database.ts';
import { Members } from '../members.ts';
import { internalError, OvsdbError, syntaxError } from '../ovsdb-error.ts';
import { SymbolTable } from '../symbols.ts';
import { abort } from './abort.ts';
import { assert } from './assert.ts';
import { comment } from './comment.ts';
import { commit } from './commit.ts';
import { deleteRows } from './delete.ts';
import { insert } from './insert.ts';
import { mutate } from './mutate.ts';
import type { Operation, OperationContext } from './operation.ts';
import { AccessControl, type Client } from './rbac.ts';
import { select } from './select.ts';
import { Transaction } from './transaction.ts';
import { update } from './update.ts';
import { wait } from './wait.ts';

const log = vlog('transaction');
const failedLimit = new RateLimit(5, 5);

const OPERATIONS: ReadonlyMap<string, { readonly run: Operation; readonly writes: boolean }> = new Map(
  Object.entries({
    insert: { run: insert, writes: true },
    select: { run: select, writes: false },
    update: { run: update, writes: true },
    mutate: { run: mutate, writes: true },
    delete: { run: deleteRows, writes: true },
    wait: { run: wait, writes: false },
    commit: { run: commit, writes: true },
    abort: { run: abort, writes: false },
    comment: { run: comment, writes: false },
    assert: { run: assert, writes: false },
  }),
);

const ownsNothing = (): boolean => false;

export interface ExecuteOptions {
  /** Refuses operations that write. */
  readonly readOnly?: boolean;
  /** Whose rules of access are to be kept; none if nobody's. */
  readonly client?: Client;
  readonly ownsLock?: (lock: string) => boolean;
  /** Whether a "wait" may be tried again later; else it is an error unless it holds. */
  readonly mayWait?: boolean;
}

/** What came of the operations. */
export type Composed =
  /** They are done and their transaction can be prepared and completed. */
  | {
      readonly kind: 'ready';
      readonly results: Json[];
      readonly txn: Transaction;
      readonly durable: boolean;
      /** Some operation was one that writes, though perhaps it found nothing to change. */
      readonly writes: boolean;
      /** Locks that it asserted. */
      readonly asserted: readonly string[];
    }
  /** One failed: that is the reply; nothing has changed. */
  | { readonly kind: 'failed'; readonly results: Json }
  /** A "wait" does not hold yet, and has so long from the client's request on. */
  | { readonly kind: 'waiting'; readonly timeoutMs: number };

/** What one operation came to. */
interface Ran {
  readonly result: JsonObject;
  readonly writes: boolean;
}

/** @throws OvsdbError */
function runOperation(x: OperationContext, json: Json, i: number, n: number, readOnly: boolean): Ran {
  const members = new Members(json, `ovsdb operation ${i} of ${n}`);
  const name = members.required('op', 'id') as string | undefined;
  const operation = name === undefined ? undefined : OPERATIONS.get(name);
  let result: JsonObject = {};
  let failure: unknown;
  if (operation) {
    try {
      result = operation.run(x, members);
    } catch (error) {
      failure = error;
    }
  } else if (name !== undefined) {
    members.fail(`No operation "${name}"`);
  }
  // That the request is malformed counts more than any other error.
  members.finish();
  if (failure !== undefined) throw failure;
  const { writes } = operation!;
  if (writes) {
    if (readOnly)
      throw new OvsdbError(
        'not allowed',
        `${name} operation not allowed when database server is in read only mode`,
      );
    if (x.db.name.startsWith('_'))
      throw new OvsdbError(
        'not allowed',
        `${name} operation not allowed on table in reserved database ${x.db.name}`,
      );
  }
  return { result, writes };
}

/**
 * Carries out the operations of `params`, the parameters of a "transact" request.
 * When the result is `ready`, the caller must end the transaction before anything else touches the database.
 * @param elapsedMs since the client asked for it
 */
export function compose(db: Database, params: Json, options: ExecuteOptions = {}, elapsedMs = 0): Composed {
  if (!Array.isArray(params) || params[0] !== db.name) {
    const why = Array.isArray(params) ? 'database name expected as first parameter' : 'array expected';
    return { kind: 'failed', results: syntaxError(params, why).toJson() };
  }
  const x: OperationContext = {
    db,
    txn: new Transaction(db),
    symbols: new SymbolTable(db.random),
    ownsLock: options.ownsLock ?? ownsNothing,
    access: AccessControl.of(db, options.client),
    asserted: [],
    elapsedMs,
    timeoutMs: Number.POSITIVE_INFINITY,
    durable: false,
  };
  const n = params.length - 1;
  const results: Json[] = [];
  let anyWrites = false;
  for (let i = 1; i <= n; i++) {
    try {
      const { result, writes } = runOperation(x, params[i] as Json, i, n, options.readOnly === true);
      results.push(result);
      anyWrites ||= writes;
    } catch (error) {
      x.txn.abort();
      const failure = expected(error);
      if (failure.tag === 'not supported' && options.mayWait)
        return { kind: 'waiting', timeoutMs: x.timeoutMs };
      results.push(failure.toJson());
      while (results.length < n) results.push(null);
      return { kind: 'failed', results };
    }
  }
  const { txn, durable, asserted } = x;
  return { kind: 'ready', results, txn, durable, writes: anyWrites, asserted };
}

/**
 * Prepares, writes and completes a transaction, or undoes it.
 * @throws OvsdbError what is wrong with it
 */
export function finishTransaction(txn: Transaction, durable: boolean): void {
  try {
    txn.prepare();
    if (txn.changes.length > 0) txn.db.sink?.write(txn, durable);
  } catch (error) {
    txn.abort();
    throw expected(error);
  }
  try {
    txn.complete();
  } catch (error) {
    txn.db.broken(error);
  }
}

/** The error as the client is told it: a mistake of ours costs this transaction, not the others. */
function expected(error: unknown): OvsdbError {
  if (error instanceof OvsdbError) return error;
  log.errRl(failedLimit, `failed to carry out a transaction: ${errorStack(error)}`);
  return internalError(error);
}

/** Carries out a whole transaction at once. @returns the reply */
export function execute(db: Database, params: Json, options: ExecuteOptions = {}): Json {
  const composed = compose(db, params, options);
  if (composed.kind === 'waiting') throw new Error('a wait was left over');
  if (composed.kind === 'failed') return composed.results;
  try {
    finishTransaction(composed.txn, composed.durable);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    composed.results.push(error.toJson());
  }
  return composed.results;
}
