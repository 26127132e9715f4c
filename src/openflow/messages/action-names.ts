/** Sets of actions in features messages: bits of OFPAT numbers on the wire, names here. */

/** Number of each action, since OpenFlow 1.1 and since 1.2, in the order in which they are printed. */
const OF11: readonly (readonly [string, number])[] = [
  ['output', 0],
  ['group', 22],
  ['set_vlan_vid', 1],
  ['set_vlan_pcp', 2],
  ['strip_vlan', 18],
  ['push_vlan', 17],
  ['mod_dl_src', 3],
  ['mod_dl_dst', 4],
  ['mod_nw_src', 5],
  ['mod_nw_dst', 6],
  ['mod_nw_tos', 7],
  ['mod_nw_ecn', 8],
  ['mod_nw_ttl', 23],
  ['mod_tp_src', 9],
  ['mod_tp_dst', 10],
  ['dec_ttl', 24],
  ['set_mpls_label', 13],
  ['set_mpls_tc', 14],
  ['set_mpls_ttl', 15],
  ['dec_mpls_ttl', 16],
  ['push_mpls', 19],
  ['pop_mpls', 20],
  ['set_queue', 21],
];
const OF12: readonly (readonly [string, number])[] = [
  ['output', 0],
  ['group', 22],
  ['set_field', 25],
  ['strip_vlan', 18],
  ['push_vlan', 17],
  ['mod_nw_ttl', 23],
  ['dec_ttl', 24],
  ['set_mpls_ttl', 15],
  ['dec_mpls_ttl', 16],
  ['push_mpls', 19],
  ['pop_mpls', 20],
  ['set_queue', 21],
];
const OF10: readonly (readonly [string, number])[] = [
  ['output', 0],
  ['enqueue', 11],
  ['set_vlan_vid', 1],
  ['set_vlan_pcp', 2],
  ['strip_vlan', 3],
  ['mod_dl_src', 4],
  ['mod_dl_dst', 5],
  ['mod_nw_src', 6],
  ['mod_nw_dst', 7],
  ['mod_nw_tos', 8],
  ['mod_tp_src', 9],
  ['mod_tp_dst', 10],
];

const mapOf = (version: number): readonly (readonly [string, number])[] =>
  version === 1 ? OF10 : version === 2 ? OF11 : OF12;

/** The actions that a version can name, in the order in which they are printed. */
export function actionNamesFromBits(bits: number, version: number): Set<string> {
  return new Set(
    mapOf(version)
      .filter(([, n]) => bits & (1 << n))
      .map(([name]) => name),
  );
}

export function actionNamesToBits(names: ReadonlySet<string>, version: number): number {
  let bits = 0;
  for (const [name, n] of mapOf(version)) if (names.has(name)) bits |= 1 << n;
  return bits >>> 0;
}

/** The names with spaces between, or '<none>'. */
export const actionNamesText = (names: ReadonlySet<string>): string =>
  names.size ? [...names].join(' ') : '<none>';
