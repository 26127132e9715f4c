/**
 * OpenFlow bundles: messages collected under a number, then carried out together or not at all.
 *
 * A commit starts all messages for the next version of the tables, which can be undone, and finishes them only
 * when none has failed. Each connection has its own bundles; those that stay unused for ten seconds are discarded.
 * C counterpart: ofproto/bundles.c and do_bundle_commit().
 */
import { vlog } from '../base/vlog.ts';
import { OfpError, type OfpErrorName } from '../openflow/errors.ts';
import { OFPBF } from '../openflow/messages/bundle.ts';
import type { OfConn } from './ofconn.ts';
import type { Ofproto } from './ofproto.ts';

const log = vlog('bundles');

/** Messages of one bundle; a commit holds up everything else while it lasts. */
const MAX_MESSAGES = 1_000_000;
/** Bundles of one connection. */
const MAX_BUNDLES = 1024;

/** A message in a bundle: its part in a commit. */
export interface BundleStep {
  /** The message that brought it, for errors. */
  readonly bytes: Uint8Array;
  readonly isPortMod: boolean;
  /** @throws OfpError */
  start(): void;
  revert(): void;
  /** After the new version was published. */
  finish(): void;
  /** After all others were finished. */
  execute?(): void;
}

class Bundle {
  readonly flags: number;
  /** The message that made it. */
  readonly opener: Uint8Array;
  readonly steps: BundleStep[] = [];
  closed = false;
  usedMs: number;
  constructor(flags: number, opener: Uint8Array, nowMs: number) {
    this.flags = flags;
    this.opener = opener;
    this.usedMs = nowMs;
  }
}

/** The bundles of one connection. */
export class Bundles {
  readonly #ofproto: Ofproto;
  readonly #conn: OfConn;
  readonly #bundles = new Map<number, Bundle>();

  private constructor(ofproto: Ofproto, conn: OfConn) {
    this.#ofproto = ofproto;
    this.#conn = conn;
    ofproto.everySecond.add(this.#expire);
    ofproto.wake();
    conn.onClose.add(() => ofproto.everySecond.delete(this.#expire));
  }

  static of(ofproto: Ofproto, conn: OfConn): Bundles {
    let bundles = conn.attachments.get(Bundles) as Bundles | undefined;
    if (!bundles) conn.attachments.set(Bundles, (bundles = new Bundles(ofproto, conn)));
    return bundles;
  }

  readonly #expire = (nowMs: number): void => {
    for (const [id, bundle] of this.#bundles) {
      if (bundle.usedMs > nowMs - this.#ofproto.bundleIdleTimeoutMs) continue;
      this.#bundles.delete(id);
      this.#conn.sendError('OFPBFC_TIMEOUT', bundle.opener);
    }
  };

  #get(id: number): Bundle {
    const bundle = this.#bundles.get(id);
    if (!bundle) throw new OfpError('OFPBFC_BAD_ID');
    return bundle;
  }

  /** Whatever is wrong with the use of a bundle, it is the end of the bundle. */
  #fail(id: number, code: OfpErrorName): never {
    this.#bundles.delete(id);
    throw new OfpError(code);
  }

  #create(id: number, flags: number, opener: Uint8Array): Bundle {
    if (this.#bundles.size >= MAX_BUNDLES) throw new OfpError('OFPBFC_OUT_OF_BUNDLES');
    const bundle = new Bundle(flags, opener.slice(), this.#ofproto.now());
    this.#bundles.set(id, bundle);
    return bundle;
  }

  open(id: number, flags: number, opener: Uint8Array): void {
    if (this.#bundles.has(id)) {
      log.info(`Bundle ${id.toString(16)} already exists.`);
      this.#fail(id, 'OFPBFC_BAD_ID');
    }
    this.#create(id, flags, opener);
  }

  close(id: number, flags: number): void {
    const bundle = this.#get(id);
    if (bundle.closed) this.#fail(id, 'OFPBFC_BUNDLE_CLOSED');
    if (bundle.flags !== flags) this.#fail(id, 'OFPBFC_BAD_FLAGS');
    bundle.usedMs = this.#ofproto.now();
    bundle.closed = true;
  }

  discard(id: number): void {
    this.#get(id);
    this.#bundles.delete(id);
  }

  /** Adds a message; a bundle need not be opened first. */
  add(id: number, flags: number, step: BundleStep): void {
    const bundle = this.#bundles.get(id) ?? this.#create(id, flags, step.bytes);
    if (bundle.closed) this.#fail(id, 'OFPBFC_BUNDLE_CLOSED');
    if (bundle.flags !== flags) this.#fail(id, 'OFPBFC_BAD_FLAGS');
    if (bundle.steps.length >= MAX_MESSAGES) this.#fail(id, 'OFPBFC_MSG_TOO_MANY');
    bundle.usedMs = this.#ofproto.now();
    bundle.steps.push(step);
  }

  /** Carries a bundle out; it is gone whatever comes of it.
   * @throws OfpError, with nothing changed; the message at fault has been answered with its error already */
  commit(id: number, flags: number): void {
    const bundle = this.#get(id);
    this.#bundles.delete(id);
    if (bundle.flags !== flags) throw new OfpError('OFPBFC_BAD_FLAGS');
    const { steps } = bundle;
    this.#start(steps, (flags & OFPBF.ATOMIC) !== 0);
    this.#ofproto.publish();
    for (const step of steps) step.finish();
    this.#ofproto.flushMonitors();
    for (const step of steps) step.execute?.();
  }

  #start(steps: readonly BundleStep[], atomic: boolean): void {
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      try {
        // A device cannot be changed and changed back unnoticed.
        if (step.isPortMod && atomic) throw new OfpError('OFPBFC_MSG_FAILED');
        step.start();
      } catch (error) {
        while (--i >= 0) steps[i]!.revert();
        if (!(error instanceof OfpError)) throw error;
        this.#conn.sendError(error.code, step.bytes);
        throw new OfpError('OFPBFC_MSG_FAILED');
      }
    }
  }
}
