/** The command line of ovs-vswitchd. */
import type { OptionSpec, ParsedOption } from '../base/getopt.ts';
import type { TlsSettings } from '../base/host.ts';
import { streamUsage } from '../base/stream-usage.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS, tlsSettings } from '../base/tls-options.ts';
import type { DummyLevel } from '../datapath/dummy/provider.ts';

export const VSWITCHD_OPTIONS = {
  ...TLS_OPTIONS,
  ...BOOTSTRAP_OPTIONS,
  enableDummy: { long: 'enable-dummy', arg: 'optional' },
  disableSystem: { long: 'disable-system' },
  disableSystemRoute: { long: 'disable-system-route' },
  dpdk: { long: 'dpdk', arg: 'optional' },
  dummyNuma: { long: 'dummy-numa', arg: 'required' },
  hwRawioAccess: { long: 'hw-rawio-access' },
} as const satisfies Record<string, OptionSpec>;

export interface VswitchdSettings {
  /** Of the database. */
  readonly remote: string;
  readonly dummy: DummyLevel | undefined;
  readonly disableSystem: boolean;
  readonly tls: TlsSettings;
}

/** @throws Error with the message for the user */
export function vswitchdSettings(
  options: readonly ParsedOption<keyof typeof VSWITCHD_OPTIONS>[],
  args: readonly string[],
  runDir: string,
): VswitchdSettings {
  let dummy: DummyLevel | undefined;
  let disableSystem = false;
  for (const { id, value } of options) {
    if (id === 'enableDummy') dummy = value === 'override' || value === 'system' ? value : 'add';
    else if (id === 'disableSystem') disableSystem = true;
    else if (id === 'dpdk') throw new Error('Using --dpdk to configure DPDK is not supported.');
  }
  if (args.length > 1) throw new Error('at most one non-option argument accepted; use --help for usage');
  return {
    remote: args[0] ?? `unix:${runDir}/db.sock`,
    dummy,
    disableSystem,
    tls: tlsSettings(options),
  };
}

export const vswitchdUsage = (program: string, runDir: string, daemonUsage: string): string =>
  `${program}: Open vSwitch daemon
usage: ${program} [OPTIONS] [DATABASE]
where DATABASE is a socket on which ovsdb-server is listening
      (default: "unix:${runDir}/db.sock").
${streamUsage('DATABASE', false, true)}${daemonUsage}
DPDK options:
Configuration of DPDK via command-line is removed from this
version of Open vSwitch. DPDK is configured through ovsdb.

Other options:
  --unixctl=SOCKET          override default control socket name
  -h, --help                display this help message
  -V, --version             display version information
`;
