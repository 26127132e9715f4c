/** Packet capture files. C counterpart: lib/pcap-file.c. */
import { SystemError } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import { hexLines } from './input.ts';
import type { Ofctl } from './ofctl.ts';

const log = vlog('pcap');

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const LINK_ETHERNET = 1;
const LINK_LINUX_SLL = 0x71;
const SLL_HEADER = 16;
const MAX_PACKET = 0xffff;
const SNAPLEN = 1518;

export interface CapturedPacket {
  readonly packet: Uint8Array;
  readonly wallMs: number;
}

/** A capture that cannot be read on. */
export class PcapError extends Error {
  /** For the exit status. */
  readonly errno: number;
  /** While reading the beginning of the file. */
  readonly isOpening: boolean;
  constructor(reason: { readonly errno: number; readonly message: string }, isOpening: boolean) {
    super(`${isOpening ? 'open' : 'read'} failed (${reason.message})`);
    this.errno = reason.errno;
    this.isOpening = isOpening;
  }
}

const END = { errno: 255, message: 'End of file' };
const protocolError = (): SystemError => new SystemError('EPROTO');

/** A Linux "cooked" packet with an Ethernet header in the place of its own. */
function fromCooked(b: Uint8Array, ofctl: Ofctl): Uint8Array | undefined {
  if (b.length < SLL_HEADER) {
    log.warn('pcap packet too short for SLL header');
    return undefined;
  }
  if (b[4] !== 0 || b[5] !== 6) {
    log.warn('bad SLL header');
    ofctl.io.out(hexLines(b.subarray(0, SLL_HEADER)));
    return undefined;
  }
  const packet = new Uint8Array(b.length - 2);
  packet.set(b.subarray(6, 12), 6);
  packet.set(b.subarray(14), 12);
  return packet;
}

/**
 * The packets of a file. It ends quietly where the file ends between packets.
 * @throws PcapError
 */
export function* readPcap(ofctl: Ofctl, file: string): Generator<CapturedPacket, void> {
  let bytes: Uint8Array;
  try {
    bytes = ofctl.io.host.storage.read(file);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    log.warn(`${file}: failed to open pcap file for reading (${error.message})`);
    throw new PcapError(error, true);
  }
  if (bytes.length < FILE_HEADER) {
    log.warn(`failed to read pcap header: ${END.message}`);
    throw new PcapError(END, true);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isMagic = (n: number): boolean => n === MAGIC_MICROSECONDS || n === MAGIC_NANOSECONDS;
  const little = isMagic(view.getUint32(0, true));
  const magic = view.getUint32(0, little);
  if (!isMagic(magic)) {
    const text = view.getUint32(0, true).toString(16).padStart(8, '0');
    log.warn(
      `bad magic 0x${text} reading pcap file (expected 0xa1b2c3d4, 0xa1b23c4d, 0xd4c3b2a1, or 0x4d3cb2a1)`,
    );
    throw new PcapError(protocolError(), true);
  }
  const network = view.getUint32(20, little);
  if (network !== LINK_ETHERNET && network !== LINK_LINUX_SLL) {
    log.warn(`unknown network type ${network} reading pcap file`);
    throw new PcapError(protocolError(), true);
  }
  const perMs = magic === MAGIC_MICROSECONDS ? 1000 : 1_000_000;
  for (let at = FILE_HEADER; at + PACKET_HEADER <= bytes.length; ) {
    // As in C each packet is in the byte order in which its length makes sense.
    const asLittle = view.getUint32(at + 8, true);
    const isLittle = asLittle <= MAX_PACKET;
    const length = isLittle ? asLittle : view.getUint32(at + 8, false);
    if (length > MAX_PACKET) {
      log.warn(`bad packet length ${length} or ${asLittle} reading pcap file`);
      throw new PcapError(protocolError(), false);
    }
    const wallMs = view.getUint32(at, isLittle) * 1000 + Math.trunc(view.getUint32(at + 4, isLittle) / perMs);
    at += PACKET_HEADER;
    if (at + length > bytes.length) {
      log.warn(`failed to read pcap packet: ${END.message}`);
      return;
    }
    const captured = bytes.subarray(at, at + length);
    at += length;
    const packet = network === LINK_ETHERNET ? captured : fromCooked(captured, ofctl);
    if (!packet) throw new PcapError(protocolError(), false);
    yield { packet, wallMs };
  }
}

/** A file of one packet. */
export function pcapOf(packet: Uint8Array, wallMs: number): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER + PACKET_HEADER + packet.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAPLEN, true);
  view.setUint32(20, LINK_ETHERNET, true);
  view.setUint32(24, Math.floor(wallMs / 1000), true);
  view.setUint32(28, Math.floor((wallMs % 1000) * 1000), true);
  view.setUint32(32, packet.length, true);
  view.setUint32(36, packet.length, true);
  bytes.set(packet, FILE_HEADER + PACKET_HEADER);
  return bytes;
}
