/** ovs-ofctl: speaks OpenFlow with switches. See ovs-ofctl(8). */
import { type ParsedOption, parseOptions } from '../../base/getopt.ts';
import { versionText } from '../../base/version.ts';
import { OfpError } from '../../openflow/errors.ts';
import { applyLogOption } from '../log-options.ts';
import { applyTlsOptions } from '../stream-options.ts';
import { armTimeout } from '../timeout.ts';
import { type Tool, ToolError, type ToolIo } from '../tool.ts';
import { type OfctlCommand, reads } from './command.ts';
import { FLOW_DIFF_COMMANDS } from './flow-diff.ts';
import { FLOW_COMMANDS } from './flows.ts';
import { GROUP_COMMANDS } from './groups.ts';
import { METER_COMMANDS, TLV_COMMANDS } from './meters.ts';
import { MONITOR_COMMANDS } from './monitor.ts';
import { Exit, Ofctl } from './ofctl.ts';
import { PACKET_COMMANDS } from './packet-commands.ts';
import { packetOut } from './packet-out.ts';
import { PARSE_COMMANDS } from './parse-commands.ts';
import { HIDDEN_PRINT_COMMANDS, PRINT_COMMANDS } from './print-commands.ts';
import type { Service } from './service.ts';
import { OFCTL_OPTIONS, settingsOf } from './settings.ts';
import { CONFIG_COMMANDS } from './switch-config.ts';
import { SWITCH_COMMANDS } from './switch-info.ts';

const many = Number.POSITIVE_INFINITY;

const help = reads('help', undefined, [0, many], async (ofctl) => printUsage(ofctl.io));

/** The order in which the C tool lists its commands. */
const LISTED = `
  show monitor snoop dump-desc dump-tables dump-table-features dump-table-desc dump-flows
  dump-aggregate queue-stats queue-get-config add-flow add-flows mod-flows del-flows replace-flows
  diff-flows add-meter mod-meter del-meter del-meters dump-meter dump-meters meter-stats
  meter-features packet-out dump-ports dump-ports-desc mod-port mod-table get-frags set-frags probe
  ping benchmark dump-ipfix-bridge dump-ipfix-flow ct-flush-zone ct-flush ofp-parse ofp-parse-pcap
  add-group add-groups mod-group del-groups insert-buckets remove-buckets dump-groups
  dump-group-stats dump-group-features bundle add-tlv-map del-tlv-map dump-tlv-map help
  list-commands parse-flow parse-flows parse-group parse-nx-match parse-nxm parse-oxm parse-actions
  parse-instructions parse-ofp10-match parse-ofp11-match parse-pcap check-vlan print-error
  encode-error-reply ofp-print encode-hello parse-key-value compose-packet parse-packet
`
  .trim()
  .split(/\s+/);

const listCommands = reads('list-commands', undefined, [0, many], async (ofctl) => {
  ofctl.print('The available commands are:');
  for (const name of LISTED)
    ofctl.print(`  ${name.padEnd(23)} ${COMMANDS.find((c) => c.name === name)?.usage ?? ''}`);
});

const COMMANDS: readonly OfctlCommand[] = [
  ...SWITCH_COMMANDS,
  ...MONITOR_COMMANDS,
  ...FLOW_COMMANDS,
  ...FLOW_DIFF_COMMANDS,
  ...METER_COMMANDS,
  packetOut,
  ...CONFIG_COMMANDS,
  ...PRINT_COMMANDS,
  ...GROUP_COMMANDS,
  ...TLV_COMMANDS,
  help,
  listCommands,
  ...PARSE_COMMANDS,
  ...HIDDEN_PRINT_COMMANDS,
  ...PACKET_COMMANDS,
];

async function printUsage(io: ToolIo): Promise<void> {
  const { usage } = await import('./usage.ts');
  io.out(usage(io));
}

/** All options, as `--option` lists them. */
function printOptions(io: ToolIo): void {
  for (const spec of Object.values(OFCTL_OPTIONS) as { long: string; short?: string; arg?: string }[]) {
    const arg = spec.arg === 'required' ? 'ARG' : spec.arg === 'optional' ? '[ARG]' : '';
    io.out(`--${spec.long}${arg && `=${arg}`}\n`);
    if (spec.short !== undefined) io.out(`-${spec.short} ${arg}\n`);
  }
}

/**
 * Runs the command in `args`.
 * @param service what a command that stays needs of the process
 * @returns the exit status @throws ToolError
 */
export async function runOfctl(
  io: ToolIo,
  options: readonly ParsedOption<string>[],
  args: readonly string[],
  service?: Service,
): Promise<number> {
  const timeout = options.findLast((o) => o.id === 'timeout')?.value;
  const settings = settingsOf(io, options);
  applyTlsOptions(io.host.streams, options);
  if (timeout !== undefined) armTimeout(io, timeout);
  const [name, ...words] = args;
  if (name === undefined) throw new ToolError('missing command name; use --help for help');
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) throw new ToolError(`unknown command '${name}'; use --help for help`);
  if (words.length < command.minArgs)
    throw new ToolError(`'${name}' command requires at least ${command.minArgs} arguments`);
  if (words.length > command.maxArgs)
    throw new ToolError(`'${name}' command takes at most ${command.maxArgs} arguments`);
  if (command.writes && settings.readOnly)
    throw new ToolError(`'${name}' command does not work in read only mode`);
  try {
    await command.run(new Ofctl(io, settings, service), words);
    return 0;
  } catch (error) {
    if (error instanceof Exit) return error.status;
    // What the version that was agreed on cannot say.
    if (error instanceof OfpError) throw new ToolError(error.message);
    throw error;
  }
}

export const ovsOfctl: Tool = async (argv, io) => {
  const { options, args } = parseOptions<string>(argv, OFCTL_OPTIONS);
  for (const { id, value } of options) {
    if (id === 'help') {
      await printUsage(io);
      return 0;
    }
    if (id === 'version') {
      io.out(`${versionText(io.program)}OpenFlow versions 0x1:0x6\n`);
      return 0;
    }
    if (id === 'option') {
      printOptions(io);
      return 0;
    }
    applyLogOption(io, id, value);
  }
  return await runOfctl(io, options, args);
};
