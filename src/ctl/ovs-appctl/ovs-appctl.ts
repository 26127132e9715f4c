/** ovs-appctl: sends a command to a running daemon and prints its reply. See ovs-appctl(8). */
import { parseOptions } from '../../base/getopt.ts';
import { SystemError } from '../../base/host.ts';
import { versionText } from '../../base/version.ts';
import { vlog } from '../../base/vlog.ts';
import type { Json } from '../../jsonrpc/json.ts';
import { prettyJson, sortedJson } from '../../jsonrpc/json.ts';
import { applyLogOption, LOG_OPTIONS } from '../log-options.ts';
import { readPidfile } from '../pidfile.ts';
import { type Tool, ToolError, type ToolIo } from '../tool.ts';
import { UnixctlClient } from '../unixctl-client.ts';

const OPTIONS = {
  target: { long: 'target', short: 't', arg: 'required' },
  execute: { long: 'execute', short: 'e' },
  format: { long: 'format', short: 'f', arg: 'required' },
  help: { long: 'help', short: 'h' },
  option: { long: 'option', short: 'o' },
  pretty: { long: 'pretty' },
  version: { long: 'version', short: 'V' },
  timeout: { long: 'timeout', short: 'T', arg: 'required' },
  ...LOG_OPTIONS,
} as const;

const usage = (program: string): string => `${program}, for querying and controlling Open vSwitch daemon
usage: ${program} [TARGET] COMMAND [ARG...]
Targets:
  -t, --target=TARGET  pidfile or socket to contact
Common commands:
  list-commands      List commands supported by the target
  version            Print version of the target
  vlog/list          List current logging levels
  vlog/list-pattern  List logging patterns for each destination.
  vlog/set [SPEC]
      Set log levels as detailed in SPEC, which may include:
      A valid module name (all modules, by default)
      'syslog', 'console', 'file' (all destinations, by default))
      'off', 'emer', 'err', 'warn', 'info', or 'dbg' ('dbg', bydefault)
  vlog/reopen        Make the program reopen its log file
Other options:
  --timeout=SECS     wait at most SECS seconds for a response
  -f, --format=FMT   Output format. One of: 'json', or 'text'
                     (default: text)
  --pretty           Format the output in a more readable fashion.
                     Requires: --format=json.
  -h, --help         Print this helpful information
  -V, --version      Display ovs-appctl version information
`;

/** @throws ToolError as the C tool words it */
function socketOf(target: string, io: ToolIo): string {
  if (target.startsWith('/')) return target;
  const pidfile = `${io.host.dirs.run}/${target}.pid`;
  try {
    return `${io.host.dirs.run}/${target}.${readPidfile(io.host.storage, pidfile)}.ctl`;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.code !== 'EINVAL') vlog('daemon_unix').warn(`${pidfile}: open: ${error.message}`);
    throw new ToolError(`cannot read pidfile "${pidfile}" (${error.message})`);
  }
}

function replyText(reply: Json, pretty: boolean): string {
  if (typeof reply === 'string') return reply;
  return `${pretty ? prettyJson(reply) : sortedJson(reply)}\n`;
}

export const ovsAppctl: Tool = async (argv, io) => {
  const { options, args } = parseOptions(argv, OPTIONS, { permute: false });
  let target: string | undefined;
  let format = 'text';
  let pretty = false;
  let executes = 0;
  for (const { id, value } of options) {
    switch (id) {
      case 'target':
        if (target !== undefined) throw new ToolError('-t or --target may be specified only once');
        target = value;
        break;
      case 'execute':
        if (executes++) throw new ToolError('-e or --execute may be speciifed only once');
        break;
      case 'format':
        format = value!.toLowerCase();
        if (format !== 'text' && format !== 'json')
          throw new ToolError(`value ${value} on -f or --format is invalid`);
        break;
      case 'help':
        io.out(usage(io.program));
        return 0;
      case 'option':
        for (const spec of Object.values(OPTIONS))
          io.out(`--${spec.long}${'arg' in spec && spec.arg === 'required' ? '=ARG' : ''}\n`);
        return 0;
      case 'pretty':
        pretty = true;
        break;
      case 'version':
        io.out(versionText(io.program));
        return 0;
      case 'timeout':
        if (!/^\d+$/.test(value!) || Number(value) === 0)
          throw new ToolError(`value ${value} on -T or --timeout is invalid`);
        armTimeout(Number(value), io);
        break;
      default:
        applyLogOption(io, id, value);
    }
  }
  if (args.length === 0)
    throw new ToolError('at least one non-option argument is required (use --help for help)');
  if (pretty && format !== 'json') throw new ToolError('--pretty is supported with --format json only');
  target ??= 'ovs-vswitchd';

  const socket = socketOf(target, io);
  let client: UnixctlClient;
  try {
    client = await UnixctlClient.connect(io.host, socket);
  } catch (error) {
    vlog('unixctl').warn(`failed to connect to ${socket}`);
    throw new ToolError(`cannot connect to "${socket}" (${(error as Error).message})`);
  }
  const ask = async (method: string, params: readonly string[]): Promise<Json> => {
    const answer = await client.transact(method, params).catch((error: Error) => {
      throw new ToolError(`${target}: transaction error (${error.message})`);
    });
    if ('result' in answer) return answer.result;
    let text = replyText(answer.error, false);
    if (!text.endsWith('\n')) text += '\n';
    io.err(text);
    throw new ToolError(`${target}: server returned an error`, 2);
  };
  if (format !== 'text') await ask('set-options', ['--format', format]);
  let text = replyText(await ask(args[0]!, args.slice(1)), pretty);
  if (text !== '' && !text.endsWith('\n')) text += '\n';
  io.out(text);
  client.close();
  return 0;
};

/** As alarm(2) does for the C tools: ends the process by SIGALRM's status when the time is up. */
function armTimeout(seconds: number, io: ToolIo): void {
  io.host.loop.after(seconds * 1000, () => io.die('ALRM'));
}
