/** emer-reset: back to a switch that forwards on its own; and init, for which connecting is enough. */
import type { VsctlCommand } from './context.ts';

export const init: VsctlCommand = { name: 'init', minArgs: 0, maxArgs: 0, arguments: '', mode: 'rw' };

/** Tables that are emptied. */
const DOOMED = [
  'Mirror',
  'Controller',
  'Manager',
  'NetFlow',
  'SSL',
  'sFlow',
  'IPFIX',
  'Flow_Sample_Collector_Set',
] as const;

export const emerReset: VsctlCommand = {
  name: 'emer-reset',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  mode: 'rw',

  prerequisites({ idl }) {
    idl.monitor('Open_vSwitch', ['manager_options', 'ssl']);
    idl.monitor('Bridge', [
      'controller',
      'fail_mode',
      'mirrors',
      'netflow',
      'sflow',
      'ipfix',
      'flood_vlans',
      'other_config',
    ]);
    idl.monitor('Port', ['other_config']);
    idl.monitor('Interface', ['ingress_policing_rate', 'ingress_policing_burst']);
    for (const table of DOOMED) idl.monitor(table);
  },

  run(ctx) {
    const { txn, idl } = ctx;
    txn.set(ctx.ovs, { manager_options: [], ssl: undefined });
    for (const bridge of idl.rows('Bridge')) {
      const hwaddr = bridge.other_config.get('hwaddr');
      txn.set(bridge, {
        controller: [],
        fail_mode: undefined,
        mirrors: [],
        netflow: undefined,
        sflow: undefined,
        ipfix: undefined,
        flood_vlans: [],
        other_config: new Map(hwaddr === undefined ? [] : [['hwaddr', hwaddr]]),
      });
    }
    for (const port of idl.rows('Port')) txn.set(port, { other_config: new Map() });
    for (const iface of idl.rows('Interface'))
      txn.set(iface, { ingress_policing_rate: 0, ingress_policing_burst: 0 });
    for (const table of DOOMED) for (const row of [...idl.rows(table)]) txn.delete(row);
    ctx.invalidate();
  },
};
