/**
 * The registry of management commands that a daemon answers on its control socket (ovs-appctl).
 *
 * The server that carries them is the host's (`src/node/unixctl-server.ts`); this table and the commands in it
 * are core. C counterpart: lib/unixctl.c.
 */
import { coverage } from './coverage.ts';

export interface UnixctlRequest {
  readonly format: 'text' | 'json';
}

/** A JSON document to reply with instead of text, for requests in JSON format. */
export class UnixctlJson {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

export type UnixctlReply = string | UnixctlJson;
export type UnixctlHandler = (
  args: readonly string[],
  request: UnixctlRequest,
) => UnixctlReply | Promise<UnixctlReply>;

/** The reply is an error with this message. */
export class UnixctlError extends Error {}

interface Command {
  readonly usage: string | undefined;
  readonly minArgs: number;
  readonly maxArgs: number;
  readonly handler: UnixctlHandler;
}

const received = coverage('unixctl_received');
const replied = coverage('unixctl_replied');

export class UnixctlCommands {
  readonly #commands = new Map<string, Command>();

  constructor(version: string) {
    this.register('list-commands', '', 0, 0, (_args, request) => this.#list(request));
    this.register('version', '', 0, 0, () => version);
  }

  /**
   * Adds a command. A second registration of the same name is ignored.
   * @param usage shown by list-commands; undefined hides the command
   * @param handler returns the reply's text, or throws {@link UnixctlError}
   */
  register(
    name: string,
    usage: string | undefined,
    minArgs: number,
    maxArgs: number,
    handler: UnixctlHandler,
  ): void {
    if (!this.#commands.has(name)) this.#commands.set(name, { usage, minArgs, maxArgs, handler });
  }

  /** Runs a command. @throws UnixctlError with the text for the client */
  async execute(name: string, args: readonly unknown[], request: UnixctlRequest): Promise<UnixctlReply> {
    received.inc();
    try {
      const command = this.#commands.get(name);
      if (!command)
        throw new UnixctlError(
          `"${name}" is not a valid command (use "list-commands" to see a list of valid commands)`,
        );
      if (args.length < command.minArgs)
        throw new UnixctlError(`"${name}" command requires at least ${command.minArgs} arguments`);
      if (args.length > command.maxArgs)
        throw new UnixctlError(`"${name}" command takes at most ${command.maxArgs} arguments`);
      const words = args.map((arg) => {
        if (typeof arg !== 'string') throw new UnixctlError(`"${name}" command has non-string argument`);
        return arg;
      });
      return await command.handler(words, request);
    } finally {
      replied.inc();
    }
  }

  #list(request: UnixctlRequest): UnixctlReply {
    const shown = [...this.#commands]
      .filter(([, c]) => c.usage !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (request.format === 'json')
      return new UnixctlJson(Object.fromEntries(shown.map(([n, c]) => [n, c.usage])));
    return 'The available commands are:\n' + shown.map(([n, c]) => `  ${n.padEnd(23)} ${c.usage}\n`).join('');
  }
}
