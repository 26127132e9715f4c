/**
 * A "backer": one datapath with everything that the bridges on it share - port numbers, flow cache,
 * recirculation ids, patch ports between bridges. All bridges of one datapath type have the same.
 * C counterpart: struct dpif_backer.
 */

import type { Random } from '../../base/host.ts';
import type { Loop } from '../../base/loop.ts';
import type { Dpif, DpifOp, DpifResult, Ufid } from '../../datapath/dpif-provider.ts';
import type { Netdev } from '../../datapath/netdev-provider.ts';
import { F, type Flow } from '../../flow/layout.ts';
import { type NameMap, OFPP } from '../../flow/ports.ts';
import { DatapathMeters } from './datapath-meters.ts';
import { logOperations } from './dpif-log.ts';
import { type DatapathFeatures, USERSPACE_FEATURES } from './features.ts';
import type { OfportDpif } from './ofport.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import { RecircIds } from './recirc-id.ts';
import { Udpif } from './udpif.ts';

export type Lookup =
  | { readonly bridge: OfprotoDpif; readonly inPort: number; readonly port: OfportDpif | undefined }
  | { readonly error: string };

/** Opens a datapath of a type ('netdev', 'system', 'dummy'). */
export type DpifOpener = (type: string) => Dpif;

/** All backers of a process, by datapath type; made when the first bridge of the type is. */
export class Backers {
  readonly loop: Loop;
  readonly random: Random;
  readonly #open: DpifOpener;
  readonly #byType = new Map<string, Backer>();

  constructor(loop: Loop, random: Random, open: DpifOpener) {
    this.loop = loop;
    this.random = random;
    this.#open = open;
  }

  /** The backer for a new bridge. @throws SystemError when the datapath cannot be opened */
  acquire(type: string): Backer {
    let backer = this.#byType.get(type);
    if (!backer) this.#byType.set(type, (backer = new Backer(this, type, this.#open(type))));
    backer.references++;
    return backer;
  }

  release(backer: Backer): void {
    if (--backer.references > 0) return;
    this.#byType.delete(backer.type);
    backer.close();
  }

  get(type: string): Backer | undefined {
    return this.#byType.get(type);
  }

  /** Sorted by the name of their datapath. */
  all(): Backer[] {
    return [...this.#byType.values()].sort((a, b) => (a.fullName < b.fullName ? -1 : 1));
  }

  /** Every bridge of every backer. */
  *bridges(): IterableIterator<OfprotoDpif> {
    for (const backer of this.#byType.values()) yield* backer.bridges;
  }

  /** The bridge of that name, on whichever datapath. */
  bridge(name: string): OfprotoDpif | undefined {
    for (const b of this.bridges()) if (b.name === name) return b;
    return undefined;
  }

  /** A port of any bridge by name: a patch port's peer is named so. */
  portByName(name: string): OfportDpif | undefined {
    for (const b of this.bridges()) for (const p of b.ports()) if (p.name === name) return p;
    return undefined;
  }
}

export class Backer {
  readonly owner: Backers;
  readonly type: string;
  readonly dpif: Dpif;
  readonly loop: Loop;
  /** As they are used, and as the datapath has them. */
  readonly features: DatapathFeatures;
  readonly bootFeatures: Readonly<DatapathFeatures>;
  readonly recircIds: RecircIds;
  readonly udpif: Udpif;
  readonly meters: DatapathMeters;
  readonly bridges = new Set<OfprotoDpif>();
  readonly #ports = new Map<number, OfportDpif>();
  references = 0;

  constructor(owner: Backers, type: string, dpif: Dpif) {
    this.owner = owner;
    this.type = type;
    this.dpif = dpif;
    this.loop = owner.loop;
    this.features = { ...USERSPACE_FEATURES };
    this.bootFeatures = { ...USERSPACE_FEATURES };
    this.recircIds = new RecircIds(() => owner.loop.now());
    this.udpif = new Udpif(this, dpif, owner.loop);
    this.meters = new DatapathMeters(dpif);
  }

  /** As dpctl names it, e.g. 'netdev@ovs-netdev'. */
  get fullName(): string {
    return `${this.dpif.type}@${this.dpif.name}`;
  }

  /** Asks the datapath, and logs what came of it. */
  operate(ops: readonly DpifOp[], done?: (results: readonly DpifResult[]) => void): void {
    this.dpif.operate(ops, (results) => {
      logOperations(this, ops, results);
      done?.(results);
    });
  }
  /** For the log. */
  keyOf(ufid: Ufid): Flow | undefined {
    return this.udpif.ukeys.get(ufid)?.key;
  }
  now(): number {
    return this.loop.now();
  }

  /** Adds a device to the datapath. @throws SystemError */
  addPort(netdev: Netdev): number {
    return this.dpif.portAdd(netdev);
  }

  /** Names of the datapath's ports. */
  portNames(): NameMap {
    const ports = this.dpif.ports();
    return {
      nameOf: (n) => ports.find((p) => p.portNo === n)?.name,
      numberOf: (name) => ports.find((p) => p.name === name)?.portNo,
    };
  }

  claimPort(odpPort: number, port: OfportDpif): void {
    this.#ports.set(odpPort, port);
  }
  releasePort(odpPort: number): void {
    this.#ports.delete(odpPort);
  }
  /** Somebody else took a port out of the datapath. */
  portVanished(odpPort: number): void {
    const port = this.#ports.get(odpPort);
    port?.bridge.up.portDel(port.ofpPort);
  }
  portByOdp(odpPort: number): OfportDpif | undefined {
    return this.#ports.get(odpPort);
  }

  /** The bridge, and its port, that a packet from the datapath belongs to. */
  lookup(key: Flow): Lookup {
    const recircId = key[F.RECIRC_ID]!;
    if (recircId !== 0) {
      const state = this.recircIds.find(recircId);
      if (!state) return { error: `no recirculation data for recirc_id 0x${recircId.toString(16)}` };
      const { inPort, xport, bridge } = state;
      const fromController = inPort === OFPP.NONE || inPort === OFPP.CONTROLLER;
      if (!fromController && xport) {
        if (!xport.removed) return { bridge: xport.bridge, inPort: xport.ofpPort, port: xport };
      } else if (!bridge.destroyed && (fromController || bridge.portByOfp(inPort)))
        return { bridge, inPort, port: undefined };
    }
    const port = this.#ports.get(key[F.IN_PORT]!);
    if (!port) return { error: `no OpenFlow port for datapath port ${key[F.IN_PORT]}` };
    return { bridge: port.bridge, inPort: port.ofpPort, port };
  }

  close(): void {
    this.udpif.close();
    this.dpif.close();
  }
}
