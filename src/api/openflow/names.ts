/** Names of ports and tables, which switches have and messages do not. */
import type { NameMap } from '../../flow/ports.ts';

/** Names to print and to accept. */
export interface TextOptions {
  readonly portNames?: NameMap | undefined;
  readonly tableNames?: NameMap | undefined;
}

/**
 * Names by number, e.g. from a port_desc_stats_reply: `createNames(ports.map((p) => [p.portNo, p.name]))`.
 * A name that two numbers have is neither printed nor accepted.
 */
export function createNames(names: Iterable<readonly [number: number, name: string]>): NameMap {
  const byNumber = new Map<number, string>(names);
  const byName = new Map<string, number | undefined>();
  for (const [number, name] of byNumber) byName.set(name, byName.has(name) ? undefined : number);
  return {
    nameOf: (number) => {
      const name = byNumber.get(number);
      return name !== undefined && byName.get(name) !== undefined ? name : undefined;
    },
    numberOf: (name) => byName.get(name),
  };
}
