/**
 * A bundle: one row of the Port table. Forwarding with OFPP_NORMAL, VLANs and mirrors know bundles; OpenFlow knows
 * the ports that are their members. More than one member makes it a bond.
 * Owned by its bridge. C counterpart: struct ofbundle and struct xbundle.
 */
import type { Flow } from '../../flow/layout.ts';
import type { OfportDpif } from './ofport.ts';

export type VlanMode = 'access' | 'trunk' | 'native-tagged' | 'native-untagged' | 'dot1q-tunnel';

/** When to send a tag with VLAN 0 for a packet's priority. */
export type PriorityTags = 'never' | 'if-nonzero' | 'always';

export interface BundleSettings {
  readonly name: string;
  /** OpenFlow ports of the members. */
  readonly members: readonly number[];
  readonly vlanMode: VlanMode;
  /** Access or native VLAN; -1 for none (trunk). */
  readonly vlan: number;
  /** VLANs that a trunk carries; undefined for all. */
  readonly trunks: ReadonlySet<number> | undefined;
  /** Customer VLANs that a dot1q-tunnel carries; undefined for all. */
  readonly cvlans: ReadonlySet<number> | undefined;
  /** TPID of the service tag of a dot1q-tunnel. */
  readonly qinqEthtype: number;
  readonly priorityTags: PriorityTags;
  readonly protected: boolean;
}

export const DEFAULT_BUNDLE: Omit<BundleSettings, 'name' | 'members'> = {
  vlanMode: 'trunk',
  vlan: -1,
  trunks: undefined,
  cvlans: undefined,
  qinqEthtype: 0x88a8,
  priorityTags: 'never',
  protected: false,
};

/** What forwarding asks of a bond. Bonds are built in `src/ofproto/l2/`. */
export interface BundleBond {
  /** Recirculation id and hash basis when the datapath is to choose the member by hash. */
  recirculation(): { readonly recircId: number; readonly hashBasis: number } | undefined;
  /** With `lb_output`, the datapath chooses without recirculation. */
  readonly usesLbOutput: boolean;
  /** The member for this packet; un-wildcards in `wc` what the choice depends on. */
  chooseOutputMember(flow: Flow, wc: Flow | undefined, vlan: number): OfportDpif | undefined;
  checkAdmissibility(port: OfportDpif, flow: Flow): 'accept' | 'drop' | 'drop-if-moved';
  account(flow: Flow, vlan: number, bytes: number): void;
}

export class Bundle {
  readonly name: string;
  /** Members in the order of the configuration. Empty while none of them exists. */
  readonly ports: OfportDpif[] = [];
  /** OpenFlow numbers of the members that the configuration names. */
  members: readonly number[] = [];
  vlanMode: VlanMode = 'trunk';
  vlan = -1;
  trunks: ReadonlySet<number> | undefined;
  cvlans: ReadonlySet<number> | undefined;
  qinqEthtype = 0x88a8;
  priorityTags: PriorityTags = 'never';
  protected = false;
  /** No member says no-flood (or is a mirror's output only). */
  floodable = true;
  bond: BundleBond | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether packets of `vlan` may pass tagged. */
  trunksVlan(vlan: number): boolean {
    return this.vlanMode !== 'access' && (this.trunks === undefined || this.trunks.has(vlan));
  }

  allowsCvlan(vlan: number): boolean {
    return this.cvlans === undefined || this.cvlans.has(vlan);
  }

  /** Takes over what the configuration says, except for the members.
   * @returns whether forwarding changes */
  configure(settings: BundleSettings): boolean {
    const s = normalize(settings);
    const changed =
      this.vlanMode !== s.vlanMode ||
      this.vlan !== s.vlan ||
      this.qinqEthtype !== s.qinqEthtype ||
      this.priorityTags !== s.priorityTags ||
      this.protected !== s.protected ||
      !sameVlans(this.trunks, s.trunks) ||
      !sameVlans(this.cvlans, s.cvlans);
    this.vlanMode = s.vlanMode;
    this.vlan = s.vlan;
    this.qinqEthtype = s.qinqEthtype;
    this.priorityTags = s.priorityTags;
    this.protected = s.protected;
    this.trunks = s.trunks;
    this.cvlans = s.cvlans;
    return changed;
  }
}

/** What the settings come to: a native VLAN is always trunked, and then VLAN 0 is not. */
function normalize(s: BundleSettings): BundleSettings {
  const vlan = s.vlanMode === 'trunk' ? -1 : s.vlan >= 0 && s.vlan <= 4095 ? s.vlan : 0;
  const isNative = s.vlanMode === 'native-tagged' || s.vlanMode === 'native-untagged';
  let trunks = isNative || s.vlanMode === 'trunk' ? s.trunks : undefined;
  if (isNative && vlan !== 0 && (!trunks?.has(vlan) || trunks.has(0))) {
    const all = new Set(trunks ?? Array.from({ length: 4096 }, (_, v) => v));
    all.add(vlan);
    all.delete(0);
    trunks = all;
  }
  return { ...s, vlan, trunks, cvlans: s.vlanMode === 'dot1q-tunnel' ? s.cvlans : undefined };
}

function sameVlans(a: ReadonlySet<number> | undefined, b: ReadonlySet<number> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every((v) => b.has(v));
}

/**
 * Stands for the missing bundle of packets that no port received: a controller sent them with in_port NONE or
 * CONTROLLER. It belongs to no bridge.
 */
export const NONE_BUNDLE: Bundle = new Bundle('OFPP_NONE');
