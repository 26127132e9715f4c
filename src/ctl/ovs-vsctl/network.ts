/**
 * The network that the database describes, by name: bridges, VLAN ("fake") bridges, ports, interfaces.
 *
 * A VLAN bridge is a port of another bridge with `fake_bridge` set; the ports of its parent with its tag count
 * as its own. C counterpart: the cache of struct vsctl_context in utilities/ovs-vsctl.c.
 */

import { vlog } from '../../base/vlog.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import { fail } from '../db-ctl/context.ts';
import type { OvsRow, OvsRows } from './rows.ts';

const log = vlog('vsctl');

export interface Bridge {
  readonly name: string;
  /** The row of this bridge, or of its parent if it is a VLAN bridge. */
  readonly row: OvsRow<'Bridge'>;
  /** A VLAN bridge's real bridge. */
  readonly parent: Bridge | undefined;
  /** Of a VLAN bridge, else 0. */
  readonly vlan: number;
  readonly ports: Set<Port>;
  /** Its VLAN bridges, by VLAN. */
  readonly children: Map<number, Bridge>;
}

export interface Port {
  readonly row: OvsRow<'Port'>;
  readonly bridge: Bridge;
  readonly interfaces: Set<Interface>;
}

export interface Interface {
  readonly row: OvsRow<'Interface'>;
  readonly port: Port;
}

/** Names, one a line, sorted. */
export const sortedLines = (names: Iterable<string>): string =>
  [...names]
    .sort(compareStrings)
    .map((name) => `${name}\n`)
    .join('');

/** Asks for the columns that a network is made of. */
export function prepareNetwork({ idl }: OvsRows): void {
  idl.monitor('Open_vSwitch', ['bridges']);
  idl.monitor('Bridge', ['name', 'controller', 'fail_mode', 'ports']);
  idl.monitor('Port', ['name', 'fake_bridge', 'tag', 'interfaces']);
  idl.monitor('Interface', ['name', 'ofport', 'error']);
}

export class Network {
  readonly bridges = new Map<string, Bridge>();
  readonly ports = new Map<string, Port>();
  readonly interfaces = new Map<string, Interface>();
  readonly #db: OvsRows;
  #portsVerified = false;

  constructor(db: OvsRows) {
    this.#db = db;
    const rows = db.ovs.bridges;
    // Bridges come first, since a port of a later bridge may have the name of a VLAN bridge.
    for (const row of rows) this.#addBridges(row);
    const seen = new Set<string>();
    for (const row of rows) {
      if (seen.has(row.name)) continue;
      seen.add(row.name);
      for (const port of row.ports) this.#addPorts(this.bridges.get(row.name)!, port, seen);
    }
  }

