/** What the dpctl commands share: options, the datapath that they work on, and failures in the words of the C tool. */
import { SystemError } from '../../base/host.ts';
import type { Loop } from '../../base/loop.ts';
import { UnixctlError } from '../../base/unixctl.ts';
import type { Datapaths } from '../../datapath/datapaths.ts';
import type { Dpif } from '../../datapath/dpif-provider.ts';
import type { NetdevRegistry } from '../../datapath/netdev-registry.ts';
import type { NameMap } from '../../flow/ports.ts';
import type { Backers } from './backer.ts';

/** All that dpctl looks into. */
export interface DpctlWorld {
  readonly datapaths: Datapaths;
  readonly devices: NetdevRegistry;
  readonly backers: Backers;
  readonly loop: Loop;
}

export interface DpctlOptions {
  verbose: boolean;
  statistics: boolean;
  names: boolean;
}

export type DpctlCommand = (
  world: DpctlWorld,
  args: string[],
  options: DpctlOptions,
) => string | Promise<string>;

/** A failure, in the words of the C tool. */
export class DpctlError extends Error {}

/** How lines of failures begin: with the program that runs dpctl. The tool puts its own name there. */
export const DPCTL_PROGRAM = 'ovs-vswitchd: ';

/** A line of the text of a failure. */
export const complaint = (text: string, error?: unknown): string =>
  `${DPCTL_PROGRAM}${text}${error instanceof SystemError ? ` (${error.message})` : ''}\n`;

export const fail = (text: string, error?: unknown): never => {
  throw new DpctlError(complaint(text, error));
};

/** Options stand before the other arguments. */
export function parseOptions(args: readonly string[]): { options: DpctlOptions; rest: string[] } {
  const options: DpctlOptions = { verbose: false, statistics: false, names: false };
  let names: boolean | undefined;
  const rest = [...args];
  while (rest[0]?.startsWith('-') && rest[0] !== '-') {
    const arg = rest.shift()!;
    if (arg === '--statistics') options.statistics = true;
    else if (arg === '--clear' || arg === '--may-create') continue;
    else if (arg === '--more') options.verbose = true;
    else if (arg === '--names') names = true;
    else if (arg === '--no-names') names = false;
    else if (arg.startsWith('--')) throw new UnixctlError(`Unrecognized option ${arg}`);
    else {
      for (const letter of arg.slice(1)) {
        if (letter === 'm') options.verbose = true;
        else if (letter === 's') options.statistics = true;
        else throw new UnixctlError(`Unrecognized option -${letter}`);
      }
    }
  }
  options.names = names ?? options.verbose;
  return { options, rest };
}

/** Type and name of a datapath, written TYPE@NAME or NAME. */
export function splitName(text: string): { type: string; name: string } {
  const at = text.indexOf('@');
  return at < 0
    ? { type: 'system', name: text }
    : { type: text.slice(0, at) || 'system', name: text.slice(at + 1) };
}

/** The datapath of that name; one without a type is looked for among all. */
export function findDatapath({ datapaths }: DpctlWorld, text: string): Dpif | undefined {
  const { type, name } = splitName(text);
  const exact = datapaths.find(type, name);
  return exact ?? (text.includes('@') ? undefined : datapaths.all().find((dpif) => dpif.name === text));
}

/** The datapath that the first argument names, or the only one. */
export function openDatapath(world: DpctlWorld, rest: string[], maxArgs: number): Dpif {
  const named = rest[0] === undefined ? undefined : findDatapath(world, rest[0]);
  if (named) {
    rest.shift();
    return named;
  }
  const all = world.datapaths.all();
  const notFound = (first: string): never => {
    throw new DpctlError(first + complaint('datapath not found', new SystemError('EINVAL')));
  };
  if (rest.length >= maxArgs) return notFound('');
  if (all.length === 0) return notFound(complaint('no datapaths exist'));
  if (all.length > 1) return notFound(complaint('multiple datapaths, specify one'));
  return all[0]!;
}

/** Names of a datapath's ports. */
export function portNames(dpif: Dpif): NameMap {
  const ports = dpif.ports();
  return {
    nameOf: (n) => ports.find((p) => p.portNo === n)?.name,
    numberOf: (name) => ports.find((p) => p.name === name)?.portNo,
  };
}
