/** The VLANs of a packet on its way through a bridge that forwards normally. C counterpart: struct xvlan. */
import { F, type Flow, VLAN_CFI, VLAN_PCP_MASK, VLAN_VID_MASK } from '../../../flow/layout.ts';
import type { Bundle, PriorityTags } from '../bundle.ts';
import { ETH_TYPE, isEthTypeVlan, N_VLANS } from './flow-edit.ts';

export interface Tag {
  readonly tpid: number;
  readonly vid: number;
  /** In its place in the TCI. */
  readonly pcp: number;
}

/** Outer and inner tag; a `NO_TAG` where there is none. */
export type Xvlan = readonly [Tag, Tag];

const NO_TAG: Tag = { tpid: 0, vid: 0, pcp: 0 };

function tagAt(flow: Flow, i: number): Tag | undefined {
  const tpid = flow[F.VLAN_TPID0 + 2 * i]!;
  const tci = flow[F.VLAN_TCI0 + 2 * i]!;
  if (!isEthTypeVlan(tpid) || !(tci & VLAN_CFI)) return undefined;
  return { tpid, vid: tci & VLAN_VID_MASK, pcp: tci & VLAN_PCP_MASK };
}

/** The tags of a flow. */
export function xvlanExtract(flow: Flow): Xvlan {
  const outer = tagAt(flow, 0);
  return [outer ?? NO_TAG, (outer && tagAt(flow, 1)) ?? NO_TAG];
}

/** Writes tags into a flow. */
export function xvlanPut(flow: Flow, xvlan: Xvlan, priorityTags: PriorityTags): void {
  for (let i = 0; i < N_VLANS; i++) {
    const { tpid, vid, pcp } = xvlan[i]!;
    let tci = vid | pcp;
    if (tci !== 0 || (priorityTags === 'always' && tpid !== 0)) {
      tci |= VLAN_CFI;
      flow[F.VLAN_TPID0 + 2 * i] = tpid || ETH_TYPE.VLAN;
    }
    flow[F.VLAN_TCI0 + 2 * i] = tci;
  }
}

/** The VLANs that a packet received on `bundle` with tags `x` has inside the bridge. */
export function xvlanInput(bundle: Bundle, x: Xvlan): Xvlan {
  const native = (): Tag => ({ tpid: x[0].tpid || ETH_TYPE.VLAN, vid: bundle.vlan, pcp: x[0].pcp });
  switch (bundle.vlanMode) {
    case 'access':
      return [native(), NO_TAG];
    case 'trunk':
      return x;
    case 'native-tagged':
    case 'native-untagged':
      return x[0].vid === 0 ? [native(), x[1]] : x;
    case 'dot1q-tunnel':
      return [{ tpid: bundle.qinqEthtype, vid: bundle.vlan, pcp: 0 }, x[0]];
  }
}

/** The tags that a packet in VLANs `x` leaves `bundle` with. */
export function xvlanOutput(bundle: Bundle, x: Xvlan): Xvlan {
  const pop = (): Xvlan => [x[1], NO_TAG];
  switch (bundle.vlanMode) {
    case 'access':
      return [NO_TAG, NO_TAG];
    case 'trunk':
    case 'native-tagged':
      return x;
    case 'native-untagged':
      return x[0].vid === bundle.vlan ? pop() : x;
    case 'dot1q-tunnel':
      return pop();
  }
}

/** Whether packets in VLANs `x` may leave through `bundle`. */
export function bundleIncludesVlan(bundle: Bundle, x: Xvlan): boolean {
  switch (bundle.vlanMode) {
    case 'access':
      return x[0].vid === bundle.vlan && x[1].vid === 0;
    case 'dot1q-tunnel':
      return x[0].vid === bundle.vlan && bundle.allowsCvlan(x[1].vid);
    default:
      return bundle.trunksVlan(x[0].vid);
  }
}

export const withPcp = (x: Xvlan, pcp: number): Xvlan => [{ ...x[0], pcp }, x[1]];
export const withVid = (x: Xvlan, vid: number): Xvlan => [{ ...x[0], vid }, x[1]];
