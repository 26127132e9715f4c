/** The options of ovs-ofctl and what they say. See ovs-ofctl(8), "OPTIONS". */
import { type Colors, makeColors, NO_COLORS } from '../../base/colors.ts';
import type { OptionSpec, ParsedOption } from '../../base/getopt.ts';
import { TLS_OPTIONS } from '../../base/tls-options.ts';
import { type Field, fieldByName } from '../../flow/fields.ts';
import type { PacketInFormat } from '../../openflow/messages/message.ts';
import {
  formatVersionNames,
  OFP10,
  OFP14,
  P,
  type Protocols,
  parseProtocols,
  parseVersions,
  protocolsToString,
  protocolsToVersions,
  type VersionBitmap,
  versionsToProtocols,
} from '../../openflow/version.ts';
import { LOG_OPTIONS } from '../log-options.ts';
import { ToolError, type ToolIo } from '../tool.ts';

/** In the order in which `--option` lists them. */
export const OFCTL_OPTIONS = {
  timeout: { long: 'timeout', short: 't', arg: 'required' },
  strict: { long: 'strict' },
  readd: { long: 'readd' },
  flowFormat: { long: 'flow-format', short: 'F', arg: 'required' },
  packetInFormat: { long: 'packet-in-format', short: 'P', arg: 'required' },
  more: { long: 'more', short: 'm' },
  timestamp: { long: 'timestamp' },
  sort: { long: 'sort', arg: 'optional' },
  rsort: { long: 'rsort', arg: 'optional' },
  names: { long: 'names' },
  noNames: { long: 'no-names' },
  stats: { long: 'stats' },
  noStats: { long: 'no-stats' },
  unixctl: { long: 'unixctl', arg: 'required' },
  help: { long: 'help', short: 'h' },
  option: { long: 'option', short: 'o' },
  bundle: { long: 'bundle' },
  color: { long: 'color', arg: 'optional' },
  mayCreate: { long: 'may-create' },
  pcap: { long: 'pcap' },
  bare: { long: 'bare' },
  badCsum: { long: 'bad-csum' },
  raw: { long: 'raw' },
  readOnly: { long: 'read-only' },
  detach: { long: 'detach' },
  noSelfConfinement: { long: 'no-self-confinement' },
  noChdir: { long: 'no-chdir' },
  pidfile: { long: 'pidfile', arg: 'optional' },
  overwritePidfile: { long: 'overwrite-pidfile' },
  monitor: { long: 'monitor' },
  user: { long: 'user', arg: 'required' },
  version: { long: 'version', short: 'V' },
  protocols: { long: 'protocols', short: 'O', arg: 'required' },
  ...LOG_OPTIONS,
  ...TLS_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

export type OfctlOptionId = keyof typeof OFCTL_OPTIONS;

/** What flows are sorted by: a field, or the priority. */
export interface SortCriterion {
  readonly field: Field | undefined;
  readonly descending: boolean;
}

export interface Settings {
  /** OpenFlow versions that connections may use. */
  versions: VersionBitmap;
  /** Flow formats that may be used. */
  protocols: Protocols;
  readonly packetInFormat: PacketInFormat | undefined;
  readonly verbosity: number;
  readonly strict: boolean;
  readonly readd: boolean;
  readonly mayCreate: boolean;
  readonly bundle: boolean;
  readonly timestamp: boolean;
  readonly sort: readonly SortCriterion[];
  /** undefined: names are accepted, and shown on a terminal. */
  names: boolean | undefined;
  readonly stats: boolean;
  readonly pcap: boolean;
  readonly bare: boolean;
  readonly badChecksum: boolean;
  readonly raw: boolean;
  readonly readOnly: boolean;
  readonly colors: Colors;
}

const PACKET_IN_FORMATS: Readonly<Record<string, PacketInFormat>> = {
  standard: 'standard',
  openflow10: 'standard',
  nxt_packet_in: 'nxt_packet_in',
  nxm: 'nxt_packet_in',
  nxt_packet_in2: 'nxt_packet_in2',
};

function sortCriterion(name: string | undefined, descending: boolean): SortCriterion {
  if (name === undefined || name.toLowerCase() === 'priority') return { field: undefined, descending };
  const field = fieldByName(name);
  if (!field) throw new ToolError(`${name}: unknown field name`);
  return { field, descending };
}

function wantsColor(value: string | undefined, isTty: boolean): boolean {
  switch ((value ?? 'auto').toLowerCase()) {
    case 'always':
    case 'yes':
    case 'force':
      return true;
    case 'never':
    case 'no':
    case 'none':
      return false;
    case 'auto':
    case 'tty':
    case 'if-tty':
      return isTty;
    default:
      throw new ToolError(`incorrect value \`${value}' for --color`);
  }
}

/** Runs a parser of an option's value. */
function orFatal<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new ToolError((error as Error).message);
  }
}

