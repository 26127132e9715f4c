/**
 * Actions from bytes. Dispatch is one map lookup by (vendor, version, type); see `table.ts`.
 *
 * C counterpart: ofpacts_pull_openflow_actions in lib/ofp-actions.c.
 */
import type { ByteReader } from '../../base/bytes.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { vlog } from '../../base/vlog.ts';
import type { TunTable } from '../../flow/tun-metadata.ts';
import { OfpError } from '../errors.ts';
import { type OfpVersion, versionName } from '../version.ts';
import type { OfpAct, OfpActKind } from './action.ts';
import { limit } from './limit.ts';
import { formOf, isKnownVendor } from './table.ts';
import { ACTIONS_ONLY, INST, verifyActions } from './verify.ts';
import { type ActionDecoding, OFPAT_VENDOR } from './wire.ts';

const log = vlog('ofp_actions');
/** Actions can nest (clone in clone ...); a message of 64 kB could otherwise nest 4,000 deep. */
const MAX_DEPTH = 64;

const badLength = (text: string): OfpError => {
  log.warnRl(limit, text);
  return new OfpError('OFPBAC_BAD_LEN');
};

class Decoding implements ActionDecoding {
  readonly version: OfpVersion;
  readonly tun: TunTable | undefined;
  #depth = 0;

  constructor(version: OfpVersion, tun: TunTable | undefined) {
    this.version = version;
    this.tun = tun;
  }

  one(r: ByteReader, end: number): OfpAct {
    const start = r.pos;
    const left = end - start;
    if (left < 8) throw new OfpError('OFPBAC_BAD_LEN');
    let type = r.peekU16();
    let vendor = 0;
    if (type === OFPAT_VENDOR) {
      vendor = r.peekU32(4);
      if (!isKnownVendor(vendor)) {
        log.warnRl(limit, `OpenFlow action has unknown vendor 0x${vendor.toString(16)}`);
        throw new OfpError('OFPBAC_BAD_VENDOR');
      }
      if (left < 16) throw new OfpError('OFPBAC_BAD_LEN');
      type = r.peekU16(8);
    }
    const bound = formOf(vendor, this.version, type);
    if (!bound) {
      const where = vendor === 0 ? '0' : `0x${vendor.toString(16)}`;
      log.warnRl(limit, `unknown ${versionName(this.version)} action for vendor ${where} and type ${type}`);
      throw new OfpError(vendor ? 'OFPBAC_BAD_VENDOR_TYPE' : 'OFPBAC_BAD_TYPE');
    }
    const { form, id } = bound;
    if (id.deprecated)
      log.infoRl(limit, `${form.name} is deprecated in ${versionName(this.version)} (use Set-Field)`);
    const length = r.peekU16(2);
    if (length > left)
      throw badLength(`OpenFlow action ${form.name} length ${length} exceeds action buffer length ${left}`);
    if (length < bound.minLength || length > bound.maxLength)
      throw badLength(
        `OpenFlow action ${form.name} length ${length} not in valid range [${bound.minLength},${bound.maxLength}]`,
      );
    if (length % 8 !== 0)
      throw badLength(`OpenFlow action ${form.name} length ${length} is not a multiple of 8`);
    r.pos = start + bound.argOffset;
    const act = form.decode(r, start + length, this);
    r.pos = start + length;
    return act;
  }

  list(r: ByteReader, end: number): OfpAct[] {
    const acts: OfpAct[] = [];
    const first = r.pos;
    let start = first;
    try {
      while (r.pos < end) {
        start = r.pos;
        acts.push(this.one(r, end));
      }
    } catch (error) {
      if (error instanceof OfpError)
        log.warnRl(
          limit,
          `bad action at offset ${start - first} (${error.code}):\n${hexDump(r.bytes.subarray(first, end), 0, false)}`,
        );
      throw error;
    }
    return acts;
  }

  nested(r: ByteReader, end: number, outer: OfpActKind | undefined): OfpAct[] {
    if (++this.#depth > MAX_DEPTH) throw new OfpError('OFPBAC_TOO_MANY');
    const acts = this.list(r, end);
    this.#depth--;
    checkVerified(acts, this.version, 1 << INST.APPLY_ACTIONS, outer);
    return acts;
  }
}

/** Checks order and nesting of decoded actions. @throws OfpError */
export function checkVerified(
  acts: readonly OfpAct[],
  version: OfpVersion,
  allowed: number = ACTIONS_ONLY,
  outer?: OfpActKind,
): void {
  const problem = verifyActions(acts, version, allowed, outer);
  if (!problem) return;
  log.warn(problem.text);
  throw new OfpError(problem.error);
}

/** Decodes actions without checking how they go together. @throws OfpError */
export function decodeActionList(
  r: ByteReader,
  length: number,
  version: OfpVersion,
  tun?: TunTable,
): OfpAct[] {
  return new Decoding(version, tun).list(r, r.pos + length);
}

export interface ActionDecodeOptions {
  /** Tunnel options of the bridge: those that it lacks are errors. */
  readonly tun?: TunTable | undefined;
  /** Instructions that may be among the actions, as bits: OpenFlow 1.0 flows have all of them as actions. */
  readonly allowed?: number;
}

/** Decodes `length` bytes of actions and checks that they go together. @throws OfpError */
export function decodeActions(
  r: ByteReader,
  length: number,
  version: OfpVersion,
  { tun, allowed = ACTIONS_ONLY }: ActionDecodeOptions = {},
): OfpAct[] {
  let problem: string | undefined;
  if (length % 8 !== 0) problem = `OpenFlow message actions length ${length} is not a multiple of 8`;
  else if (length > r.left)
    problem = `OpenFlow message actions length ${length} exceeds remaining message length (${r.left})`;
  if (problem !== undefined) {
    log.warnRl(limit, problem);
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  const acts = decodeActionList(r, length, version, tun);
  checkVerified(acts, version, allowed, undefined);
  return acts;
}
