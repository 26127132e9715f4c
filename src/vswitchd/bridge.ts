/**
 * A bridge: brings one OpenFlow switch, its ports and its connections in line with a Bridge row.
 *
 * It is configured in phases, since one bridge may have to give up a device before another can take it:
 * {@link Bridge.dropUnwanted} on all bridges, then {@link Bridge.create}, {@link Bridge.addMissing} and
 * {@link Bridge.finish}. It owns its ports, interfaces, the references to their devices, and the switch.
 * C counterpart: struct bridge in vswitchd/bridge.c.
 */
import { errorStack } from '../base/error-stack.ts';
import { SystemError } from '../base/host.ts';
import type { Task } from '../base/loop.ts';
import { RateLimit, vlog } from '../base/vlog.ts';
import type { Netdev } from '../datapath/netdev-provider.ts';
import { OFPP } from '../flow/ports.ts';
import { ConnMgr, type ControllerInfo } from '../ofproto/connmgr/connmgr.ts';
import { OfprotoDpif } from '../ofproto/dpif/ofproto-dpif.ts';
import { handleFrame } from '../ofproto/handlers/handle-openflow.ts';
import type { Ofport } from '../ofproto/ofport.ts';
import { compareStrings } from '../ovsdb/atom.ts';
import type { Txn } from '../ovsdb/idl/txn.ts';
import { isMulticastMac } from '../packet/ethernet.ts';
import { defaultAddress, leastAddress, pickAddress, pickDatapathId } from './bridge-address.ts';
import { booleanOption, integerOption, type Ovs, type OvsRow } from './configuration.ts';
import type { SwitchEnvironment } from './environment.ts';
import { configureTables } from './flow-tables.ts';
import { failedInterface, Iface, macOf, preferredPort, reason, requestedPort } from './iface.ts';
import { configureMirrors } from './mirrors.ts';
import { type IfaceConfig, Port, type PortConfig, portConfig, syntheticLocalPort } from './port.ts';
import { configuredControllers, controllerSettings } from './remotes.ts';
import { isReservedName } from './reserved-names.ts';

const log = vlog('bridge');
const netdevLog = vlog('netdev');
const macLimit = new RateLimit(1, 5);
const addLimit = new RateLimit(1, 5);

const DEFAULT_MTU = 1500;
const DEFAULT_MAC_AGING_S = 300;
const DEFAULT_MAC_TABLE_SIZE = 8192;

export class Bridge {
  readonly name: string;
  /** Datapath type. */
  readonly type: string;
  row: OvsRow<'Bridge'>;
  readonly ports = new Map<string, Port>();
  readonly ifaces = new Map<string, Iface>();
  readonly #env: SwitchEnvironment;
  readonly #defaultAddress: number;
  readonly #mirrors = new Set<string>();
  #wanted: readonly PortConfig[] = [];
  /** Of the ports that have an MTU of their own, when it was last looked at. */
  #leastMtu: number | undefined;
  #ofproto: OfprotoDpif | undefined;
  #connections: ConnMgr | undefined;
  #task: Task | undefined;

  constructor(env: SwitchEnvironment, row: OvsRow<'Bridge'>, type: string) {
    this.#env = env;
    this.name = row.name;
    this.type = type;
    this.row = row;
    this.#defaultAddress = defaultAddress(row._uuid);
  }

  /** The switch, from {@link create} on. */
  get ofproto(): OfprotoDpif | undefined {
    return this.#ofproto;
  }
  get connections(): ConnMgr | undefined {
    return this.#connections;
  }

  destroy(): void {
    for (const iface of [...this.ifaces.values()]) this.#removeIface(iface);
    this.#connections?.destroy();
    this.#task?.remove();
    if (this.#ofproto) {
      this.#ofproto.up.destroy();
      this.#ofproto.destroy();
    }
    this.#ofproto = undefined;
  }

  // --- phases -----------------------------------------------------------------------------------------------

