/**
 * Puts captured TCP segments together to streams of OpenFlow messages. Segments out of order are dropped; a stream
 * keeps what is not a whole message yet, at most 64 kB and one segment.
 */

const OFP_HEADER = 8;
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;

export class TcpStream {
  /** Number of the next byte. */
  next: number;
  #data: Uint8Array = new Uint8Array(0);

  constructor(next: number) {
    this.next = next;
  }

  append(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#data.length + bytes.length);
    all.set(this.#data);
    all.set(bytes, this.#data.length);
    this.#data = all;
    this.next = (this.next + bytes.length) >>> 0;
  }

  clear(next: number): void {
    this.#data = new Uint8Array(0);
    this.next = next;
  }

  /** The next whole message. */
  takeMessage(): Uint8Array | undefined {
    if (this.#data.length < OFP_HEADER) return undefined;
    const length = (this.#data[2]! << 8) | this.#data[3]!;
    if (length < OFP_HEADER || length > this.#data.length) return undefined;
    const message = this.#data.subarray(0, length);
    this.#data = this.#data.subarray(length);
    return message;
  }
}

export class TcpStreams {
  readonly #streams = new Map<string, TcpStream>();

  /**
   * Takes one segment.
   * @param name of the direction of the connection
   * @param segment from the TCP header on
   * @returns the stream, if the segment continued it
   */
  add(name: string, segment: Uint8Array): TcpStream | undefined {
    const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
    if (segment.length < 20) return undefined;
    const seq = view.getUint32(4);
    const header = (segment[12]! >> 4) * 4;
    if (header < 20 || header > segment.length) return undefined;
    const flags = segment[13]!;
    const data = segment.subarray(header);
    let stream = this.#streams.get(name);
    if (!stream) {
      if (!(flags & SYN) && data.length === 0) return undefined;
      stream = new TcpStream(flags & SYN ? (seq + 1) >>> 0 : seq);
      this.#streams.set(name, stream);
    }
    if (flags & SYN || stream.next === 0) {
      stream.clear((seq + 1) >>> 0);
      return undefined;
    }
    if (flags & (FIN | RST)) {
      this.#streams.delete(name);
      return undefined;
    }
    if (seq !== stream.next) return undefined;
    stream.append(data);
    return stream;
  }
}
