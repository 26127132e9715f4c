/** How vtep-ctl's users name rows, and what `show` shows. */
import type { DbCtlSchema } from '../db-ctl/context.ts';

export const DB_SCHEMA: DbCtlSchema = {
  rowIds: {
    Logical_Router: [{ name: ['Logical_Router', 'name'] }],
    Logical_Switch: [{ name: ['Logical_Switch', 'name'] }],
    Manager: [{ name: ['Manager', 'target'] }],
    Physical_Port: [{ name: ['Physical_Port', 'name'] }],
    Physical_Switch: [{ name: ['Physical_Switch', 'name'] }],
  },
  show: [
    { table: 'Global', columns: ['managers', 'switches'] },
    { table: 'Manager', nameColumn: 'target', columns: ['is_connected'] },
    { table: 'Physical_Switch', nameColumn: 'name', columns: ['management_ips', 'tunnel_ips', 'ports'] },
    { table: 'Physical_Port', nameColumn: 'name', columns: ['vlan_bindings'] },
    { table: 'Logical_Switch', nameColumn: 'name', columns: [] },
  ],
};
