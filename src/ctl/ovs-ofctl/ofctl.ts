/**
 * What the commands of ovs-ofctl share: how they talk to a switch, learn its names, and print what it answers.
 * find-switch.ts finds it, flow-format.ts agrees with it on a flow format.
 */

import { SystemError } from '../../base/host.ts';
import { ParseError } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import type { NameMap } from '../../flow/ports.ts';
import { parsePort } from '../../flow/ports.ts';
import { OfpError } from '../../openflow/errors.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import type { Message, OfpBody, OfpKind } from '../../openflow/messages/message.ts';
import type { EncodeOptions, FormatOptions } from '../../openflow/messages/options.ts';
import { identify, isMultipart, isMultipartRequest, multipartFlags } from '../../openflow/messages/raw.ts';
import type { ParseOptions } from '../../openflow/parse/common.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { Connection, ConnectionError, Xids } from './connection.ts';
import { bridgeSockets, connectBridge, connectTarget } from './find-switch.ts';
import { Names, NoNames } from './names.ts';
import type { Service } from './service.ts';
import type { Settings } from './settings.ts';
import { fetchPorts, fetchTableNames } from './switch-names.ts';

const log = vlog('ofctl');

/** Ends the tool with a status; what there is to say has been printed. */
export class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit status ${status}`);
    this.status = status;
  }
}

/** Names are fetched on a connection of their own, with one request. */
const MESSAGES_FOR_NAMES = 2;

export interface OutputNames {
  readonly portNames?: NameMap;
  readonly tableNames?: NameMap;
}

export class Ofctl {
  readonly io: ToolIo;
  readonly settings: Settings;
  readonly service: Service | undefined;
  readonly xids = new Xids();
  readonly #ports = new Map<string, Names>();
  readonly #tables = new Map<string, Names>();
  /** Names that have been counted as fetched. */
  readonly #counted = new Set<string>();

  constructor(io: ToolIo, settings: Settings, service: Service | undefined) {
    this.io = io;
    this.settings = settings;
    this.service = service;
  }

  print(line: string): void {
    this.io.out(`${line}\n`);
  }

  /** Connects to a bridge by its name, or to a connection target. @throws ToolError */
  async connect(name: string, target: 'mgmt' | 'snoop' = 'mgmt'): Promise<Connection> {
    const { streams, dirs } = this.io.host;
    const { xids } = this;
    const open = (to: string): Promise<Connection> =>
      Connection.open(streams, to, this.settings.versions, xids, target === 'snoop');
    const connection = await (name.includes(':')
      ? connectTarget(name, open)
      : connectBridge(name, bridgeSockets(name, target, dirs.run), xids, open));
    log.dbg(() => `connecting to ${connection.name}`);
    return connection;
  }

  get showsNames(): boolean {
    return this.settings.names ?? this.io.isTty;
  }

  /** Names of ports of a switch, fetched once. */
  async ports(name: string): Promise<Names> {
    return await this.#fetch(this.#ports, name, async (names) => {
      const connection = await this.connect(name);
      for (const port of await fetchPorts(this, connection)) names.add(port.portNo, port.name);
      connection.close();
    });
  }

  /** Names of tables of a switch, fetched once. */
  async tables(name: string): Promise<Names> {
    return await this.#fetch(this.#tables, name, async (names) => {
      const connection = await this.connect(name);
      await fetchTableNames(this, connection, names);
      connection.close();
    });
  }

  async #fetch(
    cache: Map<string, Names>,
    name: string,
    fill: (names: Names) => Promise<void>,
  ): Promise<Names> {
    let names = cache.get(name);
    if (!names) {
      names = new Names();
      cache.set(name, names);
      await fill(names);
    }
    return names;
  }

  /** Names to print for a switch: none unless they are wanted. */
  async outputNames(name: string): Promise<OutputNames> {
    if (!this.showsNames) return {};
    return { portNames: await this.ports(name), tableNames: await this.tables(name) };
  }

  /**
   * Parses text that may contain names of the switch's ports and tables. They are fetched only if the text asks for
   * one: most texts do not, and it costs two connections.
   * @throws ToolError with the parser's message
   */
  async parse<T>(
    name: string,
    parser: (options: ParseOptions) => T,
    what: 'ports and tables' | 'tables' = 'ports and tables',
  ): Promise<T> {
    if (this.settings.names === false) return this.parseAlone(parser);
    if (!this.#ports.has(name) || !this.#tables.has(name)) {
      const none = new NoNames();
      let value: T | undefined;
      let failure: unknown;
      try {
        value = this.parseAlone(() => parser({ portNames: none, tableNames: none }));
      } catch (error) {
        failure = error;
      }
      if (!none.asked) {
        this.#countNames(name, what);
        if (failure === undefined) return value as T;
        // A switch that is not there is the more interesting problem.
        (await this.connect(name)).close();
        throw failure;
      }
    }
    const names = { portNames: await this.ports(name), tableNames: await this.tables(name) };
    return this.parseAlone(() => parser(names));
  }

  /** Runs a parser without a switch. @throws ToolError with the parser's message */
  parseAlone<T>(parser: (options: ParseOptions) => T): T {
    try {
      return parser({});
    } catch (error) {
      throw error instanceof ParseError ? new ToolError(error.message) : error;
    }
  }

  /** Counts the messages that would have fetched the names, once for each switch. */
  #countNames(name: string, what: 'ports and tables' | 'tables'): void {
    for (const [kind, cache] of [
      ['ports', this.#ports],
      ['tables', this.#tables],
    ] as const) {
      const key = `${kind} of ${name}`;
      if (!what.includes(kind) || cache.has(name) || this.#counted.has(key)) continue;
      this.#counted.add(key);
      this.xids.skip(MESSAGES_FOR_NAMES);
    }
  }

  /** A port by its number or name. @throws ToolError */
  async portNumber(name: string, text: string): Promise<number> {
    const port =
      parsePort(text) ?? parsePort(text, this.settings.names === false ? undefined : await this.ports(name));
    if (port === undefined) throw new ToolError(`${name}: unknown port \`${text}'`);
    return port;
  }

  /** Text of a message; `more` is added to the verbosity that the user asked for. */
  format(bytes: Uint8Array, more: number, names: OutputNames = {}): string {
    const { verbosity, colors } = this.settings;
    return formatBytes(bytes, { verbosity: verbosity + more, colors, ...names } satisfies FormatOptions);
  }

  /** Runs a conversation; an end of the connection ends the tool. */
  async talking<T>(connection: Connection, run: () => Promise<T>): Promise<T> {
    return await this.during(`talking to ${connection.name}`, run);
  }

  /** Runs a part of a conversation; an end of the connection ends the tool in these words. */
  async during<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof ConnectionError) throw new ToolError(`${what} (${error.message})`);
      throw error;
    }
  }

  /** Sends a request and prints what answers it. */
  async dump(connection: Connection, body: OfpBody, options: EncodeOptions = {}): Promise<void> {
    await this.dumpBytes(connection, connection.encode(body, options));
  }

  async dumpBytes(connection: Connection, parts: readonly Uint8Array[]): Promise<void> {
    const first = parts[0]!;
    if (!isMultipartRequest(first)) {
      const reply = await this.talking(connection, async () =>
        connection.receiveReply(connection.sendBytes(parts)),
      );
      this.io.out(this.format(reply, 1, await this.outputNames(connection.name)));
      return;
    }
    const expected = identify(first).kind.replace('request', 'reply');
    for await (const reply of this.replies(connection, parts)) {
      const text = this.format(reply, 1, await this.outputNames(connection.name));
      this.io.out(text);
      const kind = kindOf(reply);
      if (kind !== 'error' && kind !== expected) throw new ToolError(`received bad reply: ${text}`);
    }
  }

  /** Sends a multipart request; yields its replies up to the last or an error. */
  async *replies(connection: Connection, parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    const xid = await this.during('failed to send packet to switch', async () => connection.sendBytes(parts));
    for (;;) {
      const reply = await this.during('OpenFlow packet receive failed', () => connection.receiveReply(xid));
      yield reply;
      if (!isMultipart(reply) || !(multipartFlags(reply) & 1)) return;
    }
  }

  /** All replies to a multipart request, decoded; each must be of that kind. @throws ToolError */
  async collect<K extends OfpKind>(
    connection: Connection,
    body: OfpBody,
    kind: K,
    options: EncodeOptions = {},
  ): Promise<Message<K>[]> {
    const all: Message<K>[] = [];
    for await (const reply of this.replies(connection, connection.encode(body, options))) {
      const { message, error } = tryDecodeMessage(reply, { loose: true });
      if (error || message?.kind !== kind)
        throw new ToolError(`received bad reply: ${this.format(reply, 1)}`);
      all.push(message as Message<K>);
    }
    return all;
  }

  /** Sends a request that is answered only if it fails; then prints the answer and ends the tool. */
  async confirm(connection: Connection, body: OfpBody, options: EncodeOptions = {}): Promise<void> {
    await this.#refusal(connection, () => connection.confirm(body, options));
  }

  /** The same for many. */
  async confirmAll(connection: Connection, requests: Iterable<Uint8Array[]>): Promise<void> {
    await this.#refusal(connection, () => connection.confirmAll(requests));
  }

  async #refusal(connection: Connection, run: () => Promise<Uint8Array | undefined>): Promise<void> {
    const reply = await this.talking(connection, run);
    if (!reply) return;
    this.io.err(this.format(reply, 2, await this.outputNames(connection.name)));
    throw new Exit(1);
  }

  /** Carries out requests in a bundle; prints which of them failed. @throws ToolError */
  async bundle(connection: Connection, requests: readonly Uint8Array[]): Promise<void> {
    const { errors, failure } = await this.talking(connection, () => connection.bundle(requests));
    if (errors.length > 0) await this.#printBundleErrors(connection, errors, requests);
    if (failure !== undefined) throw new ToolError(`talking to ${connection.name} (${failure})`);
  }

  async #printBundleErrors(
    connection: Connection,
    errors: readonly Uint8Array[],
    requests: readonly Uint8Array[],
  ): Promise<void> {
    const names = await this.outputNames(connection.name);
    const sameXid = (a: Uint8Array, b: Uint8Array): boolean => [4, 5, 6, 7].every((i) => a[i] === b[i]);
    for (const error of errors) {
      const { message } = tryDecodeMessage(error);
      if (message?.kind !== 'error') {
        this.io.err('***decode error***');
        continue;
      }
      const failed = requests.find((request) => sameXid(request, error)) ?? message.payload;
      this.io.err(`Error ${message.error} for: ${this.format(failed, 1, names)}`);
    }
  }

  /** A file's text; '-' is standard input. @throws ToolError that says what failed in the words of the caller */
  readText(file: string, failed = 'open failed'): string {
    return new TextDecoder().decode(this.readBytes(file, failed));
  }

  readBytes(file: string, failed = 'open'): Uint8Array {
    if (file === '-') return this.io.readStdin();
    try {
      return this.io.host.storage.read(file);
    } catch (error) {
      throw error instanceof SystemError ? new ToolError(`${file}: ${failed} (${error.message})`) : error;
    }
  }
}

/** Kind of a message; undefined for one that is not understood. */
export function kindOf(bytes: Uint8Array): OfpKind | undefined {
  try {
    return identify(bytes).kind;
  } catch (error) {
    if (error instanceof OfpError) return undefined;
    throw error;
  }
}
