/** What the switch reads from the database: its row types, and the columns that concern it. */
import type { TlsSettings } from '../base/host.ts';
import type { Idl } from '../ovsdb/idl/idl.ts';
import type { Row } from '../ovsdb/idl/row.ts';
import type { OpenVswitchSchema } from '../ovsdb/schemas/open-vswitch.ts';
import type { ColumnName, TableName } from '../ovsdb/schemas/spec.ts';

export type Ovs = OpenVswitchSchema;
export type OvsRow<T extends TableName<Ovs>> = Row<Ovs, T>;

type Columns = { readonly [T in TableName<Ovs>]?: readonly ColumnName<Ovs, T>[] };

/** Columns that the switch neither reads nor writes. */
const IGNORED: Columns = {
  Open_vSwitch: ['external_ids', 'ovs_version', 'db_version', 'system_type', 'system_version'],
  Bridge: ['external_ids'],
  Port: ['external_ids'],
  Interface: ['external_ids'],
  Controller: ['external_ids'],
  QoS: ['external_ids'],
  Queue: ['external_ids'],
  Mirror: ['external_ids'],
  NetFlow: ['external_ids'],
  sFlow: ['external_ids'],
  IPFIX: ['external_ids'],
  Flow_Sample_Collector_Set: ['external_ids'],
  Manager: ['external_ids', 'inactivity_probe', 'is_connected', 'max_backoff', 'status', 'other_config'],
  SSL: ['external_ids'],
};

/** Columns that only the switch writes: their changes are no reason to look at the configuration. */
const OWN: Columns = {
  Open_vSwitch: [
    'cur_cfg',
    'statistics',
    'datapath_types',
    'iface_types',
    'dpdk_version',
    'dpdk_initialized',
  ],
  Bridge: ['datapath_id', 'datapath_version', 'status', 'rstp_status'],
  Port: ['status', 'rstp_status', 'rstp_statistics', 'statistics', 'bond_active_slave'],
  Interface: [
    'admin_state',
    'duplex',
    'link_speed',
    'link_state',
    'link_resets',
    'mac_in_use',
    'ifindex',
    'mtu',
    'ofport',
    'statistics',
    'status',
    'cfm_fault',
    'cfm_fault_status',
    'cfm_remote_mpids',
    'cfm_flap_count',
    'cfm_health',
    'cfm_remote_opstate',
    'bfd_status',
    'lacp_current',
    'error',
  ],
  Controller: ['is_connected', 'role', 'status'],
  Mirror: ['statistics'],
  Datapath: ['datapath_version', 'capabilities'],
};

/** Asks for everything that the switch needs. */
export function monitorConfiguration(idl: Idl<Ovs>): void {
  const listed = (columns: Columns, table: string, column: string): boolean =>
    (columns as Readonly<Record<string, readonly string[]>>)[table]?.includes(column) ?? false;
  for (const name of idl.tables.names) {
    for (const column of idl.tables.get(name).columns) {
      if (listed(IGNORED, name, column.name)) continue;
      idl.monitorColumn(column, { alert: !listed(OWN, name, column.name) });
    }
  }
}

/** What a row says of the switch's own TLS connections. */
export const tlsSettings = (ssl: OvsRow<'SSL'>): TlsSettings => ({
  privateKey: ssl.private_key,
  certificate: ssl.certificate,
  caCert: ssl.ca_cert,
  bootstrapCaCert: ssl.bootstrap_ca_cert,
});

type Options = ReadonlyMap<string, string>;

/** As C's atoi() reads an option; `fallback` when it is absent. */
export function integerOption(options: Options, key: string, fallback: number): number {
  const text = options.get(key);
  if (text === undefined) return fallback;
  const digits = /^\s*[+-]?\d+/.exec(text);
  return digits ? Number(digits[0]) : 0;
}

/** Only the one word that differs from the default counts, in any case. */
export function booleanOption(options: Options, key: string, fallback: boolean): boolean {
  const text = options.get(key)?.toLowerCase();
  if (text === undefined) return fallback;
  return fallback ? text !== 'false' : text === 'true';
}