  /** Takes the row's ports over as what is wanted, and drops ports and interfaces that are not, or not so. */
  dropUnwanted(): void {
    this.#wanted = this.#wantedPorts();
    const wanted = new Map(this.#wanted.map((port) => [port.name, port]));
    for (const port of [...this.ports.values()]) {
      const config = wanted.get(port.name);
      if (config) port.config = config;
      for (const iface of [...port.ifaces]) {
        const own = config?.interfaces.find((other) => other.name === iface.name);
        if (!own || !this.#reconfigure(iface, own)) this.#removeIface(iface);
      }
    }
    this.#freeRequestedPorts();
  }

  #wantedPorts(): PortConfig[] {
    const ports = new Map<string, PortConfig>();
    for (const row of this.row.ports) {
      if (ports.has(row.name)) log.warn(`bridge ${this.name}: ${row.name} specified twice as bridge port`);
      else ports.set(row.name, portConfig(row));
    }
    if (configuredControllers(this.row).length > 0 && !ports.has(this.name)) {
      log.warn(`bridge ${this.name}: no port named ${this.name}, synthesizing one`);
      ports.set(this.name, syntheticLocalPort(this.name));
    }
    // Port numbers should not depend on the order of the rows' UUIDs.
    return [...ports.values()].sort((a, b) => compareStrings(a.name, b.name));
  }

  /** @returns false when the interface has to be removed (and perhaps added anew) */
  #reconfigure(iface: Iface, config: IfaceConfig): boolean {
    iface.config = config;
    const type = this.#typeOf(config);
    const isPort = this.#ofproto!.up.ports.get(iface.ofpPort)?.netdev === iface.netdev;
    if (!isPort || iface.netdev.vanished || this.#deviceType(type) !== this.#deviceType(iface.type))
      return false;
    iface.type = type;
    try {
      configureDevice(iface.netdev, config);
    } catch (error) {
      if (!(error instanceof InterfaceError)) throw error;
      // Adding it anew tells the row.
      return false;
    }
    this.#setMtu(iface.netdev, config);
    return true;
  }

  /** Removes interfaces that asked for another OpenFlow port than they have, if they can get it. */
  #freeRequestedPorts(): void {
    for (const iface of [...this.ifaces.values()]) {
      const wanted = requestedPort(iface.config);
      if (wanted === undefined || wanted === iface.ofpPort || iface.ofpPort === OFPP.LOCAL) continue;
      if (!this.ifaces.has(iface.name)) continue;
      const holder = [...this.ifaces.values()].find((other) => other.ofpPort === wanted);
      if (holder && requestedPort(holder.config) === wanted) continue;
      if (holder) this.#removeIface(holder);
      this.#removeIface(iface);
    }
  }