  #addBridges(row: OvsRow<'Bridge'>): void {
    if (this.bridges.has(row.name)) {
      log.warn(`${row.name}: database contains duplicate bridge name`);
      return;
    }
    const bridge = this.#addBridge(row.name, row, undefined, 0);
    for (const port of row.ports)
      if (port.fake_bridge && port.tag !== undefined && !this.bridges.has(port.name))
        this.#addBridge(port.name, row, bridge, port.tag);
  }

  #addBridge(name: string, row: OvsRow<'Bridge'>, parent: Bridge | undefined, vlan: number): Bridge {
    const bridge: Bridge = { name, row, parent, vlan, ports: new Set(), children: new Map() };
    const conflict = parent?.children.get(vlan);
    if (conflict)
      log.warn(
        `${parent!.name}: bridge has multiple VLAN bridges (${name} and ${conflict.name}) for VLAN ${vlan}, but only one is allowed`,
      );
    else parent?.children.set(vlan, bridge);
    this.bridges.set(name, bridge);
    return bridge;
  }

  #addPorts(bridge: Bridge, row: OvsRow<'Port'>, seen: Set<string>): void {
    const other = this.ports.get(row.name);
    if (other) {
      if (other.row === row)
        log.warn(`${row.name}: port is in multiple bridges (${bridge.name} and ${other.bridge.name})`);
      else log.err(`${row.name}: database contains duplicate port name`);
      return;
    }
    if (row.fake_bridge && row.tag !== undefined) {
      if (seen.has(row.name)) return;
      seen.add(row.name);
    }
    const port = this.addPort(bridge, row);
    for (const iface of row.interfaces) {
      const twin = this.interfaces.get(iface.name);
      if (!twin) this.addInterface(port, iface);
      else if (twin.row === iface)
        log.warn(
          `${iface.name}: interface is in multiple ports (${twin.port.row.name} and ${port.row.name})`,
        );
      else log.err(`${iface.name}: database contains duplicate interface name`);
    }
  }

  addPort(bridge: Bridge, row: OvsRow<'Port'>): Port {
    const owner = (row.tag === undefined ? undefined : bridge.children.get(row.tag)) ?? bridge;
    const port: Port = { row, bridge: owner, interfaces: new Set() };
    owner.ports.add(port);
    this.ports.set(row.name, port);
    return port;
  }

  addInterface(port: Port, row: OvsRow<'Interface'>): void {
    const iface: Interface = { row, port };
    port.interfaces.add(iface);
    this.interfaces.set(row.name, iface);
  }

  /** The transaction fails if the structure of the network changes meanwhile. */
  verifyPorts(): void {
    if (this.#portsVerified) return;
    this.#portsVerified = true;
    const { txn, idl } = this.#db;
    txn.verify(this.#db.ovs, 'bridges');
    for (const bridge of idl.rows('Bridge')) txn.verify(bridge, 'ports');
    for (const port of idl.rows('Port')) txn.verify(port, 'interfaces');
  }

  findBridge(name: string): Bridge | undefined {
    this.#db.txn.verify(this.#db.ovs, 'bridges');
    return this.bridges.get(name);
  }

  /** @throws ToolError */
  bridge(name: string): Bridge {
    return this.findBridge(name) ?? fail(`no bridge named ${name}`);
  }

  /** @throws ToolError also for a VLAN bridge */
  realBridge(name: string): Bridge {
    const bridge = this.bridge(name);
    if (bridge.parent) fail(`${name} is a fake bridge`);
    return bridge;
  }

  /** A bridge's local port does not count. */
  findPort(name: string): Port | undefined {
    this.verifyPorts();
    const port = this.ports.get(name);
    return port?.bridge.name === name ? undefined : port;
  }

  /** @throws ToolError */
  port(name: string): Port {
    return this.findPort(name) ?? fail(`no port named ${name}`);
  }

  findInterface(name: string): Interface | undefined {
    this.verifyPorts();
    const iface = this.interfaces.get(name);
    return iface?.port.bridge.name === name ? undefined : iface;
  }

  /** @throws ToolError */
  interface(name: string): Interface {
    return this.findInterface(name) ?? fail(`no interface named ${name}`);
  }

  /** @throws ToolError if something has that name already */
  checkFree(name: string, what: string): void {
    this.verifyPorts();
    const cannot = `cannot create ${what} named ${name} because`;
    if (this.bridges.has(name)) fail(`${cannot} a bridge named ${name} already exists`);
    const port = this.ports.get(name);
    if (port) fail(`${cannot} a port named ${name} already exists on bridge ${port.bridge.name}`);
    const iface = this.interfaces.get(name);
    if (iface)
      fail(`${cannot} an interface named ${name} already exists on bridge ${iface.port.bridge.name}`);
  }

  removePort(port: Port): void {
    const { txn } = this.#db;
    const { row } = port.bridge;
    txn.set(row, { ports: row.ports.filter((other) => other !== port.row) });
    for (const iface of port.interfaces) this.removeInterface(iface);
    port.bridge.ports.delete(port);
    this.ports.delete(port.row.name);
    txn.delete(port.row);
  }

  removeInterface(iface: Interface): void {
    iface.port.interfaces.delete(iface);
    this.interfaces.delete(iface.row.name);
    this.#db.txn.delete(iface.row);
  }

  removeBridge(bridge: Bridge): void {
    const { txn, idl, ovs } = this.#db;
    for (const child of bridge.children.values()) this.removeBridge(child);
    for (const port of bridge.ports) this.removePort(port);
    this.bridges.delete(bridge.name);
    if (bridge.parent) {
      bridge.parent.children.delete(bridge.vlan);
      return;
    }
    for (const set of idl.rows('Flow_Sample_Collector_Set')) if (set.bridge === bridge.row) txn.delete(set);
    txn.delete(bridge.row);
    txn.set(ovs, { bridges: ovs.bridges.filter((row) => row !== bridge.row) });
  }
}
