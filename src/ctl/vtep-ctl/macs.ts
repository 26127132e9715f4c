/** Commands for MAC addresses bound to logical switches: a family for local ones, the same for remote ones. */
import type { VtepCommand, VtepContext } from './context.ts';
import {
  type Locator,
  type LogicalSwitch,
  locatorsOf,
  locatorText,
  mcastTable,
  prepareFabric,
  type Side,
  sortedLines,
  ucastTable,
} from './fabric.ts';
import type { VtepRow } from './rows.ts';

interface Binding {
  readonly logical: LogicalSwitch;
  readonly mac: string;
  readonly encapsulation: string;
  readonly ip: string;
}

/** The words `LS MAC [ENCAP] IP`. */
function bindingOf(ctx: VtepContext): Binding {
  const [, name, mac, ...where] = ctx.argv as [string, string, string, string, string?];
  const logical = ctx.fabric.logicalSwitch(name);
  const [encapsulation, ip] =
    where.length === 1 ? ['vxlan_over_ipv4', where[0]] : (where as [string, string]);
  return { logical, mac, encapsulation, ip };
}

function locatorFor(ctx: VtepContext, { encapsulation, ip }: Binding): Locator {
  return (
    ctx.fabric.findLocator(encapsulation, ip) ??
    ctx.txn.insert('Physical_Locator', {
      // Whatever the user types: the server checks it.
      encapsulation_type: encapsulation as Locator['encapsulation_type'],
      dst_ip: ip,
    })
  );
}

function addUcast(ctx: VtepContext, side: Side): void {
  const binding = bindingOf(ctx);
  const { logical, mac } = binding;
  const locator = locatorFor(ctx, binding);
  const known = logical.macs[side].ucast.get(mac);
  if (known) ctx.txn.set(known, { locator });
  else ctx.txn.insert(ucastTable(side), { MAC: mac, logical_switch: logical.row, locator });
}

function delUcast(ctx: VtepContext, side: Side): void {
  const row = ctx.fabric.logicalSwitch(ctx.argv[1]!).macs[side].ucast.get(ctx.argv[2]!);
  if (row) ctx.txn.delete(row);
}

/** Sets of locators do not change, so a change of a group's locators is another set. */
const locatorSet = (ctx: VtepContext, locators: readonly Locator[]): VtepRow<'Physical_Locator_Set'> =>
  ctx.txn.insert('Physical_Locator_Set', { locators });

function addMcast(ctx: VtepContext, side: Side): void {
  const binding = bindingOf(ctx);
  const { logical, mac } = binding;
  const locator = locatorFor(ctx, binding);
  const known = logical.macs[side].mcast.get(mac);
  const locator_set = locatorSet(ctx, [...(known ? locatorsOf(known) : []), locator]);
  if (known) ctx.txn.set(known, { locator_set });
  else ctx.txn.insert(mcastTable(side), { MAC: mac, logical_switch: logical.row, locator_set });
}

function delMcast(ctx: VtepContext, side: Side): void {
  const { logical, mac, encapsulation, ip } = bindingOf(ctx);
  const row = logical.macs[side].mcast.get(mac);
  const locator = ctx.fabric.findLocator(encapsulation, ip);
  if (!row || !locator) return;
  const rest = locatorsOf(row).filter((other) => other !== locator);
  if (rest.length === 0) ctx.txn.delete(row);
  else ctx.txn.set(row, { locator_set: locatorSet(ctx, rest) });
}

function clearMacs(ctx: VtepContext, side: Side): void {
  const { ucast, mcast } = ctx.fabric.logicalSwitch(ctx.argv[1]!).macs[side];
  for (const row of ucast.values()) ctx.txn.delete(row);
  for (const row of mcast.values()) ctx.txn.delete(row);
}

function listMacs(ctx: VtepContext, side: Side): void {
  const { ucast, mcast } = ctx.fabric.logicalSwitch(ctx.argv[1]!).macs[side];
  const lines = (mac: string, locators: readonly Locator[]): string[] =>
    locators.map((locator) => `  ${mac} -> ${locatorText(locator)}`);
  const ucastLines = [...ucast].flatMap(([mac, row]) => lines(mac, row.locator ? [row.locator] : []));
  const mcastLines = [...mcast].flatMap(([mac, row]) => lines(mac, locatorsOf(row)));
  ctx.output = `ucast-mac-${side}\n${sortedLines(ucastLines)}\nmcast-mac-${side}\n${sortedLines(mcastLines)}\n`;
}

type MacFunction = (ctx: VtepContext, side: Side) => void;

function macCommand(
  name: string,
  side: Side,
  [minArgs, maxArgs]: readonly [number, number],
  mode: 'ro' | 'rw',
  work: MacFunction,
): VtepCommand {
  return {
    name,
    minArgs,
    maxArgs,
    arguments: '',
    mode,
    prerequisites: prepareFabric,
    run(ctx) {
      work(ctx, side);
      ctx.invalidate();
    },
  };
}

const commandsOf = (side: Side): VtepCommand[] => [
  macCommand(`add-ucast-${side}`, side, [3, 4], 'rw', addUcast),
  macCommand(`del-ucast-${side}`, side, [2, 2], 'rw', delUcast),
  macCommand(`add-mcast-${side}`, side, [3, 4], 'rw', addMcast),
  macCommand(`del-mcast-${side}`, side, [3, 4], 'rw', delMcast),
  macCommand(`clear-${side}-macs`, side, [1, 1], 'ro', clearMacs),
  macCommand(`list-${side}-macs`, side, [1, 1], 'ro', listMacs),
];

export const MAC_COMMANDS = [...commandsOf('local'), ...commandsOf('remote')];
