/**
 * ovs-dpctl: looks into the kernel's datapaths, and changes them, below the switch. See ovs-dpctl(8).
 *
 * There is no kernel datapath here yet: what looks for one finds none, as on a machine without the kernel's module.
 * The commands that only read and print text work.
 */
import { parseOptions } from '../../base/getopt.ts';
import { SystemError } from '../../base/host.ts';
import { versionText } from '../../base/version.ts';
import { Datapaths } from '../../datapath/datapaths.ts';
import { NetdevRegistry } from '../../datapath/netdev-registry.ts';
import { Backers } from '../../ofproto/dpif/backer.ts';
import { DPCTL_COMMANDS } from '../../ofproto/dpif/dpctl.ts';
import { DPCTL_PROGRAM, DpctlError, type DpctlWorld } from '../../ofproto/dpif/dpctl-arguments.ts';
import { applyLogOption, LOG_OPTIONS } from '../log-options.ts';
import { armTimeout } from '../timeout.ts';
import { type Tool, ToolError, type ToolIo } from '../tool.ts';

/** In the order in which `--option` lists them. */
const OPTIONS = {
  statistics: { long: 'statistics', short: 's' },
  clear: { long: 'clear' },
  mayCreate: { long: 'may-create' },
  readOnly: { long: 'read-only' },
  more: { long: 'more', short: 'm' },
  names: { long: 'names' },
  noNames: { long: 'no-names' },
  timeout: { long: 'timeout', short: 't', arg: 'required' },
  help: { long: 'help', short: 'h' },
  option: { long: 'option', short: 'o' },
  version: { long: 'version', short: 'V' },
  ...LOG_OPTIONS,
} as const;

/** Commands that only look. */
const READS =
  /^(dump-|show$|get-flow$|offload-stats-show$|ct-(stats-show|bkts|get-|set-limits|del-limits)|cache-get-size$|ipf-get-status$|parse-actions$|normalize-actions$)/;

function worldWithoutDatapaths(io: ToolIo): DpctlWorld {
  const { loop, random } = io.host;
  const none = (): never => {
    throw new SystemError('ENOENT');
  };
  const devices = new NetdevRegistry();
  const datapaths = new Datapaths({ make: none, localPortType: () => undefined }, devices);
  return { datapaths, devices, backers: new Backers(loop, random, none), loop };
}

export const ovsDpctl: Tool = async (argv, io) => {
  const { options, args } = parseOptions(argv, OPTIONS);
  const settings = { verbose: false, statistics: false, names: false };
  let names: boolean | undefined;
  let readOnly = false;
  for (const { id, value } of options) {
    switch (id) {
      case 'help': {
        const { usage } = await import('./usage.ts');
        io.out(usage(io));
        return 0;
      }
      case 'version':
        io.out(versionText(io.program));
        return 0;
      case 'timeout':
        armTimeout(io, value!);
        break;
      case 'statistics':
        settings.statistics = true;
        break;
      case 'more':
        settings.verbose = true;
        break;
      case 'names':
      case 'noNames':
        names = id === 'names';
        break;
      case 'readOnly':
        readOnly = true;
        break;
      default:
        applyLogOption(io, id, value);
    }
  }
  settings.names = names ?? settings.verbose;
  const [name, ...words] = args;
  if (name === undefined) throw new ToolError('missing command name; use --help for help');
  const command = DPCTL_COMMANDS.find(([known]) => known === name);
  if (!command) throw new ToolError(`unknown command '${name}'; use --help for help`);
  const [, , min, max, run] = command;
  if (words.length < min) throw new ToolError(`'${name}' command requires at least ${min} arguments`);
  if (words.length > max) throw new ToolError(`'${name}' command takes at most ${max} arguments`);
  if (readOnly && !READS.test(name)) throw new ToolError(`'${name}' command does not work in read only mode`);
  try {
    io.out(await run(worldWithoutDatapaths(io), words, settings));
    return 0;
  } catch (error) {
    if (!(error instanceof DpctlError)) throw error;
    io.err(error.message.replaceAll(DPCTL_PROGRAM, `${io.program}: `));
    return 1;
  }
};
