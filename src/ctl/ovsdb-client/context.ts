/** What the commands of ovsdb-client share: the options, and how they find a server and a database. */

import type { UnixctlCommands } from '../../base/unixctl.ts';
import { parseUuid } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { type Json, prettyJson, sortedJson } from '../../jsonrpc/json.ts';
import type { TableStyle } from '../table.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { databaseInfo, openRpc, type Rpc, RpcError } from './rpc.ts';

/** How the process leaves its terminal (`--detach`). */
export interface Detached {
  readonly commands: UnixctlCommands;
  /** The first results are there: lets the starter go.
   * @param keepErrors whether standard error, like standard output, stays what it is */
  ready(keepErrors: boolean): void;
}

export interface ClientSettings {
  readonly style: TableStyle;
  timestamp: boolean;
  force: boolean;
  leaderOnly: boolean;
  /** undefined: where the server knows it. */
  dbChangeAware: boolean | undefined;
}

/** What a command has to know before it runs. */
export type Need = 'nothing' | 'server' | 'database';

export interface ClientCommand {
  readonly name: string;
  readonly need: Need;
  readonly minArgs: number;
  readonly maxArgs: number;
  run(client: Client, args: readonly string[]): Promise<void>;
}

/** Several servers are tried as by a session that reconnects. */
const log = vlog('reconnect');

const REMOTE = /^[A-Za-z][^:]*:/;

export class Client {
  readonly io: ToolIo;
  readonly settings: ClientSettings;
  readonly detached: Detached | undefined;
  #rpc: Rpc | undefined;
  database = '';

  constructor(io: ToolIo, settings: ClientSettings, detached: Detached | undefined) {
    this.io = io;
    this.settings = settings;
    this.detached = detached;
  }

  get rpc(): Rpc {
    if (!this.#rpc) throw new Error('the command needs no server');
    return this.#rpc;
  }

  get defaultRemote(): string {
    return `unix:${this.io.host.dirs.run}/db.sock`;
  }

  printJson(json: Json): void {
    this.io.out(`${this.settings.style.pretty ? prettyJson(json) : sortedJson(json)}\n`);
  }

  /** Makes `follow` fail. */
  endFollowing: (why: string) => void = () => {};

  complain(message: string): void {
    this.io.err(`${this.io.program}: ${message}\n`);
  }

  /**
   * Connects to the server that the arguments begin with, or to the default one, and settles on a database.
   * @param database the one to use, if the arguments do not say it
   * @returns the arguments that are left
   * @throws ToolError
   */
  async open(
    need: Need,
    minArgs: number,
    args: readonly string[],
    database?: string,
  ): Promise<readonly string[]> {
    let rest = args;
    let remotes = [this.defaultRemote];
    let cid: string | undefined;
    if (args.length > minArgs && REMOTE.test(args[0]!)) {
      const words = args[0]!.split(',').map((word) => word.trim());
      cid = parseUuid(words.find((word) => word.startsWith('cid:'))?.slice(4) ?? '');
      remotes = words.filter((word) => word !== '' && !word.startsWith('cid:'));
      rest = args.slice(1);
    }
    if (remotes.length === 1) {
      this.#rpc = await openRpc(this.io.host, remotes[0]!);
      this.#rpc.pretty = this.settings.style.pretty;
      this.database = database ?? '';
      if (need !== 'database' || database !== undefined) return rest;
      return this.#chooseDatabase(minArgs, rest);
    }
    if (database !== undefined) this.database = database;
    else if (need === 'database') {
      if (rest.length <= minArgs) throw new ToolError('database name is required with multiple remotes');
      this.database = rest[0]!;
      rest = rest.slice(1);
    }
    await this.#openAny(remotes, cid);
    return rest;
  }

  async #chooseDatabase(minArgs: number, args: readonly string[]): Promise<readonly string[]> {
    const names = await this.rpc.databases();
    if (args.length > minArgs && names.includes(args[0]!)) {
      this.database = args[0]!;
      return args.slice(1);
    }
    const own = names.filter((name) => !name.startsWith('_'));
    if (names.includes('Open_vSwitch')) this.database = 'Open_vSwitch';
    else if (own.length === 1) this.database = own[0]!;
    else throw new ToolError('could not find a default database, please specify a database name');
    return args;
  }

  /** Connects to the first of several servers, in random order, that serves the database well. */
  async #openAny(remotes: readonly string[], cid: string | undefined): Promise<void> {
    const order = remotes.map((remote) => ({ remote, key: this.io.host.random.u32() }));
    for (const { remote } of order.sort((a, b) => a.key - b.key)) {
      log.info(`${remote}: connecting...`);
      try {
        const rpc = await openRpc(this.io.host, remote);
        log.info(`${remote}: connected`);
        rpc.pretty = this.settings.style.pretty;
        if (this.database === '' || (await this.#serves(rpc, cid))) {
          this.#rpc = rpc;
          return;
        }
        rpc.close();
      } catch (error) {
        if (!(error instanceof ToolError || error instanceof RpcError)) throw error;
        const why = /\((.*)\)$/.exec(error.message)?.[1] ?? error.message;
        log.info(`${remote}: connection attempt failed (${why})`);
      }
    }
    throw new ToolError('no servers were available');
  }

  async #serves(rpc: Rpc, cid: string | undefined): Promise<boolean> {
    const row = await databaseInfo(rpc, this.database, cid);
    if (!row) return false;
    if (row['model'] === 'standalone') return true;
    return row['connected'] === true && (!this.settings.leaderOnly || row['leader'] === true);
  }

  /** Tells the server that we cope with databases that come, go and change their schema. @throws ToolError */
  async announceChangeAware(): Promise<void> {
    if (this.settings.dbChangeAware === false) return;
    try {
      await this.rpc.request('set_db_change_aware', [true]);
    } catch (error) {
      if (!(error instanceof RpcError))
        throw new ToolError(`${this.rpc.name}: error setting db_change_aware (${(error as Error).message})`);
      if (this.settings.dbChangeAware)
        throw new ToolError(`${this.rpc.name}: set_db_change_aware failed (${error.message})`);
    }
  }

  /**
   * Runs until the connection breaks (an error), `endFollowing` is called or, when detached, the user says "exit".
   * @throws ToolError
   */
  follow(): Promise<void> {
    if (!this.detached) this.io.expectSignals?.();
    return new Promise((resolve, reject) => {
      this.endFollowing = (why) => reject(new ToolError(`${this.rpc.name}: ${why}`));
      this.rpc.onClosed = (error) =>
        reject(new ToolError(`${this.rpc.name}: receive failed (${error?.message ?? 'End of file'})`));
      this.detached?.commands.register('exit', '', 0, 0, () => {
        // After the reply has gone out.
        this.io.host.loop.after(10, resolve);
        return '';
      });
    });
  }
}