/**
 * With bundles, which older versions do not have: OpenFlow 1.4 when none of the allowed ones will do.
 * Flow mods mean something else in each version, so it is not simply added.
 */
export function allowBundles(versions: VersionBitmap): VersionBitmap {
  const capable = protocolsToVersions(P.OF13_UP);
  return versions & capable ? versions : (versions | (1 << OFP14)) & capable;
}

/** @throws ToolError */
export function settingsOf(io: ToolIo, options: readonly ParsedOption<string>[]): Settings {
  // Flow mods mean something else in each version, so newer ones have to be asked for.
  let versions: VersionBitmap = 1 << OFP10;
  let protocols: Protocols = P.ANY;
  let packetInFormat: PacketInFormat | undefined;
  let verbosity = 0;
  let names: boolean | undefined;
  let stats = true;
  let color = false;
  const sort: SortCriterion[] = [];
  for (const { id, value } of options) {
    switch (id as OfctlOptionId) {
      case 'protocols':
        versions = orFatal(() => parseVersions(value!));
        break;
      case 'flowFormat':
        protocols = orFatal(() => parseProtocols(value!));
        break;
      case 'packetInFormat':
        packetInFormat = Object.hasOwn(PACKET_IN_FORMATS, value!) ? PACKET_IN_FORMATS[value!] : undefined;
        if (packetInFormat === undefined) throw new ToolError(`unknown packet-in format \`${value}'`);
        break;
      case 'more':
        verbosity++;
        break;
      case 'sort':
      case 'rsort':
        sort.push(sortCriterion(value, id === 'rsort'));
        break;
      case 'names':
      case 'noNames':
        names = id === 'names';
        break;
      case 'stats':
      case 'noStats':
        stats = id === 'stats';
        break;
      case 'color':
        color = wantsColor(value, io.isTty);
        break;
    }
  }
  const has = (id: OfctlOptionId): boolean => options.some((o) => o.id === id);
  if (sort.length > 0) sort.push({ field: undefined, descending: true });
  const bundle = has('bundle');
  if (versions === 0) versions = protocolsToVersions(P.ANY);
  if (bundle) versions = allowBundles(versions);
  const allowed = protocols & versionsToProtocols(versions);
  if (allowed === 0) {
    throw new ToolError(
      `None of the enabled OpenFlow versions (${formatVersionNames(versions)}) supports any of the enabled flow ` +
        `formats (${protocolsToString(protocols)}).  (Use -O to enable additional OpenFlow versions or -F to ` +
        'enable additional flow formats.)',
    );
  }
  return {
    versions: versions & protocolsToVersions(allowed),
    protocols: allowed,
    packetInFormat,
    verbosity,
    strict: has('strict'),
    readd: has('readd'),
    mayCreate: has('mayCreate'),
    bundle,
    timestamp: has('timestamp'),
    sort,
    names,
    stats,
    pcap: has('pcap'),
    bare: has('bare'),
    badChecksum: has('badCsum'),
    raw: has('raw'),
    readOnly: has('readOnly'),
    colors: color ? makeColors(io.env['OVS_COLORS']) : NO_COLORS,
  };
}
