/** `ovsdb-tool transact`, `query`: carry out a transaction on a database that no server has open. */
import { type Json, JsonError, parseJson, sortedJson } from '../../jsonrpc/json.ts';
import { openStandaloneLog, transactionToText } from '../../ovsdb/file.ts';
import { execute } from '../../ovsdb/transact/execute.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { defaultDb, readDb } from './files.ts';

async function run(io: ToolIo, args: readonly string[], mayWrite: boolean): Promise<void> {
  const text = args.at(-1)!;
  const { storage, loop } = io.host;
  const log = openStandaloneLog(
    storage,
    args.length > 1 ? args[0]! : defaultDb(io),
    mayWrite ? 'write' : 'read',
  );
  const { db } = readDb(io, log);
  let params: Json;
  try {
    params = parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw new ToolError(`"${text}": ${error.message}`);
    throw error;
  }
  let sync = false;
  db.sink = {
    write(txn, durable) {
      const record = transactionToText(txn, { wallMs: loop.clock.wallNow(), useDiff: true });
      if (record === undefined) return;
      log.writeText(record);
      sync = durable;
    },
  };
  const result = execute(db, params);
  if (sync)
    await new Promise<void>((resolve, reject) => {
      log.sync((error) => (error ? reject(error) : resolve()));
    });
  log.close();
  io.out(`${sortedJson(result)}\n`);
}

export const transact = (io: ToolIo, args: readonly string[]): Promise<void> => run(io, args, true);
export const query = (io: ToolIo, args: readonly string[]): Promise<void> => run(io, args, false);
