/** How ovs-vsctl's users name rows, and what `show` shows. */
import type { DbCtlSchema } from '../db-ctl/context.ts';

export const DB_SCHEMA: DbCtlSchema = {
  rowIds: {
    AutoAttach: [{ name: ['Bridge', 'name'], via: 'auto_attach' }],
    Bridge: [{ name: ['Bridge', 'name'] }],
    Controller: [{ name: ['Bridge', 'name'], via: 'controller' }],
    Flow_Sample_Collector_Set: [{ name: ['Flow_Sample_Collector_Set', 'id'] }],
    Flow_Table: [{ name: ['Flow_Table', 'name'] }],
    IPFIX: [{ name: ['Bridge', 'name'], via: 'ipfix' }],
    Interface: [{ name: ['Interface', 'name'] }],
    Manager: [{ name: ['Manager', 'target'] }],
    Mirror: [{ name: ['Mirror', 'name'] }],
    NetFlow: [{ name: ['Bridge', 'name'], via: 'netflow' }],
    Port: [{ name: ['Port', 'name'] }],
    QoS: [{ name: ['Port', 'name'], via: 'qos' }],
    sFlow: [{ name: ['Bridge', 'name'], via: 'sflow' }],
  },
  show: [
    { table: 'Open_vSwitch', columns: ['manager_options', 'bridges', 'ovs_version'] },
    { table: 'Bridge', nameColumn: 'name', columns: ['controller', 'fail_mode', 'datapath_type', 'ports'] },
    { table: 'Port', nameColumn: 'name', columns: ['tag', 'trunks', 'interfaces'] },
    { table: 'Interface', nameColumn: 'name', columns: ['type', 'options', 'error', 'bfd_status'] },
    { table: 'Controller', nameColumn: 'target', columns: ['is_connected'] },
    { table: 'Manager', nameColumn: 'target', columns: ['is_connected'] },
  ],
};
