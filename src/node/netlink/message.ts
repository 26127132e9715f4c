/**
 * Netlink messages: building and walking. Numbers are in host order (little-endian on what Node runs on).
 *
 * C counterpart: lib/netlink.c.
 */

export const NLM_F_REQUEST = 0x01;
export const NLM_F_ACK = 0x04;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLM_F_EXCL = 0x200;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLMSG_HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** Without the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const MAX_REQUEST_BYTES = 4096;

const align = (n: number): number => (n + 3) & ~3;

/** Builds one request. */
export class NetlinkRequest {
  readonly #view = new DataView(new ArrayBuffer(MAX_REQUEST_BYTES));
  #length = NLMSG_HEADER_BYTES;

  /** @param family bytes of the fixed header that follows nlmsghdr (struct ifinfomsg ...) */
  constructor(type: number, flags: number, family: number) {
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, flags | NLM_F_REQUEST, true);
    this.#length += align(family);
  }

  /** Sets a 32-bit word of the family's header, counted in bytes from its start. */
  header32(at: number, value: number): this {
    this.#view.setInt32(NLMSG_HEADER_BYTES + at, value, true);
    return this;
  }

  u32(type: number, value: number): this {
    const data = new DataView(new ArrayBuffer(4));
    data.setInt32(0, value, true);
    return this.put(type, new Uint8Array(data.buffer));
  }

  string(type: number, text: string): this {
    return this.put(type, new TextEncoder().encode(`${text}\0`));
  }

  put(type: number, data: Uint8Array): this {
    this.#view.setUint16(this.#length, ATTRIBUTE_HEADER_BYTES + data.length, true);
    this.#view.setUint16(this.#length + 2, type, true);
    new Uint8Array(this.#view.buffer).set(data, this.#length + ATTRIBUTE_HEADER_BYTES);
    this.#length = align(this.#length + ATTRIBUTE_HEADER_BYTES + data.length);
    return this;
  }

  /** The message's bytes. */
  finish(sequence: number): Uint8Array {
    this.#view.setUint32(0, this.#length, true);
    this.#view.setUint32(8, sequence, true);
    return new Uint8Array(this.#view.buffer, 0, this.#length);
  }
}

export interface NetlinkMessage {
  readonly type: number;
  readonly sequence: number;
  /** What follows nlmsghdr. */
  readonly body: DataView;
}

/** The messages of one datagram; stops at the first malformed one. */
export function* messages(datagram: DataView): Generator<NetlinkMessage> {
  for (let at = 0; at + NLMSG_HEADER_BYTES <= datagram.byteLength; ) {
    const length = datagram.getUint32(at, true);
    if (length < NLMSG_HEADER_BYTES || at + length > datagram.byteLength) return;
    yield {
      type: datagram.getUint16(at + 4, true),
      sequence: datagram.getUint32(at + 8, true),
      body: new DataView(
        datagram.buffer,
        datagram.byteOffset + at + NLMSG_HEADER_BYTES,
        length - NLMSG_HEADER_BYTES,
      ),
    };
    at += align(length);
  }
}

/** The attributes in `body` from byte `start`, by type. */
export function attributes(body: DataView, start = 0): Map<number, DataView> {
  const found = new Map<number, DataView>();
  for (let at = start; at + ATTRIBUTE_HEADER_BYTES <= body.byteLength; ) {
    const length = body.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > body.byteLength) break;
    const type = body.getUint16(at + 2, true) & ATTRIBUTE_TYPE_MASK;
    found.set(
      type,
      new DataView(
        body.buffer,
        body.byteOffset + at + ATTRIBUTE_HEADER_BYTES,
        length - ATTRIBUTE_HEADER_BYTES,
      ),
    );
    at += align(length);
  }
  return found;
}

/** A NUL-terminated string attribute. */
export function attributeText(data: DataView): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