  /** Makes the switch, if there is none yet. @returns false if it cannot be made */
  create(): boolean {
    if (this.#ofproto) return true;
    const { host, backers } = this.#env;
    try {
      const options = { name: this.name, type: this.type, loop: host.loop, random: host.random };
      this.#ofproto = OfprotoDpif.create(options, backers);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.err(`failed to create bridge ${this.name}: ${error.message}`);
      return false;
    }
    this.#task = host.loop.task(this.#ofproto);
    const { up } = this.#ofproto;
    this.#connections = new ConnMgr({
      host,
      bridge: up,
      handle: (conn, bytes) => handleFrame(up, conn, bytes),
    });
    up.connections = this.#connections;
    return true;
  }

  /** Adds the interfaces that are missing: first those that ask for a port number, so that they get it. */
  addMissing(txn: Txn<Ovs>): void {
    for (const asking of [true, false])
      for (const port of this.#wanted)
        for (const config of port.interfaces)
          if (!this.ifaces.has(config.name) && (requestedPort(config) !== undefined) === asking)
            this.#addIface(txn, port, config);
  }

  #addIface(txn: Txn<Ovs>, port: PortConfig, config: IfaceConfig): void {
    let netdev: Netdev | undefined;
    try {
      const type = this.#typeOf(config);
      netdev = this.#open(config, type);
      configureDevice(netdev, config);
      this.#setMtu(netdev, config);
      const { ofpPort } = this.#addPort(netdev, config);
      const iface = this.#register(port, config, type, netdev, ofpPort);
      log.info(`bridge ${this.name}: added interface ${config.name} on port ${iface.ofport}`);
      if (config.row) txn.update(config.row, { ...iface.status(), ...iface.statistics() });
    } catch (error) {
      if (netdev) this.#env.devices.release(netdev);
      const known = error instanceof InterfaceError;
      // A mistake of ours costs this interface, not the others.
      if (!known) log.errRl(addLimit, `failed to add interface ${config.name}: ${errorStack(error)}`);
      if (config.row)
        txn.update(
          config.row,
          failedInterface(known ? error.forUser : `could not add interface ${config.name} (internal error)`),
        );
    }
  }

  /** @throws InterfaceError */
  #open({ name }: IfaceConfig, type: string): Netdev {
    if (isReservedName(name, this.#env.datapathTypes)) {
      log.warn(`could not create interface ${name}, name is reserved`);
      throw new InterfaceError(undefined);
    }
    try {
      return this.#env.devices.open(name, this.#deviceType(type));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const text = `could not open network device ${name} (${error.message})`;
      log.warn(text);
      throw new InterfaceError(text);
    }
  }

  /** @throws InterfaceError */
  #addPort(netdev: Netdev, config: IfaceConfig): Ofport {
    try {
      return this.#ofproto!.up.portAdd(netdev, preferredPort(config));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const text = `could not add network device ${config.name} to ofproto (${error.message})`;
      log.warnRl(addLimit, text);
      throw new InterfaceError(text);
    }
  }

  #register(wanted: PortConfig, config: IfaceConfig, type: string, netdev: Netdev, ofpPort: number): Iface {
    let port = this.ports.get(wanted.name);
    if (!port) this.ports.set(wanted.name, (port = new Port(wanted)));
    const iface = new Iface(port, config, type, netdev, ofpPort);
    port.ifaces.add(iface);
    this.ifaces.set(iface.name, iface);
    return iface;
  }

  #removeIface(iface: Iface): void {
    log.info(`bridge ${this.name}: deleted interface ${iface.name} on port ${iface.ofport}`);
    const { port } = iface;
    this.ifaces.delete(iface.name);
    port.ifaces.delete(iface);
    if (port.ifaces.size === 0) {
      this.ports.delete(port.name);
      this.#ofproto?.bundleRemove(port.name);
    }
    this.#ofproto?.up.portDel(iface.ofpPort);
    this.#env.devices.release(iface.netdev);
  }

  /** Everything else that the row says, once all ports are there. */
  finish(txn: Txn<Ovs>): void {
    const ofproto = this.#ofproto!;
    this.#configureAddress(txn);
    for (const port of this.ports.values()) {
      ofproto.bundleSet(port.bundle());
      for (const iface of port.ifaces) {
        this.#setMac(iface);
        const { row } = iface.config;
        if (row) txn.update(row, { ofport: iface.ofport, error: undefined });
      }
    }
    this.#followMtu();
    configureMirrors(ofproto, this.row, this.#mirrors);
    const options = this.row.other_config;
    ofproto.setForwardBpdu(booleanOption(options, 'forward-bpdu', false));
    ofproto.setMacTable(
      integerOption(options, 'mac-aging-time', 0) || DEFAULT_MAC_AGING_S,
      integerOption(options, 'mac-table-size', 0) || DEFAULT_MAC_TABLE_SIZE,
    );
    ofproto.setFloodVlans(new Set(this.row.flood_vlans));
    this.#configureRemotes();
    configureTables(ofproto.up, this.row);
    ofproto.up.description.dpDesc = options.get('dp-desc');
    ofproto.up.description.serialNum = options.get('dp-sn');
  }

  // --- parts ------------------------------------------------------------------------------------------------

  #typeOf(config: IfaceConfig): string {
    if (config.name === this.name) return 'internal';
    return config.row?.type || 'system';
  }

  #deviceType(type: string): string {
    return this.#ofproto!.backer.dpif.portOpenType(type);
  }

  #setMtu(netdev: Netdev, config: IfaceConfig): void {
    const mtu = config.row?.mtu_request;
    if (mtu === undefined || netdev.mtu() === mtu) return;
    try {
      netdev.setMtu(mtu);
    } catch (error) {
      log.warn(`could not set MTU of network device ${config.name} to ${mtu} (${reason(error)})`);
    }
  }

  /**
   * Internal ports whose MTU the user does not set get the least of the other ports' whenever that changes, and in
   * between are kept from exceeding it.
   */
  #followMtu(): void {
    const internal = this.#deviceType('internal');
    const followers: Iface[] = [];
    let least: number | undefined;
    for (const iface of this.ifaces.values()) {
      const mtu = iface.netdev.mtu();
      if (mtu === undefined) continue;
      if (iface.netdev.type === internal && iface.config.row?.mtu_request === undefined)
        followers.push(iface);
      else least = Math.min(least ?? mtu, mtu);
    }
    if (least === undefined && this.#leastMtu === undefined) return;
    least ??= DEFAULT_MTU;
    const changed = least !== this.#leastMtu;
    this.#leastMtu = least;
    for (const { netdev, config } of followers) {
      const mtu = netdev.mtu()!;
      if (changed ? mtu === least : mtu <= least) continue;
      try {
        netdev.setMtu(least);
      } catch (error) {
        log.dbg(`could not set MTU of network device ${config.name} to ${least} (${reason(error)})`);
      }
    }
  }

  #configureAddress(txn: Txn<Ovs>): void {
    const address = pickAddress(this.row, this.ports.values(), this.#defaultAddress);
    const local = this.ifaces.get(this.name);
    if (local && local.netdev.mac() !== address) {
      try {
        local.netdev.setMac(address);
      } catch (error) {
        log.errRl(macLimit, `bridge ${this.name}: failed to set bridge Ethernet address: ${reason(error)}`);
      }
    }
    const id = pickDatapathId(this.row, address);
    const text = id.toString(16).padStart(16, '0');
    const { up } = this.#ofproto!;
    if (up.datapathId !== id) {
      log.info(`bridge ${this.name}: using datapath ID ${text}`);
      up.datapathId = id;
    }
    txn.update(this.row, { datapath_id: text });
  }

  /** Interface:mac of internal ports, or the address of a VLAN bridge's port. */
  #setMac(iface: Iface): void {
    if (iface.type !== 'internal') return;
    const { row } = iface.port.config;
    let mac = macOf(iface.config.row?.mac);
    if (mac === undefined && row?.fake_bridge)
      mac = leastAddress(this.row, this.ports.values(), this.#defaultAddress, iface.port);
    if (mac === undefined) return;
    const complain = (why: string): void => log.err(`interface ${iface.name}: ${why}`);
    if (iface.ofpPort === OFPP.LOCAL)
      complain("ignoring mac in Interface record (use Bridge record to set local port's mac)");
    else if (isMulticastMac(mac)) complain('cannot set MAC to multicast address');
    else if (mac === 0) complain('cannot set MAC to all zero address');
    else if (iface.netdev.mac() !== mac) {
      try {
        iface.netdev.setMac(mac);
      } catch (error) {
        complain(`setting MAC failed (${reason(error)})`);
      }
    }
  }

  #configureRemotes(): void {
    const runDir = this.#env.host.dirs.run;
    const connections = this.#connections!;
    connections.setControllers(controllerSettings(this.row, runDir, this.#env.confined));
    connections.setFailMode(this.row.fail_mode ?? 'standalone');
    connections.setSnoops([`punix:${runDir}/${this.name}.snoop`]);
  }

  // --- status -----------------------------------------------------------------------------------------------

  /** Writes what has changed of the interfaces' status. @param all also what has not */
  writeStatus(txn: Txn<Ovs>, all: boolean): void {
    this.#followMtu();
    txn.update(this.row, { datapath_version: this.#env.datapathVersion(this.type) });
    for (const iface of this.ifaces.values()) {
      const { row } = iface.config;
      if (!row || !(all || iface.hasNewStatus)) continue;
      iface.statusWritten();
      txn.update(row, iface.status());
    }
  }

  writeStatistics(txn: Txn<Ovs>): void {
    for (const iface of this.ifaces.values())
      if (iface.config.row) txn.update(iface.config.row, iface.statistics());
    for (const mirror of this.row.mirrors) {
      const counters = this.#ofproto?.mirrors.get(mirror._uuid);
      txn.update(mirror, {
        statistics: new Map(
          counters
            ? [
                ['tx_packets', counters.packets],
                ['tx_bytes', counters.bytes],
              ]
            : [],
        ),
      });
    }
    this.writeControllers(txn);
  }

  writeControllers(txn: Txn<Ovs>): void {
    const known = this.#connections?.controllerInfo();
    for (const row of configuredControllers(this.row)) {
      const info = known?.get(row.target);
      txn.update(row, {
        is_connected: info?.isConnected ?? false,
        role: roleText(info),
        status: info?.status ?? new Map(),
      });
    }
  }
}

/** An interface cannot be had; the log says why. */
class InterfaceError extends Error {
  /** What the row says; undefined where only the log does. */
  readonly forUser: string | undefined;
  constructor(forUser: string | undefined) {
    super(forUser);
    this.forUser = forUser;
  }
}

/** Gives a device the options of its row. @throws InterfaceError */
function configureDevice(netdev: Netdev, { name, row }: IfaceConfig): void {
  try {
    netdev.configure(row?.options ?? new Map());
  } catch (error) {
    const text = reason(error);
    for (const line of text.split('\n')) netdevLog.warn(line);
    netdevLog.warn(`${name}: could not set configuration (Invalid argument)`);
    throw new InterfaceError(text);
  }
}

/** As the Controller table words it. */
function roleText(info: ControllerInfo | undefined): 'other' | 'master' | 'slave' | undefined {
  switch (info?.role) {
    case 'equal':
      return 'other';
    case 'primary':
      return 'master';
    case 'secondary':
      return 'slave';
    default:
      return undefined;
  }
}
