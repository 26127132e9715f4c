/** Appending packets to a pcap file, as `options:pcap` of dummy devices asks. C counterpart: lib/pcap-file.c. */
import type { Storage, StoredFile } from '../../base/host.ts';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const SNAP_BYTES = 1518;
const LINK_TYPE_ETHERNET = 1;

export class PcapFile {
  readonly #file: StoredFile;

  /** Opens for appending; an empty or new file gets its header. @throws SystemError */
  constructor(storage: Storage, path: string) {
    this.#file = storage.open(path, { create: 'maybe' });
    if (this.#file.size() > 0) return;
    const header = new DataView(new ArrayBuffer(24));
    header.setUint32(0, MAGIC_MICROSECONDS, true);
    header.setUint16(4, 2, true);
    header.setUint16(6, 4, true);
    header.setUint32(16, SNAP_BYTES, true);
    header.setUint32(20, LINK_TYPE_ETHERNET, true);
    this.#file.append(new Uint8Array(header.buffer));
  }

  /** @param wallMs when the packet passed, in milliseconds since the epoch */
  write(packet: Uint8Array, wallMs: number): void {
    const record = new Uint8Array(16 + packet.length);
    const header = new DataView(record.buffer);
    header.setUint32(0, Math.floor(wallMs / 1000), true);
    header.setUint32(4, Math.floor((wallMs % 1000) * 1000), true);
    header.setUint32(8, packet.length, true);
    header.setUint32(12, packet.length, true);
    record.set(packet, 16);
    this.#file.append(record);
  }

  close(): void {
    this.#file.close();
  }
}
