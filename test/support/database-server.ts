/**
 * An ovsdb-server, ours or the C implementation's, with one database in a private directory or a relay's, and clients of it.
 *
 * The C programs are Debian's, or those of the directory that `OVSDB_REFERENCE` names (a build tree's `ovsdb/`).
 * Ends only processes that it started, by their ids.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Json, sortedJson } from '../../src/jsonrpc/json.ts';
import { JsonRpc, type JsonRpcMessage } from '../../src/jsonrpc/jsonrpc.ts';
import { NodeStreams } from '../../src/node/streams/streams.ts';
import { program, type Side } from './daemons.ts';

/** The path of a database program. */
export function databaseProgram(side: Side, name: 'ovsdb-server' | 'ovsdb-tool' | 'ovsdb-client'): string {
  const reference = process.env['OVSDB_REFERENCE'];
  return side === 'theirs' && reference ? path.join(reference, name) : program(side, name);
}

/** Why tests against the C database programs cannot run here; undefined when they can. */
export const whyNoReference = (): string | undefined =>
  fs.existsSync(databaseProgram('theirs', 'ovsdb-server'))
    ? undefined
    : 'needs the Debian package openvswitch-switch';

type Notification = Extract<JsonRpcMessage, { type: 'notification' }>;

export class DatabaseClient {
  readonly rpc: JsonRpc;
  readonly #waiting = new Map<number, { resolve(reply: Json): void; reject(error: Error): void }>();
  #lastId = 0;
  isClosed = false;
  onNotification: (message: Notification) => void = () => {};

  constructor(rpc: (events: ConstructorParameters<typeof JsonRpc>[1]) => JsonRpc) {
    this.rpc = rpc({ message: (message) => this.#message(message), closed: () => this.#closed() });
  }

  #message(message: JsonRpcMessage): void {
    if (message.type === 'notification') this.onNotification(message);
    else if (message.type === 'request')
      this.rpc.send({ type: 'reply', result: message.params as Json, id: message.id });
    else {
      const waiting = this.#waiting.get(message.id as number);
      this.#waiting.delete(message.id as number);
      waiting?.resolve(message.type === 'reply' ? message.result : { ERROR: message.error });
    }
  }

  #closed(): void {
    this.isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(new Error('the connection was closed'));
    this.#waiting.clear();
  }

  /** @returns the result, or `{ERROR: error}`; rejects when the connection ends before */
  request(method: string, ...params: Json[]): Promise<Json> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.isClosed) {
        reject(new Error('the connection was closed'));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.rpc.send({ type: 'request', method, params, id });
    });
  }

  close(): void {
    this.rpc.close();
    this.#closed();
  }
}

export interface DatabaseServerOptions {
  /** Of the database, which is made if there is one. */
  readonly schema?: Json;
  /** What is served in place of the database's file. */
  readonly serve?: string;
  /** Where everything lies; a new directory by default. */
  readonly dir?: string;
  readonly args?: readonly string[];
  /** Where the database lies; `db` in that directory by default. */
  readonly file?: string;
  /** Runs the server as the last words of this command. */
  readonly under?: readonly string[];
}

export class DatabaseServer {
  readonly side: Side;
  readonly dir: string;
  file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #ownsDir: boolean;
  readonly #args: readonly string[];
  readonly #under: readonly string[];
  readonly #serve: string;
  #child: ChildProcess | undefined;

  private constructor(side: Side, options: DatabaseServerOptions) {
    this.side = side;
    this.#ownsDir = options.dir === undefined;
    this.dir = options.dir ?? fs.mkdtempSync(path.join(os.tmpdir(), `ovsdb-${side}-`));
    this.file = options.file ?? path.join(this.dir, 'db');
    this.#args = options.args ?? [];
    this.#under = options.under ?? [];
    this.#serve = options.serve ?? this.file;
    const { dir } = this;
    this.env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
  }

  /** Creates the database and starts a server of it. */
  static async start(side: Side, options: DatabaseServerOptions): Promise<DatabaseServer> {
    const server = new DatabaseServer(side, options);
    try {
      if (options.schema !== undefined) {
        fs.writeFileSync(server.schema, sortedJson(options.schema));
        server.tool('create', server.file, server.schema);
      }
      await server.run();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get schema(): string {
    return path.join(this.dir, 'db.ovsschema');
  }
  get socket(): string {
    return path.join(this.dir, 'db.sock');
  }
  get pid(): number {
    return this.#child!.pid!;
  }
  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }
  /** The signal that ended it. */
  get signal(): NodeJS.Signals | null | undefined {
    return this.#child?.signalCode;
  }
  get log(): string {
    const file = path.join(this.dir, 'log');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }

  /** Starts the server and waits until it serves. */
  async run(...more: readonly string[]): Promise<void> {
    const [command, ...args] = [
      ...this.#under,
      databaseProgram(this.side, 'ovsdb-server'),
      `--remote=punix:${this.socket}`,
      `--unixctl=${this.dir}/ctl`,
      `--log-file=${this.dir}/log`,
      '-vconsole:off',
      ...this.#args,
      ...more,
      this.#serve,
    ];
    fs.rmSync(this.socket, { force: true });
    const child = spawn(command!, args, { env: this.env, stdio: 'ignore' });
    this.#child = child;
    for (let i = 0; i < 1000 && this.isRunning; i++) {
      const client = await this.client().catch(() => undefined);
      if (client && fs.existsSync(`${this.dir}/ctl`)) {
        client.close();
        return;
      }
      client?.close();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`ovsdb-server (${this.side}) did not start: ${this.log}`);
  }

  /** @param socket 'ctl' for the control socket, whose protocol is much the same */
  client(socket: 'db.sock' | 'ctl' = 'db.sock'): Promise<DatabaseClient> {
    return new Promise((resolve, reject) => {
      new NodeStreams(this.dir, false).connect(`unix:${this.dir}/${socket}`, 0, {
        connected: (stream) => resolve(new DatabaseClient((events) => new JsonRpc(stream, events))),
        failed: reject,
      });
    });
  }

  /** Runs ovsdb-tool of that side and returns its output. @throws Error when it fails */
  tool(...args: string[]): string {
    return toolOf(this.side, ...args);
  }

  /** Runs a command of that side's ovsdb-client on the server and returns its output. @throws Error when it fails */
  query(command: string, ...args: string[]): string {
    const words = ['-t', '20', command, `unix:${this.socket}`, ...args];
    return run(databaseProgram(this.side, 'ovsdb-client'), words);
  }

  /** Sends a command to the control socket, by our ovs-appctl. */
  appctl(...args: string[]): string {
    return run(program('ours', 'ovs-appctl'), ['-t', `${this.dir}/ctl`, ...args]);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    if (this.#ownsDir) fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

function run(file: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (status !== 0)
    throw new Error(`${path.basename(file)} ${args.join(' ')}: ${stderr || `status ${status}`}`);
  return stdout;
}

/** Runs ovsdb-tool of that side and returns its output. @throws Error when it fails */
export const toolOf = (side: Side, ...args: string[]): string =>
  run(databaseProgram(side, 'ovsdb-tool'), args);
