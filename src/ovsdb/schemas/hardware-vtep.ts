/**
 * The hardware_vtep database's schema, vtep(5), as one typed constant: what a controller and a hardware switch that
 * ends VXLAN tunnels tell each other.
 *
 * `cksum` is the checksum that the C distribution records in its file of this version.
 * C counterpart: vtep/vtep.ovsschema.
 */
import {
  boolean,
  column,
  ephemeral,
  immutable,
  integer,
  integerFrom,
  integerIn,
  map,
  oneOf,
  optional,
  ref,
  set,
  string,
  stringMap,
  table,
} from './spec.ts';

const vlan = integerIn(0, 4095);
const strings = set(string);

/** A MAC address of a logical switch, and the tunnel endpoint behind which it is. */
const unicastMacs = table(
  {
    MAC: column(string),
    logical_switch: column(ref('Logical_Switch')),
    locator: column(ref('Physical_Locator')),
    ipaddr: column(string),
  },
  { isRoot: true },
);

/** The same for a group address, which several endpoints may want. */
const multicastMacs = table(
  {
    MAC: column(string),
    logical_switch: column(ref('Logical_Switch')),
    locator_set: column(ref('Physical_Locator_Set')),
    ipaddr: column(string),
  },
  { isRoot: true },
);

const arpSources = table(
  { src_mac: column(string), locator: column(ref('Physical_Locator')) },
  { isRoot: true },
);

export const hardwareVtepSchema = {
  name: 'hardware_vtep',
  version: '1.7.0',
  cksum: '353943336 11434',
  tables: {
    Global: table(
      {
        managers: column(set(ref('Manager'))),
        switches: column(set(ref('Physical_Switch'))),
        other_config: column(stringMap),
      },
      { isRoot: true, maxRows: 1 },
    ),
    Physical_Switch: table(
      {
        ports: column(set(ref('Physical_Port'))),
        name: column(string),
        description: column(string),
        management_ips: column(strings),
        tunnel_ips: column(strings),
        tunnels: column(set(ref('Tunnel'))),
        other_config: column(stringMap),
        switch_fault_status: ephemeral(strings),
      },
      { indexes: [['name']] },
    ),
    Physical_Port: table({
      name: column(string),
      description: column(string),
      vlan_bindings: column(map(vlan, ref('Logical_Switch'))),
      acl_bindings: column(map(vlan, ref('ACL'))),
      vlan_stats: ephemeral(map(vlan, ref('Logical_Binding_Stats'))),
      other_config: column(stringMap),
      port_fault_status: ephemeral(strings),
    }),
    Tunnel: table({
      local: column(ref('Physical_Locator')),
      remote: column(ref('Physical_Locator')),
      bfd_config_local: column(stringMap),
      bfd_config_remote: column(stringMap),
      bfd_params: column(stringMap),
      bfd_status: ephemeral(stringMap),
    }),
    Logical_Binding_Stats: table({
      bytes_from_local: ephemeral(integer),
      packets_from_local: ephemeral(integer),
      bytes_to_local: ephemeral(integer),
      packets_to_local: ephemeral(integer),
    }),
    Logical_Switch: table(
      {
        name: column(string),
        description: column(string),
        tunnel_key: column(optional(integer)),
        replication_mode: column(optional(oneOf('service_node', 'source_node'))),
        other_config: column(stringMap),
      },
      { isRoot: true, indexes: [['name']] },
    ),
    Ucast_Macs_Local: unicastMacs,
    Ucast_Macs_Remote: unicastMacs,
    Mcast_Macs_Local: multicastMacs,
    Mcast_Macs_Remote: multicastMacs,
    Logical_Router: table(
      {
        name: column(string),
        description: column(string),
        switch_binding: column(map(string, ref('Logical_Switch'))),
        static_routes: column(stringMap),
        acl_binding: column(map(string, ref('ACL'))),
        other_config: column(stringMap),
        LR_fault_status: ephemeral(strings),
      },
      { isRoot: true, indexes: [['name']] },
    ),
    Arp_Sources_Local: arpSources,
    Arp_Sources_Remote: arpSources,
    Physical_Locator_Set: table({ locators: immutable(set(ref('Physical_Locator'), 1)) }),
    Physical_Locator: table(
      {
        encapsulation_type: immutable(oneOf('vxlan_over_ipv4')),
        dst_ip: immutable(string),
        tunnel_key: column(optional(integer)),
      },
      { indexes: [['encapsulation_type', 'dst_ip', 'tunnel_key']] },
    ),
    ACL_entry: table(
      {
        sequence: column(integer),
        source_mac: column(optional(string)),
        dest_mac: column(optional(string)),
        ethertype: column(optional(string)),
        source_ip: column(optional(string)),
        source_mask: column(optional(string)),
        dest_ip: column(optional(string)),
        dest_mask: column(optional(string)),
        protocol: column(optional(integer)),
        source_port_min: column(optional(integer)),
        source_port_max: column(optional(integer)),
        dest_port_min: column(optional(integer)),
        dest_port_max: column(optional(integer)),
        tcp_flags: column(optional(integer)),
        tcp_flags_mask: column(optional(integer)),
        icmp_code: column(optional(integer)),
        icmp_type: column(optional(integer)),
        direction: column(oneOf('ingress', 'egress')),
        action: column(oneOf('permit', 'deny')),
        acle_fault_status: ephemeral(strings),
      },
      { isRoot: true },
    ),
    ACL: table(
      {
        acl_entries: column(set(ref('ACL_entry'), 1)),
        acl_name: column(string),
        acl_fault_status: ephemeral(strings),
      },
      { isRoot: true, indexes: [['acl_name']] },
    ),
    Manager: table(
      {
        target: column(string),
        max_backoff: column(optional(integerFrom(1000))),
        inactivity_probe: column(optional(integer)),
        other_config: column(stringMap),
        is_connected: ephemeral(boolean),
        status: ephemeral(stringMap),
      },
      { indexes: [['target']] },
    ),
  },
} as const;

export type HardwareVtepSchema = typeof hardwareVtepSchema;
