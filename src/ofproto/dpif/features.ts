/**
 * What a datapath can do, found when it is opened. Translation asks these; `dpif/set-dp-features` lowers them for
 * tests of how the switch copes with lesser datapaths. C counterpart: struct dpif_backer_support.
 */
import { UnixctlError } from '../../base/unixctl.ts';
import { vlog } from '../../base/vlog.ts';

const log = vlog('ofproto_dpif');

export interface DatapathFeatures {
  maskedSetAction: boolean;
  tnlPushPop: boolean;
  ufid: boolean;
  trunc: boolean;
  clone: boolean;
  sampleNesting: number;
  ctEventmask: boolean;
  ctClear: boolean;
  maxHashAlg: number;
  checkPktLen: boolean;
  ctTimeout: boolean;
  explicitDropAction: boolean;
  lbOutputAction: boolean;
  ctZeroSnat: boolean;
  addMpls: boolean;
  psample: boolean;
  maxVlanHeaders: number;
  maxMplsDepth: number;
  recirc: boolean;
  ctState: boolean;
  ctZone: boolean;
  ctMark: boolean;
  ctLabel: boolean;
  ctStateNat: boolean;
  ctOrigTuple: boolean;
  ctOrigTuple6: boolean;
  ndExt: boolean;
}

/** In the order of `dpif/show-dp-features`: property, name for set-dp-features, title. */
const ROWS: readonly (readonly [keyof DatapathFeatures, string, string])[] = [
  ['maskedSetAction', 'masked_set_action', 'Masked set action'],
  ['tnlPushPop', 'tnl_push_pop', 'Tunnel push pop'],
  ['ufid', 'ufid', 'Ufid'],
  ['trunc', 'trunc', 'Truncate action'],
  ['clone', 'clone', 'Clone action'],
  ['sampleNesting', 'sample_nesting', 'Sample nesting'],
  ['ctEventmask', 'ct_eventmask', 'Conntrack eventmask'],
  ['ctClear', 'ct_clear', 'Conntrack clear'],
  ['maxHashAlg', 'max_hash_alg', 'Max dp_hash algorithm'],
  ['checkPktLen', 'check_pkt_len', 'Check pkt length action'],
  ['ctTimeout', 'ct_timeout', 'Conntrack timeout policy'],
  ['explicitDropAction', 'explicit_drop_action', 'Explicit Drop action'],
  ['lbOutputAction', 'lb_output_action', 'Optimized Balance TCP mode'],
  ['ctZeroSnat', 'ct_zero_snat', 'Conntrack all-zero IP SNAT'],
  ['addMpls', 'add_mpls', 'MPLS Label add'],
  ['psample', 'psample', 'psample action'],
  ['maxVlanHeaders', 'max_vlan_headers', 'Max VLAN headers'],
  ['maxMplsDepth', 'max_mpls_depth', 'Max MPLS depth'],
  ['recirc', 'recirc', 'Recirc'],
  ['ctState', 'ct_state', 'CT state'],
  ['ctZone', 'ct_zone', 'CT zone'],
  ['ctMark', 'ct_mark', 'CT mark'],
  ['ctLabel', 'ct_label', 'CT label'],
  ['ctStateNat', 'ct_state_nat', 'CT state NAT'],
  ['ctOrigTuple', 'ct_orig_tuple', 'CT orig tuple'],
  ['ctOrigTuple6', 'ct_orig_tuple6', 'CT orig tuple for IPv6'],
  ['ndExt', 'nd_ext', 'IPv6 ND Extension'],
];

/** What the userspace datapath can do. */
export const USERSPACE_FEATURES: DatapathFeatures = {
  maskedSetAction: true,
  tnlPushPop: true,
  ufid: true,
  trunc: true,
  clone: true,
  sampleNesting: 10,
  ctEventmask: true,
  ctClear: true,
  maxHashAlg: 1,
  checkPktLen: true,
  ctTimeout: true,
  explicitDropAction: true,
  lbOutputAction: true,
  ctZeroSnat: true,
  addMpls: true,
  psample: false,
  maxVlanHeaders: 1,
  maxMplsDepth: 3,
  recirc: true,
  ctState: true,
  ctZone: true,
  ctMark: true,
  ctLabel: true,
  ctStateNat: true,
  ctOrigTuple: true,
  ctOrigTuple6: true,
  ndExt: true,
};

/** The reply of `dpif/show-dp-features`. */
export function showFeatures(f: DatapathFeatures): string {
  return ROWS.map(([key, , title]) => {
    const value = f[key];
    return `${title}: ${typeof value === 'number' ? value : value ? 'Yes' : 'No'}\n`;
  }).join('');
}

function describe(row: (typeof ROWS)[number], now: DatapathFeatures, boot: DatapathFeatures): string {
  const [key, name, title] = row;
  return `${name} (${title}) : [run time]:${now[key]}, [boot time]:${boot[key]}\n`;
}

/**
 * `dpif/set-dp-features`: shows or changes features.
 * @param now changed in place
 * @returns the reply, and whether anything changed
 * @throws UnixctlError
 */
export function setFeature(
  now: DatapathFeatures,
  boot: DatapathFeatures,
  name: string | undefined,
  value: string | undefined,
  force: boolean,
): { reply: string; changed: boolean } {
  const same = (reply: string): { reply: string; changed: boolean } => ({ reply, changed: false });
  if (name === undefined) return same(ROWS.map((row) => describe(row, now, boot)).join(''));
  const row = ROWS.find(([, n]) => n === name);
  if (!row) return same('Unexpected support field');
  if (value === undefined) return same(describe(row, now, boot));
  const key = row[0];
  const limit = boot[key];
  const set = (v: number | boolean): void => {
    Object.assign(now, { [key]: v });
  };
  if (typeof limit === 'boolean') {
    // The switch can do without, but not more than the datapath.
    if (key === 'explicitDropAction') return same('');
    if (/^true$/i.test(value)) {
      if (!limit && !force) return same('Can not enable features not supported by the datapath');
      if (force) log.warn('Enabling an unsupported feature is very dangerous');
      set(true);
    } else if (/^false$/i.test(value)) set(false);
    else return same('Boolean value expected');
    return { reply: '', changed: true };
  }
  if (!/^[+-]?\d+$/.test(value)) return same('Integer number expected');
  const n = Number(value);
  if (n < 0) return same('Negative number not expected');
  if (n > limit) return same('Can not set value beyond the datapath capability');
  set(n);
  return { reply: '', changed: true };
}

/** Parses the arguments of `dpif/set-dp-features`: [--force] BRIDGE [NAME [VALUE]]. */
export function parseSetFeature(args: readonly string[]): {
  bridge: string;
  name: string | undefined;
  value: string | undefined;
  force: boolean;
} {
  const force = args[0] === '--force';
  const [bridge, name, value] = force ? args.slice(1) : args;
  if (bridge === undefined) throw new UnixctlError('Incorrect number of arguments');
  return { bridge, name, value, force };
}
