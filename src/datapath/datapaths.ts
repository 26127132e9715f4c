/**
 * The datapaths that exist, by type and name. The bridges of a type share the one named ovs-TYPE; `dpctl/add-dp` makes
 * others. It owns the devices that belong to a datapath and to no bridge. C counterpart: lib/dpif.c.
 */
import { ERRNO } from '../base/errno.ts';
import { SystemError } from '../base/host.ts';
import type { Dpif } from './dpif-provider.ts';
import type { Netdev } from './netdev-provider.ts';
import type { NetdevRegistry } from './netdev-registry.ts';

/** Port number of the device that a datapath has from its start. */
const LOCAL_PORT = 0;

interface Datapath {
  readonly dpif: Dpif;
  /** By port number: the devices that nobody else holds. */
  readonly devices: Map<number, Netdev>;
}

export interface DatapathTypes {
  /** @param closed to be called when the datapath has closed. @throws SystemError EAFNOSUPPORT */
  make(type: string, name: string, closed: () => void): Dpif;
  /** Type of the device that is named as a datapath and is its port 0; undefined for none. */
  localPortType(type: string): string | undefined;
}

export const fullName = ({ type, name }: Dpif): string => `${type}@${name}`;

export class Datapaths {
  readonly #types: DatapathTypes;
  readonly #devices: NetdevRegistry;
  readonly #all = new Map<string, Datapath>();

  constructor(types: DatapathTypes, devices: NetdevRegistry) {
    this.#types = types;
    this.#devices = devices;
  }

  find(type: string, name: string): Dpif | undefined {
    return this.#all.get(`${type}@${name}`)?.dpif;
  }

  /** Sorted by type and name. */
  all(): Dpif[] {
    return [...this.#all.keys()].sort().map((key) => this.#all.get(key)!.dpif);
  }

  /** @throws SystemError EEXIST, EAFNOSUPPORT, and what opening its device gives */
  create(type: string, name: string): Dpif {
    const key = `${type}@${name}`;
    if (this.#all.has(key)) throw new SystemError(ERRNO.EEXIST);
    const dpif = this.#types.make(type, name, () => {
      const own = this.#all.get(key);
      this.#all.delete(key);
      for (const netdev of own?.devices.values() ?? []) this.#devices.release(netdev);
    });
    this.#all.set(key, { dpif, devices: new Map() });
    const localType = this.#types.localPortType(type);
    try {
      if (localType !== undefined) this.addPort(dpif, this.#devices.open(name, localType), LOCAL_PORT);
    } catch (error) {
      dpif.close();
      throw error;
    }
    return dpif;
  }

  /** Adds a device that no bridge knows of; the reference to it is the datapath's then. @throws SystemError */
  addPort(dpif: Dpif, netdev: Netdev, portNo?: number): number {
    try {
      const number = dpif.portAdd(netdev, portNo);
      this.#all.get(fullName(dpif))?.devices.set(number, netdev);
      return number;
    } catch (error) {
      this.#devices.release(netdev);
      throw error;
    }
  }

  /** @throws SystemError EINVAL for the local port, ENODEV */
  deletePort(dpif: Dpif, portNo: number): void {
    if (portNo === LOCAL_PORT) throw new SystemError(ERRNO.EINVAL);
    dpif.portDel(portNo);
    const own = this.#all.get(fullName(dpif))?.devices;
    const netdev = own?.get(portNo);
    if (!netdev) return;
    own!.delete(portNo);
    this.#devices.release(netdev);
  }
}
