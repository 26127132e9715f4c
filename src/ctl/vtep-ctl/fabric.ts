/**
 * The fabric that the database describes, by name: physical switches and their ports, logical switches with the MAC
 * addresses bound to them, logical routers, and the tunnel endpoints (locators) behind which the addresses are.
 *
 * It is a view of one moment of the transaction: a command that changes rows calls `VtepContext.invalidate`.
 * C counterpart: the cache of struct vtep_ctl_context in vtep/vtep-ctl.c.
 */
import { vlog } from '../../base/vlog.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import { fail } from '../db-ctl/context.ts';
import type { VtepRow, VtepRows } from './rows.ts';

const log = vlog('vtep_ctl');

/** Who found out where a MAC address is: the physical switch, or a controller for the rest of the network. */
export type Side = 'local' | 'remote';

const UCAST_TABLES = { local: 'Ucast_Macs_Local', remote: 'Ucast_Macs_Remote' } as const;
const MCAST_TABLES = { local: 'Mcast_Macs_Local', remote: 'Mcast_Macs_Remote' } as const;
export const ucastTable = (side: Side): (typeof UCAST_TABLES)[Side] => UCAST_TABLES[side];
export const mcastTable = (side: Side): (typeof MCAST_TABLES)[Side] => MCAST_TABLES[side];

export type Locator = VtepRow<'Physical_Locator'>;
export type UcastMac = VtepRow<(typeof UCAST_TABLES)[Side]>;
export type McastMac = VtepRow<(typeof MCAST_TABLES)[Side]>;

export interface PhysicalSwitch {
  readonly name: string;
  readonly row: VtepRow<'Physical_Switch'>;
  readonly ports: Port[];
}

export interface Port {
  readonly row: VtepRow<'Physical_Port'>;
  readonly owner: PhysicalSwitch;
  /** By VLAN, as a decimal number. */
  readonly bindings: Map<string, LogicalSwitch>;
}

/** By MAC address, as it is written in the database. */
interface Macs {
  readonly ucast: Map<string, UcastMac>;
  readonly mcast: Map<string, McastMac>;
}

export interface LogicalSwitch {
  readonly name: string;
  readonly row: VtepRow<'Logical_Switch'>;
  readonly macs: Readonly<Record<Side, Macs>>;
}

/** Lines, sorted. */
export const sortedLines = (lines: Iterable<string>): string =>
  [...lines]
    .sort(compareStrings)
    .map((line) => `${line}\n`)
    .join('');

/** Asks for the columns that a fabric is made of. */
export function prepareFabric({ idl }: VtepRows): void {
  idl.monitor('Global', ['switches']);
  idl.monitor('Physical_Switch', ['name', 'ports', 'tunnels']);
  idl.monitor('Physical_Port', ['name', 'vlan_bindings']);
  idl.monitor('Logical_Switch', ['name', 'replication_mode']);
  idl.monitor('Logical_Router', ['name']);
  for (const side of ['local', 'remote'] as const) {
    idl.monitor(ucastTable(side), ['MAC', 'locator', 'logical_switch']);
    idl.monitor(mcastTable(side), ['MAC', 'locator_set', 'logical_switch']);
  }
  idl.monitor('Physical_Locator_Set', ['locators']);
  idl.monitor('Physical_Locator', ['dst_ip', 'encapsulation_type']);
  idl.monitor('Tunnel', ['local', 'remote']);
}

export class Fabric {
  readonly switches = new Map<string, PhysicalSwitch>();
  readonly logicalSwitches = new Map<string, LogicalSwitch>();
  readonly routers = new Map<string, VtepRow<'Logical_Router'>>();
  readonly #ports = new Map<string, Port>();
  readonly #locators = new Map<string, Locator>();
  readonly #db: VtepRows;

