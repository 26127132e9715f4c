/** transact, query and wait. */
import { type Json, JsonError, type JsonObject, parseJson, sortedJson } from '../../jsonrpc/json.ts';
import { JsonRpcSession } from '../../jsonrpc/session.ts';
import { ToolError } from '../tool.ts';
import type { Client, ClientCommand } from './context.ts';

/** JSON that the user typed. @throws ToolError */
export function parseArgument(text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw new ToolError(`"${text}": ${error.message}`);
    throw error;
  }
}

async function transactOn(client: Client, args: readonly string[], transaction: Json): Promise<Json> {
  const database = Array.isArray(transaction) ? transaction[0] : undefined;
  if (typeof database !== 'string') throw new ToolError('not a valid OVSDB query');
  await client.open('database', 1, args, database);
  if (client.settings.dbChangeAware) await client.announceChangeAware();
  client.detached?.ready(true);
  return client.rpc.transact('transact', transaction as readonly Json[]);
}

const transact: ClientCommand = {
  name: 'transact',
  need: 'nothing',
  minArgs: 1,
  maxArgs: 2,
  async run(client, args) {
    client.printJson(await transactOn(client, args, parseArgument(args.at(-1)!)));
  },
};

const query: ClientCommand = {
  name: 'query',
  need: 'nothing',
  minArgs: 1,
  maxArgs: 2,
  async run(client, args) {
    const transaction = parseArgument(args.at(-1)!);
    if (!Array.isArray(transaction)) throw new ToolError('not a valid OVSDB query');
    // Whatever it does is thrown away by an operation at its end, whose result the user does not want to see.
    const result = await transactOn(client, args, [...transaction, { op: 'abort' }]);
    const last: Json = Array.isArray(result) ? (result.at(-1) ?? null) : null;
    const aborted =
      Array.isArray(result) &&
      result.length === transaction.length &&
      typeof last === 'object' &&
      (last as JsonObject | null)?.['error'] === 'aborted';
    client.printJson(aborted ? (result as readonly Json[]).slice(0, -1) : result);
  },
};

/** @throws ToolError if any of a transaction's operations failed */
export function checkResults(result: Json): void {
  if (!Array.isArray(result)) throw new ToolError('result is not array');
  for (const item of result as readonly Json[]) {
    if (typeof item !== 'object' || item === null || Array.isArray(item))
      throw new ToolError('result array element is not object');
    if ((item as JsonObject)['error'] !== undefined)
      throw new ToolError(`server returned error reply: ${sortedJson(item)}`);
  }
}

/** The columns and rows of the server's Database table to wait for, by the state that the user names. */
const STATES: Readonly<Record<string, { columns: readonly string[]; rows: readonly JsonObject[] }>> = {
  connected: { columns: ['connected'], rows: [{ connected: true }] },
  added: { columns: [], rows: [{}] },
  removed: { columns: [], rows: [] },
};

const wait: ClientCommand = {
  name: 'wait',
  need: 'nothing',
  minArgs: 2,
  maxArgs: 3,
  async run(client, args) {
    const [database, state] = args.slice(-2) as [string, string];
    const wanted = STATES[state];
    if (!wanted) throw new ToolError(`${state}: unknown state`);
    const remotes = (args.length > 2 ? args[0]! : client.defaultRemote).split(',');
    const where = [['name', '==', database]];
    const operation: JsonObject = { op: 'wait', table: 'Database', where, until: '==', ...wanted };
    await new Promise<void>((resolve, reject) => {
      // It keeps trying: the server itself may be what is waited for.
      const session: JsonRpcSession = new JsonRpcSession(client.io.host, remotes, {
        connected() {
          session.send({ type: 'request', method: 'set_db_change_aware', params: [true], id: 'aware' });
          session.send({ type: 'request', method: 'transact', params: ['_Server', operation], id: 'wait' });
        },
        message(message) {
          if (message.type === 'error' && message.id === 'aware')
            reject(
              new ToolError(`${session.name}: set_db_change_aware failed (${sortedJson(message.error)})`),
            );
          if (message.type !== 'reply' || message.id !== 'wait') return;
          try {
            checkResults(message.result);
            resolve();
          } catch (error) {
            reject(error as Error);
          }
        },
        disconnected() {},
      });
    });
  },
};

export const TRANSACT_COMMANDS = [transact, query, wait];
