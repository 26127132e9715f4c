/**
 * The grammar of database control tools (ovs-vsctl): several commands in one call, separated by "--", each
 * with options of its own before its name. C counterpart: ctl_parse_commands() in lib/db-ctl-base.c.
 */
import type { OptionSpec } from '../../base/getopt.ts';
import { ToolError } from '../tool.ts';

/**
 * One command.
 * @typeParam Context what its functions work on
 */
export interface CommandSyntax<Context> {
  readonly name: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  /** As it is shown to the shell's completion. */
  readonly arguments: string;
  /** Options: '--flag', '--value=' (needs one), '--maybe?'. */
  readonly options?: readonly string[];
  readonly mode: 'ro' | 'rw';
  /** Asks the IDL for the columns that `run` reads. */
  readonly prerequisites?: (context: Context) => void;
  /** May run several times, each time on newer data, until its transaction is committed. */
  readonly run?: (context: Context) => void;
  /** After the commit: completes the output with what only the database knew. */
  readonly postprocess?: (context: Context) => void;
}

/** A command as it was called. */
export interface Command<Context> {
  readonly syntax: CommandSyntax<Context>;
  /** `argv[0]` is the command's name. */
  readonly argv: readonly string[];
  readonly options: ReadonlyMap<string, string | undefined>;
}

export type CommandTable<Context> = ReadonlyMap<string, CommandSyntax<Context>>;

const optionName = (option: string): string => option.replace(/[=?]$/, '');

/** The commands' options, for a command line on which they may also stand before the first command. */
export function commandOptions(table: CommandTable<never>): Record<string, OptionSpec> {
  const specs: Record<string, OptionSpec> = {};
  for (const { options = [] } of table.values()) {
    for (const option of options) {
      const name = optionName(option);
      specs[name] = {
        long: name.slice(2),
        arg: option.endsWith('=') ? 'required' : option.endsWith('?') ? 'optional' : 'none',
      };
    }
  }
  return specs;
}

/**
 * @param words the arguments after the global options
 * @param first options of the first command that stood among the global ones
 * @throws ToolError
 */
export function parseCommands<Context>(
  table: CommandTable<Context>,
  words: readonly string[],
  first: ReadonlyMap<string, string | undefined>,
): Command<Context>[] {
  const missing = (): never => {
    throw new ToolError('missing command name (use --help for help)');
  };
  const commands: Command<Context>[] = [];
  let pending = first;
  for (let start = 0; start <= words.length; ) {
    let end = words.indexOf('--', start);
    if (end < 0) end = words.length;
    if (end > start) {
      commands.push(parseCommand(table, words.slice(start, end), pending));
      pending = new Map();
    } else if (pending.size > 0) missing();
    start = end + 1;
  }
  if (commands.length === 0) missing();
  return commands;
}

function parseCommand<Context>(
  table: CommandTable<Context>,
  words: readonly string[],
  before: ReadonlyMap<string, string | undefined>,
): Command<Context> {
  const options = new Map(before);
  let i = 0;
  for (; i < words.length && words[i]!.startsWith('-'); i++) {
    const [, name, , value] = /^([^=]*)(=(.*))?$/s.exec(words[i]!)!;
    if (options.has(name!)) throw new ToolError(`'${words[i]}' option specified multiple times`);
    options.set(name!, value);
  }
  const name = words[i];
  if (name === undefined) throw new ToolError('missing command name (use --help for help)');
  const syntax = table.get(name);
  if (!syntax) throw new ToolError(`unknown command '${name}'; use --help for help`);

  for (const [option, value] of options) {
    const known = syntax.options?.find((o) => optionName(o) === option);
    if (known === undefined) throw new ToolError(`'${name}' command has no '${option}' option`);
    if (known.endsWith('=') && value === undefined)
      throw new ToolError(`missing argument to '${option}' option on '${name}' command`);
    if (known === option && value !== undefined)
      throw new ToolError(`'${option}' option on '${name}' does not accept an argument`);
  }

  const argv = words.slice(i);
  const count = argv.length - 1;
  if (count < syntax.minArgs)
    throw new ToolError(`'${name}' command requires at least ${syntax.minArgs} arguments`);
  if (count > syntax.maxArgs) {
    const note = argv.slice(1).some((word) => word.startsWith('-'))
      ? ' (note that options must precede command names and follow a "--" argument)'
      : '';
    throw new ToolError(`'${name}' command takes at most ${syntax.maxArgs} arguments${note}`);
  }
  return { syntax, argv, options };
}

/** One line a command for the shell's completion: `!` required, `?` optional, `*` any number, `+` one or more. */
export function commandsText(table: CommandTable<never>): string {
  const lines = [...table.values()].map(({ name, options = [], arguments: args }) => {
    const words = args === '' ? [] : args.split(' ').map(markArgument);
    return `${options.map((o) => `[${o}] `).join('')},${name},${words.join(' ')}\n`;
  });
  return lines.join('');
}

function markArgument(word: string): string {
  const repeated = word.endsWith('...');
  const plain = repeated ? word.slice(0, -3) : word;
  const whole = /^\[(.*)\]$/.exec(plain);
  // "[COLUMN[:KEY]]" is optional as a whole; "[KEY=]VALUE" only in a part.
  const inner = (whole ? whole[1]! : plain).replace(/\[/g, '?').replace(/\]/g, '');
  if (whole) return `${repeated ? '*' : '?'}${inner}`;
  return `${repeated ? '+' : '!'}${inner}`;
}
