/**
 * The control socket of a daemon: JSON-RPC requests in, `UnixctlCommands` out.
 *
 * A connection is served one request at a time. C counterpart: lib/unixctl.c.
 */
import path from 'node:path';
import { parseOptions, UsageError } from '../base/getopt.ts';
import type { Host, Listener } from '../base/host.ts';
import { type UnixctlCommands, UnixctlError, UnixctlJson, type UnixctlReply } from '../base/unixctl.ts';
import { vlog } from '../base/vlog.ts';
import type { Json } from '../jsonrpc/json.ts';
import { JsonRpc, type JsonRpcMessage } from '../jsonrpc/jsonrpc.ts';

const log = vlog('unixctl');

/** Bytes that may wait for a client that does not read its replies. */
const MAX_BACKLOG_BYTES = 256 * 1024 * 1024;
/** The longest command line that Linux starts a tool with is 2 MiB, and escapes lengthen it. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

class Connection {
  readonly #rpc: JsonRpc;
  readonly #commands: UnixctlCommands;
  #format: 'text' | 'json' = 'text';
  /** A request has been answered, and no other is read yet. */
  #answered = false;

  constructor(rpcOf: (events: Connection) => JsonRpc, commands: UnixctlCommands) {
    this.#commands = commands;
    this.#rpc = rpcOf(this);
    this.#rpc.setMaxBacklog(MAX_BACKLOG_BYTES);
    this.#rpc.setMaxTextBytes(MAX_REQUEST_BYTES);
  }

  closed(): void {}

  message(message: JsonRpcMessage): void {
    if (message.type !== 'request') {
      log.warn(`${this.#rpc.name}: received unexpected ${message.type} message`);
      this.#rpc.close();
      return;
    }
    // Held back until this one is answered.
    this.#rpc.pause();
    void this.#execute(message.method, message.params).then(
      (reply) => this.#answer({ type: 'reply', result: this.#wrap(reply), id: message.id }),
      (error: unknown) => {
        const known = error instanceof UnixctlError;
        if (!known) log.err(`${message.method}: ${error instanceof Error ? error.stack : String(error)}`);
        this.#answer({ type: 'error', error: known ? error.message : String(error), id: message.id });
      },
    );
  }

  #answer(message: JsonRpcMessage): void {
    this.#rpc.send(message);
    this.#answered = true;
    this.drained();
  }

  /** The next request may come once the reply to the last has left. */
  drained(): void {
    if (!this.#answered || this.#rpc.backlog > 0 || this.#rpc.isClosed) return;
    this.#answered = false;
    this.#rpc.resume();
  }

  async #execute(method: string, params: readonly Json[]): Promise<UnixctlReply> {
    if (method === 'set-options') return this.#setOptions(params);
    return await this.#commands.execute(method, params, { format: this.#format });
  }

  #wrap(reply: UnixctlReply): Json {
    if (reply instanceof UnixctlJson) return reply.value as Json;
    return this.#format === 'json' ? { 'reply-format': 'plain', reply } : reply;
  }

  #setOptions(params: readonly Json[]): string {
    try {
      const words = params.map(String);
      for (const option of parseOptions(words, { format: { long: 'format', short: 'f', arg: 'required' } })
        .options) {
        const value = option.value!.toLowerCase();
        if (value !== 'text' && value !== 'json')
          throw new UnixctlError(`option format has invalid value ${option.value}`);
        this.#format = value;
      }
    } catch (error) {
      if (error instanceof UsageError) throw new UnixctlError(error.message);
      throw error;
    }
    return '';
  }
}

/**
 * Listens on PATH, or RUNDIR/PROGRAM.PID.ctl by default; 'none' listens nowhere.
 * @throws SystemError
 */
export async function startUnixctlServer(
  host: Host,
  commands: UnixctlCommands,
  program: string,
  where: string | undefined,
): Promise<Listener | undefined> {
  if (where === 'none') return undefined;
  const file = path.resolve(host.dirs.run, where ?? `${program}.${process.pid}.ctl`);
  return await host.streams.listen(`punix:${file}`, 0, (stream) => {
    new Connection((events) => new JsonRpc(stream, events), commands);
  });
}
