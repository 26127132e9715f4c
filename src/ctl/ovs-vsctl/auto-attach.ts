/** Auto Attach (SPB over LLDP): I-SID to VLAN mappings of a bridge. */
import { fail } from '../db-ctl/context.ts';
import type { VsctlCommand, VsctlContext } from './context.ts';
import { prepareNetwork } from './network.ts';
import type { OvsRow } from './rows.ts';

function prepare(ctx: VsctlContext): void {
  prepareNetwork(ctx);
  ctx.idl.monitor('Bridge', ['auto_attach']);
  ctx.idl.monitor('AutoAttach', ['mappings']);
}

/** As strtoull() reads a number: what follows the digits does not matter. */
function numberArgument(text: string): number {
  const digits = /^\s*[+-]?\d+/.exec(text);
  return digits ? Number(digits[0]) : fail(`Invalid argument ${text}`);
}

function mappingArguments(ctx: VsctlContext): { isid: number; vlan: number; bridge: OvsRow<'Bridge'> } {
  const isid = numberArgument(ctx.argv[2]!);
  const vlan = numberArgument(ctx.argv[3]!);
  return { isid, vlan, bridge: ctx.network.bridge(ctx.argv[1]!).row };
}

const addMapping: VsctlCommand = {
  name: 'add-aa-mapping',
  minArgs: 3,
  maxArgs: 3,
  arguments: 'BRIDGE ARG ARG',
  mode: 'rw',
  prerequisites: prepare,
  run(ctx) {
    const { isid, vlan, bridge } = mappingArguments(ctx);
    let autoAttach = bridge.auto_attach;
    if (!autoAttach) {
      autoAttach = ctx.txn.insert('AutoAttach');
      ctx.txn.set(bridge, { auto_attach: autoAttach });
    }
    ctx.txn.set(autoAttach, { mappings: new Map(autoAttach.mappings).set(isid, vlan) });
  },
};

const delMapping: VsctlCommand = {
  name: 'del-aa-mapping',
  minArgs: 3,
  maxArgs: 3,
  arguments: 'BRIDGE ARG ARG',
  mode: 'rw',
  prerequisites: prepare,
  run(ctx) {
    const { isid, vlan, bridge } = mappingArguments(ctx);
    const autoAttach = bridge.auto_attach;
    if (autoAttach?.mappings.get(isid) !== vlan) return;
    const mappings = new Map(autoAttach.mappings);
    mappings.delete(isid);
    ctx.txn.set(autoAttach, { mappings });
  },
};

const getMapping: VsctlCommand = {
  name: 'get-aa-mapping',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'BRIDGE',
  mode: 'ro',
  prerequisites: prepare,
  run(ctx) {
    const { row } = ctx.network.bridge(ctx.argv[1]!);
    ctx.txn.verify(row, 'auto_attach');
    if (!row.auto_attach) return;
    ctx.txn.verify(row.auto_attach, 'mappings');
    for (const [isid, vlan] of row.auto_attach.mappings) ctx.output += `${isid} ${vlan}\n`;
  },
};

export const AUTO_ATTACH_COMMANDS = [addMapping, delMapping, getMapping];
