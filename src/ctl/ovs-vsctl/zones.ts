/** Connection-tracking zones of a datapath: timeout policies and limits; and a datapath's capabilities. */
import { fail } from '../db-ctl/context.ts';
import type { VsctlCommand, VsctlContext } from './context.ts';
import type { OvsRow } from './rows.ts';

function prepare(ctx: VsctlContext): void {
  ctx.idl.monitor('Open_vSwitch', ['datapaths']);
  ctx.idl.monitor('Datapath', ['ct_zones', 'ct_zone_default_limit']);
  ctx.idl.monitor('CT_Zone', ['timeout_policy', 'limit']);
  ctx.idl.monitor('CT_Timeout_Policy', ['timeouts']);
}

/** @throws ToolError */
const datapath = (ctx: VsctlContext): OvsRow<'Datapath'> =>
  ctx.ovs.datapaths.get(ctx.argv[1]!) ?? fail(`datapath ${ctx.argv[1]} does not exist`);

/** The same for the commands that list. */
const recordOf = (ctx: VsctlContext): OvsRow<'Datapath'> =>
  ctx.ovs.datapaths.get(ctx.argv[1]!) ?? fail(`datapath: ${ctx.argv[1]} record not found`);

const INTEGER = /^\s*[+-]?\d+/;

/** The number in "zone=NUMBER". */
function policyZone(text: string): number {
  const match = /^zone=\s*([+-]?\d+)/.exec(text);
  return match ? Number(match[1]) : fail(`invalid zone argument, ${text}`);
}

function setZone(ctx: VsctlContext, dp: OvsRow<'Datapath'>, id: number, zone: OvsRow<'CT_Zone'>): void {
  ctx.txn.set(dp, { ct_zones: new Map(dp.ct_zones).set(id, zone) });
}

function deleteZone(ctx: VsctlContext, dp: OvsRow<'Datapath'>, id: number): void {
  const zones = new Map(dp.ct_zones);
  zones.delete(id);
  ctx.txn.set(dp, { ct_zones: zones });
}

type Timeouts = OvsRow<'CT_Timeout_Policy'>['timeouts'];

