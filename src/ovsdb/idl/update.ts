/** Changes a database by a function of what is in it. */
import type { SchemaSpec } from '../schemas/spec.ts';
import type { Idl } from './idl.ts';
import type { Txn } from './txn.ts';

/**
 * Runs `body` in a transaction and commits it; runs it again, on newer data, as often as the database changes under it or
 * the connection breaks.
 * @param body verifies what it relies on
 * @returns what `body` returned the last time
 * @throws Error in the server's words, when it refuses; when there is no connection and none will be tried; when another
 * has the lock that was asked for
 */
export async function update<S extends SchemaSpec, V>(idl: Idl<S>, body: (txn: Txn<S>) => V): Promise<V> {
  for (;;) {
    while (!idl.isConnected) {
      if (!idl.isAlive) throw new Error('the connection to the database is gone');
      await idl.nextChange();
    }
    const { seqno } = idl;
    const txn = idl.txn();
    let value: V;
    try {
      value = body(txn);
    } catch (error) {
      txn.abort();
      throw error;
    }
    const status = await txn.commit();
    if (status === 'error') throw new Error(txn.error);
    if (status === 'not-locked') throw new Error(`the lock "${idl.lockName}" is not held`);
    if (status !== 'try-again') return value;
    // What made it fail may have arrived already.
    if (idl.seqno === seqno && idl.isAlive) await idl.nextChange();
  }
}
