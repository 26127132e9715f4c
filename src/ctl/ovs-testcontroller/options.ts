/** The command line of ovs-testcontroller. See ovs-testcontroller(8). */
import type { OptionSpec, ParsedOption } from '../../base/getopt.ts';
import { atoi, hexDigit } from '../../base/parse.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS } from '../../base/tls-options.ts';
import { OFPFW10 } from '../../flow/match/of10.ts';
import {
  formatVersionNames,
  parseVersions,
  SUPPORTED_VERSIONS,
  type VersionBitmap,
} from '../../openflow/version.ts';
import { logUsage } from '../log-options.ts';
import { ToolError } from '../tool.ts';

export const TESTCONTROLLER_OPTIONS = {
  hub: { long: 'hub', short: 'H' },
  noFlow: { long: 'noflow', short: 'n' },
  normal: { long: 'normal', short: 'N' },
  wildcards: { long: 'wildcards', short: 'w', arg: 'optional' },
  maxIdle: { long: 'max-idle', arg: 'required' },
  mute: { long: 'mute' },
  queue: { long: 'queue', short: 'q', arg: 'required' },
  portQueue: { long: 'port-queue', short: 'Q', arg: 'required' },
  withFlows: { long: 'with-flows', arg: 'required' },
  protocols: { long: 'protocols', short: 'O', arg: 'required' },
  peerCaCert: BOOTSTRAP_OPTIONS.peerCaCert,
  ...TLS_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

export interface TestcontrollerSettings {
  /** What is done with a packet to a known address: learned, flooded as by a hub, or left to the switch. */
  readonly mode: 'learn' | 'flood' | 'normal';
  /** OFPFW10 bits of what flows do not match on. */
  readonly wildcards: number;
  /** Seconds, 0 for ever; undefined: every packet is the controller's. */
  readonly maxIdle: number | undefined;
  readonly mute: boolean;
  /** Queue of packets, undefined for none. */
  readonly defaultQueue: number | undefined;
  /** By the name of the port that packets came from. */
  readonly portQueues: ReadonlyMap<string, number>;
  /** Files of flows that every switch gets. */
  readonly flowFiles: readonly string[];
  /** OpenFlow versions that may be spoken; 0 for all. */
  readonly versions: VersionBitmap;
}

const OFP_FLOW_PERMANENT = 0;
const DEFAULT_MAX_IDLE_S = 60;
/** As many fields as learning by addresses allows: not the port, addresses and VLAN. */
const L2_WILDCARDS =
  OFPFW10.DL_TYPE |
  OFPFW10.DL_VLAN_PCP |
  (32 << OFPFW10.NW_SRC_SHIFT) |
  (32 << OFPFW10.NW_DST_SHIFT) |
  OFPFW10.NW_TOS |
  OFPFW10.NW_PROTO |
  OFPFW10.TP_SRC |
  OFPFW10.TP_DST;

/** strtol(3) in base 16; 0 for a text without a number. */
function hexNumber(text: string): number {
  let n = 0;
  for (let i = /^0x/i.test(text) ? 2 : 0; i < text.length; i++) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit > 15) break;
    n = n * 16 + digit;
  }
  return n > 0xffff_ffff ? 0xffff_ffff : n;
}

function parseMaxIdle(text: string): number {
  if (text === 'permanent') return OFP_FLOW_PERMANENT;
  const seconds = atoi(text);
  if (seconds < 1 || seconds > 65535)
    throw new ToolError("--max-idle argument must be between 1 and 65535 or the word 'permanent'");
  return seconds;
}

function addPortQueue(queues: Map<string, number>, text: string): void {
  const found = /^:*([^:]+):(.+)$/.exec(text);
  if (!found)
    throw new ToolError('argument to -Q or --port-queue should take the form "<port-name>:<queue-id>"');
  if (queues.has(found[1]!))
    throw new ToolError('<port-name> arguments for -Q or --port-queue must be unique');
  queues.set(found[1]!, atoi(found[2]!) >>> 0);
}