/** The policy with those timeouts, made if there is none. */
function policyOf(ctx: VsctlContext, words: readonly string[]): OvsRow<'CT_Timeout_Policy'> {
  const timeouts = new Map<string, number>();
  for (const word of words) {
    const [, key, value] = /^[, \t\r\n]*([^:=(, \t\r\n]+)[=:]?(.*)$/s.exec(word) ?? [];
    if (key === undefined) break;
    timeouts.set(key, Number.parseInt(value!, 10) || 0);
  }
  for (const policy of ctx.idl.rows('CT_Timeout_Policy')) {
    const have: ReadonlyMap<string, number> = policy.timeouts;
    if (have.size === timeouts.size && [...have].every(([key, value]) => timeouts.get(key) === value))
      return policy;
  }
  // The names are checked by the server against the schema.
  return ctx.txn.insert('CT_Timeout_Policy', { timeouts: timeouts as unknown as Timeouts });
}

const addZoneTp: VsctlCommand = {
  name: 'add-zone-tp',
  minArgs: 3,
  maxArgs: Number.POSITIVE_INFINITY,
  arguments: '',
  options: ['--may-exist'],
  mode: 'rw',
  prerequisites: prepare,
  run(ctx) {
    const id = policyZone(ctx.argv[2]!);
    const dp = datapath(ctx);
    const zone = dp.ct_zones.get(id);
    if (zone?.timeout_policy && !ctx.options.has('--may-exist')) fail(`zone id ${id} already has a policy`);
    const timeout_policy = policyOf(ctx, ctx.argv.slice(3));
    if (zone) ctx.txn.set(zone, { timeout_policy });
    else setZone(ctx, dp, id, ctx.txn.insert('CT_Zone', { timeout_policy }));
  },
};

const delZoneTp: VsctlCommand = {
  name: 'del-zone-tp',
  minArgs: 2,
  maxArgs: 2,
  arguments: '',
  options: ['--if-exists'],
  mode: 'rw',
  prerequisites: prepare,
  run(ctx) {
    const id = policyZone(ctx.argv[2]!);
    const dp = datapath(ctx);
    const zone = dp.ct_zones.get(id);
    if (ctx.mustExist && !zone?.timeout_policy) fail(`zone id ${id} does not have a policy`);
    if (!zone) return;
    if (zone.limit === undefined) return deleteZone(ctx, dp, id);
    if (zone.timeout_policy) ctx.txn.delete(zone.timeout_policy);
    ctx.txn.set(zone, { timeout_policy: undefined });
  },
};

const listZoneTp: VsctlCommand = {
  name: 'list-zone-tp',
  minArgs: 1,
  maxArgs: 1,
  arguments: '',
  mode: 'ro',
  prerequisites: prepare,
  run(ctx) {
    for (const [id, zone] of recordOf(ctx).ct_zones) {
      const timeouts = zone.timeout_policy && [...zone.timeout_policy.timeouts].map(([k, v]) => `${k}=${v}`);
      ctx.output +=
        `Zone:${id}, Timeout Policies: ${timeouts ? timeouts.join(' ') : 'system default'}`.trimEnd();
      ctx.output += '\n';
    }
  },
};

/** The zone that a limit is for; undefined stands for "default". */
function limitZone(ctx: VsctlContext): number | undefined {
  const text = ctx.argv[2]!;
  const digits = INTEGER.exec(text);
  if (!digits && text !== 'default') fail(`invalid zone id, ${text}`);
  return digits ? Number(digits[0]) : undefined;
}

const setZoneLimit: VsctlCommand = {
  name: 'set-zone-limit',
  minArgs: 3,
  maxArgs: 3,
  arguments: 'ARG ARG ARG',
  mode: 'rw',
  prerequisites: prepare,
  run(ctx) {
    const id = limitZone(ctx);
    const digits = INTEGER.exec(ctx.argv[3]!);
    if (!digits) fail(`invalid limit, ${ctx.argv[3]}`);
    const limit = Number(digits![0]);
    const dp = datapath(ctx);
    if (limit < 0 || limit > 0xffffffff) fail(`limit (${limit}) out of range`);
    if (id === undefined) return ctx.txn.set(dp, { ct_zone_default_limit: limit });
    if (id < 0 || id > 0xffff) fail(`zone_id (${id}) out of range`);
    const zone = dp.ct_zones.get(id);
    if (zone) ctx.txn.set(zone, { limit });
    else setZone(ctx, dp, id, ctx.txn.insert('CT_Zone', { limit }));
  },
};

const delZoneLimit: VsctlCommand = {
  name: 'del-zone-limit',
  minArgs: 2,
  maxArgs: 2,
  arguments: 'ARG ARG',
  options: ['--if-exists'],
  mode: 'rw',
  prerequisites: prepare,
  run(ctx) {
    const id = limitZone(ctx);
    const dp = datapath(ctx);
    if (id === undefined) {
      if (ctx.mustExist && dp.ct_zone_default_limit === undefined)
        fail(`datapath ${ctx.argv[1]} does not have a limit`);
      return ctx.txn.set(dp, { ct_zone_default_limit: undefined });
    }
    const zone = dp.ct_zones.get(id);
    if (ctx.mustExist && zone?.limit === undefined) fail(`zone_id ${id} does not have a limit`);
    if (!zone) return;
    if (zone.timeout_policy) ctx.txn.set(zone, { limit: undefined });
    else deleteZone(ctx, dp, id);
  },
};

const listZoneLimits: VsctlCommand = {
  name: 'list-zone-limits',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'ARG',
  mode: 'ro',
  prerequisites: prepare,
  run(ctx) {
    const dp = recordOf(ctx);
    if (dp.ct_zone_default_limit !== undefined) ctx.output = `Default, Limit: ${dp.ct_zone_default_limit}\n`;
    for (const [id, { limit }] of dp.ct_zones)
      if (limit !== undefined) ctx.output += `Zone: ${id}, Limit: ${limit}\n`;
  },
};

const listDpCap: VsctlCommand = {
  name: 'list-dp-cap',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'BRIDGE',
  mode: 'ro',
  prerequisites(ctx) {
    ctx.idl.monitor('Open_vSwitch', ['datapaths']);
    ctx.idl.monitor('Datapath', ['capabilities']);
  },
  run(ctx) {
    const dp = ctx.ovs.datapaths.get(ctx.argv[1]!) ?? fail(`datapath "${ctx.argv[1]}" record not found`);
    ctx.output = `${[...dp.capabilities].map(([key, value]) => `${key}=${value}`).join(' ')}\n`;
  },
};

export const ZONE_COMMANDS = [
  addZoneTp,
  delZoneTp,
  listZoneTp,
  listDpCap,
  setZoneLimit,
  delZoneLimit,
  listZoneLimits,
];
