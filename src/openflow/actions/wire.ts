/**
 * Forms of actions on the wire: which number an action has in which version, and how its header is built.
 *
 * A {@link WireForm} is one layout; its identities say who defines it, since when and under which number, in the
 * notation 'NX1.0(23) OF1.1+(19)': Nicira's subtype 23 in OpenFlow 1.0, the standard's type 19 from 1.1 on; a
 * trailing `!` marks it deprecated in favour of set_field. C counterpart: enum ofp_raw_action_type.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { TunTable } from '../../flow/tun-metadata.ts';
import type { OfpVersion } from '../version.ts';
import type { OfpAct } from './action.ts';

export const NX_VENDOR = 0x2320;
export const ONF_VENDOR = 0x4f4e4600;
/** Type of an action that a vendor defines. */
export const OFPAT_VENDOR = 0xffff;
const MAX_LENGTH = 65528;
const LAST_VERSION = 6;

/** What decoders of actions are given besides the bytes. */
export interface ActionDecoding {
  readonly version: OfpVersion;
  /** The tunnel options of the bridge; undefined when they are not known, or any will do. */
  readonly tun: TunTable | undefined;
  /** Decodes the actions up to `end`, inside of an action of kind `outer` (undefined: no nesting rule). */
  nested(reader: ByteReader, end: number, outer: OfpAct['kind'] | undefined): OfpAct[];
}

/**
 * Decodes one action. The reader stands behind the header (and before the argument of a form that is just a
 * number); `end` is where the action ends. @throws OfpError
 */
export type ActionDecoder = (reader: ByteReader, end: number, d: ActionDecoding) => OfpAct;

/** A form is a header and nothing, one number, or a struct of at least so many bytes. */
export type Shape = 'void' | 'u8' | 'u16' | 'u32' | { readonly size: number; readonly more?: true };

export interface WireId {
  /** 0 for the standard. */
  readonly vendor: number;
  readonly type: number;
  readonly deprecated: boolean;
}

function parseIds(text: string): (WireId | undefined)[] {
  const ids: (WireId | undefined)[] = new Array(LAST_VERSION + 1).fill(undefined);
  for (const m of text.matchAll(/([A-Z]+)1\.(\d)(?:(\+)|-1\.(\d))?\((\d+)\)(!?)/g)) {
    const first = Number(m[2]) + 1;
    const last = m[3] ? LAST_VERSION : m[4] ? Number(m[4]) + 1 : first;
    const vendor = m[1] === 'NX' ? NX_VENDOR : m[1] === 'ONF' ? ONF_VENDOR : 0;
    for (let v = first; v <= last; v++) ids[v] = { vendor, type: Number(m[5]), deprecated: m[6] === '!' };
  }
  return ids;
}

const align = (n: number, to: number): number => (n + to - 1) & -to;

export class WireForm {
  /** As in messages: 'OFPAT_OUTPUT', 'NXAST_LEARN'. */
  readonly name: string;
  /** By version. */
  readonly ids: readonly (WireId | undefined)[];
  readonly shape: Shape;
  readonly decode: ActionDecoder;
  readonly #first: WireId;

  constructor(name: string, ids: string, shape: Shape, decode: ActionDecoder) {
    this.name = name;
    this.ids = parseIds(ids);
    this.#first = this.ids.find((id) => id !== undefined)!;
    this.shape = shape;
    this.decode = decode;
  }

  /** Bytes of the argument of a form that is just a number. */
  get argBytes(): number {
    return this.shape === 'u8' ? 1 : this.shape === 'u16' ? 2 : this.shape === 'u32' ? 4 : 0;
  }

  /** Where the argument (or the struct's own part) starts. */
  argOffset(id: WireId): number {
    const header = id.vendor ? 10 : 4;
    return this.argBytes ? align(header, this.argBytes) : header;
  }

  minLength(id: WireId): number {
    if (typeof this.shape === 'object') return this.shape.size;
    return align(this.shape === 'void' ? (id.vendor ? 10 : 8) : this.argOffset(id) + this.argBytes, 8);
  }

  maxLength(id: WireId): number {
    return typeof this.shape === 'object' && this.shape.more ? MAX_LENGTH : this.minLength(id);
  }

  #header(w: ByteWriter, version: OfpVersion): WireId {
    // An action that a version has no form for is written as the first version that has one: the peer refuses it.
    const id = this.ids[version] ?? this.#first;
    if (id.vendor) w.u16(OFPAT_VENDOR).u16(this.minLength(id)).u32(id.vendor).u16(id.type);
    else w.u16(id.type).u16(this.minLength(id));
    return id;
  }

  /** Writes the header of a struct, whose fields the caller writes next; returns where the action starts. */
  begin(w: ByteWriter, version: OfpVersion): number {
    const start = w.length;
    this.#header(w, version);
    return start;
  }

  /** Writes a whole action that is just a number or nothing. */
  put(w: ByteWriter, version: OfpVersion, arg = 0): void {
    const start = w.length;
    const id = this.#header(w, version);
    const bytes = this.argBytes;
    if (bytes) {
      w.zero(this.argOffset(id) - (w.length - start));
      if (bytes === 1) w.u8(arg);
      else if (bytes === 2) w.u16(arg);
      else w.u32(arg);
    }
    w.zero(this.minLength(id) - (w.length - start));
  }
}

/** Pads the action that starts at `start` to 8 bytes and writes its length into its header. */
export function endAction(w: ByteWriter, start: number): void {
  w.align(8, start);
  w.patchU16(start + 2, w.length - start);
}

/** Whether all bytes from the reader up to `end` are 0. */
export function isZeroUntil(r: ByteReader, end: number): boolean {
  for (let i = r.pos; i < end; i++) if (r.bytes[i] !== 0) return false;
  return true;
}
