/** Mirror rows as settings of a bridge's forwarding. */
import { SystemError } from '../base/host.ts';
import { vlog } from '../base/vlog.ts';
import { parseMatch } from '../flow/match/parse.ts';
import type { Bundle } from '../ofproto/dpif/bundle.ts';
import type { MirrorSettings } from '../ofproto/dpif/mirrors.ts';
import type { OfprotoDpif } from '../ofproto/dpif/ofproto-dpif.ts';
import type { OvsRow } from './configuration.ts';

const log = vlog('bridge');

/** Brings a bridge's mirrors in line with its row. @param known the keys of the mirrors that it has */
export function configureMirrors(bridge: OfprotoDpif, row: OvsRow<'Bridge'>, known: Set<string>): void {
  const wanted = new Map(row.mirrors.map((mirror) => [mirror._uuid, mirror]));
  for (const key of known) if (!wanted.has(key)) remove(bridge, key, known);
  for (const [key, mirror] of wanted) {
    const settings = mirrorSettings(bridge, mirror);
    if (!settings) {
      remove(bridge, key, known);
      continue;
    }
    known.add(key);
    try {
      bridge.mirrorSet(key, settings);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.err(`bridge ${bridge.name}: mirror ${mirror.name} configuration is invalid`);
    }
  }
}

function remove(bridge: OfprotoDpif, key: string, known: Set<string>): void {
  bridge.mirrorDelete(key);
  known.delete(key);
}

function mirrorSettings(bridge: OfprotoDpif, row: OvsRow<'Mirror'>): MirrorSettings | undefined {
  const what = `bridge ${bridge.name}: mirror ${row.name}`;
  let outBundle: Bundle | undefined;
  if (row.output_port) {
    outBundle = bridge.bundleByName(row.output_port.name);
    if (!outBundle) {
      log.err(`${what} outputs to port not on bridge`);
      return undefined;
    }
    if (row.output_vlan !== undefined)
      log.err(`${what} specifies both output port and output vlan; ignoring output vlan`);
  } else if (row.output_vlan === undefined) {
    log.err(`${what} does not specify output; ignoring`);
    return undefined;
  }
  const bundles = (ports: readonly OvsRow<'Port'>[]): ReadonlySet<Bundle> => {
    const found = new Set<Bundle>();
    for (const { name } of ports) {
      const bundle = bridge.bundleByName(name);
      if (bundle) found.add(bundle);
      else log.warn(`${what} cannot match on nonexistent port ${name}`);
    }
    return found;
  };
  const all = row.select_all ? new Set(bridge.bundles()) : undefined;
  let filter: MirrorSettings['filter'];
  if (row.filter !== undefined) {
    try {
      filter = parseMatch(row.filter).match;
    } catch (error) {
      log.warn(`${what} configuration is invalid: ${(error as Error).message}`);
      return undefined;
    }
  }
  return {
    name: row.name,
    sources: all ?? bundles(row.select_src_port),
    destinations: all ?? bundles(row.select_dst_port),
    vlans: row.select_vlan.length > 0 ? new Set(row.select_vlan) : undefined,
    outBundle,
    outVlan: outBundle ? 0xffff : row.output_vlan!,
    snaplen: row.snaplen ?? 0,
    filter,
  };
}
