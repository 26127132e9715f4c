/** Names that users' interfaces cannot have: those of datapaths and of devices that tunnels make. */

const TUNNEL_DEVICES = [
  'genev_sys',
  'gre_sys',
  'vxlan_sys',
  'erspan_sys',
  'ip6erspan_sys',
  'ip6gre_sys',
  'gtpu_sys',
  'udp_sys',
  'srv6_sys',
];

export const isReservedName = (name: string, datapathTypes: readonly string[]): boolean =>
  TUNNEL_DEVICES.some((prefix) => name.startsWith(prefix)) ||
  datapathTypes.some((type) => name === `ovs-${type}`);