  constructor(db: VtepRows) {
    this.#db = db;
    const { idl } = db;
    for (const row of idl.rows('Logical_Switch'))
      addOnce(this.logicalSwitches, 'logical switch', row.name, () => ({
        name: row.name,
        row,
        macs: {
          local: { ucast: new Map(), mcast: new Map() },
          remote: { ucast: new Map(), mcast: new Map() },
        },
      }));
    for (const row of idl.rows('Logical_Router'))
      addOnce(this.routers, 'logical router', row.name, () => row);
    this.#addMacs('local');
    this.#addMacs('remote');
    for (const { local, remote } of idl.rows('Tunnel')) {
      this.#addLocator(local);
      this.#addLocator(remote);
    }
    for (const row of db.global.switches) {
      const name = row.name;
      const made = addOnce(this.switches, 'physical switch', name, () => ({ name, row, ports: [] }));
      if (made) for (const port of row.ports) this.#addPort(made, port);
    }
  }

  #addMacs(side: Side): void {
    const { idl } = this.#db;
    for (const row of idl.rows(ucastTable(side))) {
      const owner = this.#ownerOf(row.logical_switch);
      if (!owner) continue;
      this.#addLocator(row.locator);
      owner.macs[side].ucast.set(row.MAC, row);
    }
    for (const row of idl.rows(mcastTable(side))) {
      const owner = this.#ownerOf(row.logical_switch);
      if (!owner) continue;
      for (const locator of locatorsOf(row)) this.#addLocator(locator);
      owner.macs[side].mcast.set(row.MAC, row);
    }
  }

  #ownerOf(row: VtepRow<'Logical_Switch'> | undefined): LogicalSwitch | undefined {
    return row && this.logicalSwitches.get(row.name);
  }

  #addLocator(row: Locator | undefined): void {
    if (!row) return;
    const key = locatorText(row);
    if (!this.#locators.has(key)) this.#locators.set(key, row);
  }

  #addPort(owner: PhysicalSwitch, row: VtepRow<'Physical_Port'>): void {
    const port: Port = { row, owner, bindings: new Map() };
    for (const [vlan, { name }] of row.vlan_bindings)
      port.bindings.set(String(vlan), this.logicalSwitch(name));
    owner.ports.push(port);
    this.#ports.set(`${owner.name}+${row.name}`, port);
  }

  findSwitch(name: string): PhysicalSwitch | undefined {
    this.#db.txn.verify(this.#db.global, 'switches');
    return this.switches.get(name);
  }

  /** @throws ToolError */
  switch(name: string): PhysicalSwitch {
    return this.findSwitch(name) ?? fail(`no physical switch named ${name}`);
  }

  /** A port that is named like its switch does not count. */
  findPort(switchName: string, name: string): Port | undefined {
    const { txn, idl, global } = this.#db;
    txn.verify(global, 'switches');
    for (const row of idl.rows('Physical_Switch')) txn.verify(row, 'ports');
    return name === switchName ? undefined : this.#ports.get(`${switchName}+${name}`);
  }

  /** @throws ToolError */
  port(switchName: string, name: string): Port {
    return this.findPort(switchName, name) ?? fail(`no port named ${name}`);
  }

  /** @throws ToolError */
  logicalSwitch(name: string): LogicalSwitch {
    return this.logicalSwitches.get(name) ?? fail(`no logical switch named ${name}`);
  }

  findLocator(encapsulation: string, ip: string): Locator | undefined {
    return this.#locators.get(`${encapsulation}/${ip}`);
  }

  removePort({ owner, row }: Port): void {
    const { txn } = this.#db;
    txn.set(owner.row, { ports: owner.row.ports.filter((other) => other !== row) });
    txn.delete(row);
  }

  removeSwitch(physical: PhysicalSwitch): void {
    const { txn, global } = this.#db;
    for (const port of physical.ports) this.removePort(port);
    txn.delete(physical.row);
    txn.set(global, { switches: global.switches.filter((other) => other !== physical.row) });
  }
}

/** Adds what a name stands for, unless the database has the name twice. */
function addOnce<T>(map: Map<string, T>, what: string, name: string, make: () => T): T | undefined {
  if (map.has(name)) {
    log.warn(`${name}: database contains duplicate ${what} name`);
    return undefined;
  }
  const made = make();
  map.set(name, made);
  return made;
}

export const locatorText = (row: Locator): string => `${row.encapsulation_type}/${row.dst_ip}`;

/** The endpoints that want a group's packets. */
export const locatorsOf = (row: McastMac): readonly Locator[] => row.locator_set?.locators ?? [];
