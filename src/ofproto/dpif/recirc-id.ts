/**
 * Recirculation: translation that stops half-way, and the ids under which the datapath brings packets back.
 *
 * When translation needs what only the datapath can compute (a connection's state, a hash, the header below an
 * MPLS label), it freezes what it knows into a {@link FrozenState} and emits `recirc(ID)`. The state is found
 * again by the id when the packet comes back, and by its content, so that revalidating a flow yields the
 * same id. Ids are counted references: each installed datapath flow holds those that its actions name.
 * An id that nobody holds any more is kept for a while, since packets may still be under way with it.
 * C counterpart: ofproto/ofproto-dpif-rid.c.
 */
import { F, type Flow } from '../../flow/layout.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import type { OfportDpif } from './ofport.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';

const EXPIRE_MS = 250;

/** A value on the stack of stack_push and stack_pop. */
export interface StackEntry {
  readonly value: bigint;
  readonly bytes: number;
}

/** Tunnel fields, metadata and registers are the first words of a flow. */
const METADATA_WORDS = F.SKB_PRIORITY;

export interface FrozenState {
  /** Table to resume in when there are no actions left. */
  readonly tableId: number;
  readonly bridge: OfprotoDpif;
  /** Tunnel fields, metadata, registers. */
  readonly metadata: Uint32Array;
  /** OpenFlow port on which the packet came into `bridge`. */
  readonly inPort: number;
  readonly stack: readonly StackEntry[];
  /** Bit mask of mirrors that have had the packet. */
  readonly mirrors: number;
  readonly conntracked: boolean;
  readonly wasMpls: boolean;
  /** Port on which the datapath received the packet, if it is a port of a bridge. */
  readonly xport: OfportDpif | undefined;
  /** Actions still to execute. Empty: look up `tableId`. */
  readonly actions: readonly OfpAct[];
  readonly actionSet: readonly OfpAct[];
  readonly userdata: Uint8Array;
}

/** The part of `flow` that {@link FrozenState.metadata} keeps. */
export const freezeMetadata = (flow: Flow): Uint32Array => flow.slice(0, METADATA_WORDS);

/** Puts it back. */
export const thawMetadata = (state: FrozenState, flow: Flow): void => {
  flow.set(state.metadata);
  flow[F.IN_PORT] = state.inPort;
};

interface Node {
  readonly id: number;
  readonly key: string;
  readonly state: FrozenState;
  references: number;
  /** When the last reference went. */
  unusedSince: number;
}

const actionSerials = new WeakMap<OfpAct, number>();
let nextSerial = 0;

/** Actions are immutable and shared, so identity is equality - except for those that freezing itself makes. */
function actionKey(a: OfpAct): string {
  switch (a.kind) {
    case 'unroll_xlate':
      return `u${a.table}:${a.cookie}`;
    case 'resubmit':
      return `r${a.inPort}:${a.table}:${a.withCt}`;
    case 'set_field':
      return `f${a.field}:${a.value}:${a.mask}`;
    default: {
      let serial = actionSerials.get(a);
      if (serial === undefined) actionSerials.set(a, (serial = nextSerial++));
      return `#${serial}`;
    }
  }
}

function stateKey(s: FrozenState): string {
  let key = `${s.tableId},${s.bridge.serial},${s.inPort},${s.mirrors},${s.conntracked},${s.wasMpls},${s.xport?.serial ?? ''}`;
  for (let i = 0; i < s.metadata.length; i++) if (s.metadata[i] !== 0) key += `,${i}=${s.metadata[i]}`;
  for (const e of s.stack) key += `;s${e.bytes}:${e.value}`;
  for (const a of s.actions) key += `;a${actionKey(a)}`;
  for (const a of s.actionSet) key += `;w${actionKey(a)}`;
  if (s.userdata.length > 0) key += `;d${s.userdata.join('.')}`;
  return key;
}

export class RecircIds {
  readonly #now: () => number;
  readonly #byId = new Map<number, Node>();
  readonly #byKey = new Map<string, Node>();
  /** Unreferenced nodes, in the order in which they became so. */
  readonly #unused = new Set<Node>();
  #nextId = 1;

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The id for `state`, with a reference for the caller. */
  allocate(state: FrozenState): number {
    const key = stateKey(state);
    let node = this.#byKey.get(key);
    if (!node) {
      node = { id: this.#freeId(), key, state, references: 0, unusedSince: 0 };
      this.#byId.set(node.id, node);
      this.#byKey.set(key, node);
    }
    this.#reference(node);
    return node.id;
  }

  /** An id that names no state: bonds use one each. */
  allocateBare(bridge: OfprotoDpif): number {
    const id = this.#freeId();
    const state: FrozenState = {
      tableId: 254,
      bridge,
      metadata: new Uint32Array(METADATA_WORDS),
      inPort: 0xffff_ffff,
      stack: [],
      mirrors: 0,
      conntracked: false,
      wasMpls: false,
      xport: undefined,
      actions: [],
      actionSet: [],
      userdata: new Uint8Array(0),
    };
    const node: Node = { id, key: `bare${id}`, state, references: 1, unusedSince: 0 };
    this.#byId.set(id, node);
    this.#byKey.set(node.key, node);
    return id;
  }

  find(id: number): FrozenState | undefined {
    return this.#byId.get(id)?.state;
  }

  /** @returns whether the id exists */
  ref(id: number): boolean {
    const node = this.#byId.get(id);
    if (node) this.#reference(node);
    return node !== undefined;
  }

  unref(id: number): void {
    const node = this.#byId.get(id);
    if (!node || --node.references > 0) return;
    node.unusedSince = this.#now();
    this.#unused.add(node);
    // Packets under way still find it by its id, new translations take another one.
    if (this.#byKey.get(node.key) === node) this.#byKey.delete(node.key);
  }

  unrefAll(ids: readonly number[]): void {
    for (const id of ids) this.unref(id);
  }

  /** Forgets ids that have been unused for long enough. */
  run(): void {
    const now = this.#now();
    for (const node of this.#unused) {
      if (now - node.unusedSince < EXPIRE_MS) return;
      this.#unused.delete(node);
      this.#byId.delete(node.id);
    }
  }

  deadline(): number {
    for (const node of this.#unused) return node.unusedSince + EXPIRE_MS;
    return Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#byId.size;
  }

  #reference(node: Node): void {
    if (node.references++ === 0) this.#unused.delete(node);
  }

  #freeId(): number {
    for (;;) {
      const id = this.#nextId;
      this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
      if (!this.#byId.has(id)) return id;
    }
  }
}
