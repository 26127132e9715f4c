/** Port rows as the forwarding side takes them. */
import { vlog } from '../base/vlog.ts';
import type { BundleSettings, PriorityTags, VlanMode } from '../ofproto/dpif/bundle.ts';
import type { OvsRow } from './configuration.ts';
import type { Iface } from './iface.ts';

const log = vlog('bridge');

/** A port that is wanted: a row, or the local port that a bridge with controllers needs and nobody configured. */
export interface PortConfig {
  readonly name: string;
  readonly row: OvsRow<'Port'> | undefined;
  readonly interfaces: readonly IfaceConfig[];
}

export interface IfaceConfig {
  readonly name: string;
  readonly row: OvsRow<'Interface'> | undefined;
}

export const portConfig = (row: OvsRow<'Port'>): PortConfig => ({
  name: row.name,
  row,
  interfaces: row.interfaces.map((iface) => ({ name: iface.name, row: iface })),
});

/** The local port of a bridge that has none. */
export const syntheticLocalPort = (name: string): PortConfig => ({
  name,
  row: undefined,
  interfaces: [{ name, row: undefined }],
});

/** A port that has at least one interface up and running. */
export class Port {
  readonly name: string;
  config: PortConfig;
  readonly ifaces = new Set<Iface>();

  constructor(config: PortConfig) {
    this.name = config.name;
    this.config = config;
  }

  /** The bundle that the forwarding side makes of it. */
  bundle(): BundleSettings {
    const { row } = this.config;
    const options: ReadonlyMap<string, string> = row?.other_config ?? new Map();
    const vlan = row?.tag ?? -1;
    return {
      name: this.name,
      members: [...this.ifaces].map((iface) => iface.ofpPort),
      vlanMode: this.#vlanMode(vlan),
      vlan,
      trunks: vlanSet(row?.trunks),
      cvlans: vlanSet(row?.cvlans),
      qinqEthtype: options.get('qinq-ethtype') === '802.1q' ? 0x8100 : 0x88a8,
      priorityTags: priorityTags(options.get('priority-tags')),
      protected: row?.protected ?? false,
    };
  }

  #vlanMode(vlan: number): VlanMode {
    const { row } = this.config;
    if (row?.vlan_mode !== undefined) return row.vlan_mode;
    if (vlan < 0) return 'trunk';
    if (row!.trunks.length > 0 || row!.cvlans.length > 0)
      log.warn(`port ${this.name}: ignoring trunks in favor of implicit vlan`);
    return 'access';
  }
}

const vlanSet = (vlans: readonly number[] | undefined): ReadonlySet<number> | undefined =>
  vlans && vlans.length > 0 ? new Set(vlans) : undefined;

function priorityTags(text: string | undefined): PriorityTags {
  if (text === 'always') return 'always';
  return text === 'if-nonzero' || text === 'true' ? 'if-nonzero' : 'never';
}