/** @param warn gets what is said of options that do not go together @throws ToolError */
export function testcontrollerSettings(
  options: readonly ParsedOption<keyof typeof TESTCONTROLLER_OPTIONS>[],
  warn: (message: string) => void,
): TestcontrollerSettings {
  let hub = false;
  let normal = false;
  let noFlow = false;
  let mute = false;
  let wildcards = 0;
  let maxIdle = DEFAULT_MAX_IDLE_S;
  let defaultQueue: number | undefined;
  let versions: VersionBitmap = 0;
  const portQueues = new Map<string, number>();
  const flowFiles: string[] = [];
  for (const { id, value } of options) {
    switch (id) {
      case 'hub':
        hub = true;
        break;
      case 'noFlow':
        noFlow = true;
        break;
      case 'normal':
        normal = true;
        break;
      case 'wildcards':
        wildcards = value === undefined ? L2_WILDCARDS : hexNumber(value);
        // All ones stand for the default.
        if (wildcards === 0xffff_ffff) wildcards = L2_WILDCARDS;
        break;
      case 'maxIdle':
        maxIdle = parseMaxIdle(value!);
        break;
      case 'mute':
        mute = true;
        break;
      case 'queue':
        defaultQueue = atoi(value!) >>> 0;
        break;
      case 'portQueue':
        addPortQueue(portQueues, value!);
        break;
      case 'withFlows':
        flowFiles.push(value!);
        break;
      case 'protocols':
        try {
          versions = parseVersions(value!);
        } catch (error) {
          throw new ToolError((error as Error).message);
        }
        break;
    }
  }
  if (portQueues.size > 0 || defaultQueue !== undefined) {
    if (normal) warn('queue IDs are incompatible with -N or --normal; not using OFPP_NORMAL');
    if (hub) warn('queue IDs are incompatible with -H or --hub; not acting as hub');
    hub = normal = false;
  }
  return {
    mode: normal ? 'normal' : hub ? 'flood' : 'learn',
    wildcards,
    maxIdle: noFlow ? undefined : maxIdle,
    mute,
    defaultQueue,
    portQueues,
    flowFiles,
    versions,
  };
}

export const testcontrollerUsage = (program: string, runDir: string, logDir: string): string =>
  `${program}: OpenFlow controller
usage: ${program} [OPTIONS] METHOD
where METHOD is any OpenFlow connection method.

Active OpenFlow connection methods:
  tcp:HOST[:PORT]         PORT (default: 6653) at remote HOST
  ssl:HOST[:PORT]         SSL/TLS PORT (default: 6653) at remote HOST
  unix:FILE               Unix domain socket named FILE
Passive OpenFlow connection methods:
  ptcp:[PORT][:IP]        listen to TCP PORT (default: 6653) on IP
  pssl:[PORT][:IP]        listen for SSL/TLS on PORT (default: 6653) on IP
  punix:FILE              listen on Unix domain socket FILE
PKI configuration (required to use SSL/TLS):
  -p, --private-key=FILE  file with private key
  -c, --certificate=FILE  file with certificate for private key
  -C, --ca-cert=FILE      file with peer CA certificate

Daemon options:
  --detach                run in background as daemon
  --monitor               creates a process to monitor this daemon
  --user=username[:group] changes the effective daemon user:group
  --no-chdir              do not chdir to '/'
  --pidfile[=FILE]        create pidfile (default: ${runDir}/${program}.pid)
  --overwrite-pidfile     with --pidfile, start even if already running

OpenFlow version options:
  -V, --version           display version information
  -O, --protocols         set allowed OpenFlow versions
                          (default: ${formatVersionNames(SUPPORTED_VERSIONS)})
${logUsage(`${logDir}/${program}.log`)}
Other options:
  -H, --hub               act as hub instead of learning switch
  -n, --noflow            pass traffic, but don't add flows
  --max-idle=SECS         max idle time for new flows
  -N, --normal            use OFPP_NORMAL action
  -w, --wildcards[=MASK]  wildcard (specified) bits in flows
  -q, --queue=QUEUE-ID    OpenFlow queue ID to use for output
  -Q PORT-NAME:QUEUE-ID   use QUEUE-ID for frames from PORT-NAME
  --with-flows FILE       use the flows from FILE
  --unixctl=SOCKET        override default control socket name
  -h, --help              display this help message
  -V, --version           display version information
`;
