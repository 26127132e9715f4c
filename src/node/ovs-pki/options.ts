/** The command line of ovs-pki. */
import path from 'node:path';
import { type OptionSpec, parseOptions } from '../../base/getopt.ts';
import { ToolError } from '../../ctl/tool.ts';

const OPTIONS = {
  key: { long: 'key', short: 'k', arg: 'required' },
  bits: { long: 'bits', short: 'B', arg: 'required' },
  dsaparam: { long: 'dsaparam', short: 'D', arg: 'required' },
  batch: { long: 'batch', short: 'b' },
  dir: { long: 'dir', short: 'd', arg: 'required' },
  force: { long: 'force', short: 'f' },
  log: { long: 'log', short: 'l', arg: 'required' },
  unique: { long: 'unique', short: 'u' },
  help: { long: 'help', short: 'h' },
  version: { long: 'version', short: 'V' },
} as const satisfies Record<string, OptionSpec>;

const DEFAULT_PKI_DIR = '/var/lib/openvswitch/pki';
const DEFAULT_BITS = 3072;
/** Fewer are not safe any more. */
const MIN_BITS = 2048;

export interface PkiSettings {
  readonly keyType: 'rsa' | 'dsa';
  readonly bits: number;
  readonly dsaparam: string;
  /** Do not ask whether a fingerprint is right. */
  readonly batch: boolean;
  readonly dir: string;
  readonly force: boolean;
  /** Where the output of openssl goes. */
  readonly log: string;
  /** Names are unique by themselves: append nothing to them. */
  readonly unique: boolean;
}

export interface PkiCommandLine {
  readonly settings: PkiSettings;
  readonly command: string;
  readonly args: readonly string[];
}

/** @returns 'help' or 'version' when that is asked for. @throws UsageError, ToolError */
export function pkiCommandLine(argv: readonly string[], logDir: string): PkiCommandLine | 'help' | 'version' {
  const { options, args } = parseOptions(argv, OPTIONS);
  const has = (id: keyof typeof OPTIONS): boolean => options.some((o) => o.id === id);
  const last = (id: keyof typeof OPTIONS): string | undefined => options.findLast((o) => o.id === id)?.value;
  const asked = options.find(({ id }) => id === 'help' || id === 'version')?.id;
  if (asked === 'help' || asked === 'version') return asked;
  const [command, ...rest] = args;
  if (rest.length > 2) throw new ToolError(`${rest[2]}: only two arguments may be specified`);
  if (command === undefined) throw new ToolError('missing command name; use --help for help');
  const keyType = last('key') ?? 'rsa';
  if (keyType !== 'rsa' && keyType !== 'dsa')
    throw new ToolError('argument to -k or --key must be rsa or dsa');
  const bits = Number(last('bits') ?? DEFAULT_BITS);
  if (!(bits >= MIN_BITS)) throw new ToolError(`argument to -B or --bits must be at least ${MIN_BITS}`);
  const dir = last('dir') ?? DEFAULT_PKI_DIR;
  return {
    settings: {
      keyType,
      bits,
      dsaparam: last('dsaparam') ?? path.join(dir, 'dsaparam.pem'),
      batch: has('batch'),
      dir,
      force: has('force'),
      log: path.resolve(last('log') ?? path.join(logDir, 'ovs-pki.log')),
      unique: has('unique'),
    },
    command,
    args: rest,
  };
}

export const pkiUsage = (
  program: string,
  logDir: string,
): string => `ovs-pki, for managing a simple OpenFlow public key infrastructure
usage: ${program} [OPTION...] COMMAND [ARG...]

The valid stand-alone commands and their arguments are:
  init                 Initialize the PKI
  req NAME             Create new private key and certificate request
                       named NAME-privkey.pem and NAME-req.pem, resp.
  sign NAME [TYPE]     Sign switch certificate request NAME-req.pem,
                       producing certificate NAME-cert.pem
  req+sign NAME [TYPE] Combine the above two steps, producing all three files.
  verify NAME [TYPE]   Checks that NAME-cert.pem is a valid TYPE certificate
  fingerprint FILE     Prints the fingerprint for FILE
  self-sign NAME       Sign NAME-req.pem with NAME-privkey.pem,
                       producing self-signed certificate NAME-cert.pem
Each TYPE above is a certificate type: 'switch' (default) or 'controller'.

Options for 'init', 'req', and 'req+sign' only:
  -k, --key=rsa|dsa    Type of keys to use (default: rsa)
  -B, --bits=NBITS     Number of bits in keys (default: ${DEFAULT_BITS}).  For DSA keys,
                         this has an effect only on 'init'.
  -D, --dsaparam=FILE  File with DSA parameters (DSA only)
                         (default: dsaparam.pem within PKI directory)
Options for use with the 'sign' command:
  -b, --batch          Skip fingerprint verification
Options that apply to any command:
  -d, --dir=DIR        Directory where the PKI is located
                         (default: ${DEFAULT_PKI_DIR})
  -f, --force          Continue even if file or directory already exists
  -l, --log=FILE       Log openssl output to FILE
                         (default: ${logDir}/ovs-pki.log)
  -u, --unique         NAME is unique (don't append UUID/date)
  -h, --help           Print this usage message.
  -V, --version        Display version information.
`;
