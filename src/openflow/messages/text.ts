/** Pieces of text that several messages print. */

/** `names` of the set bits, lowest first; unknown bits as one hexadecimal number; '0' for none. */
export function bitNames(bits: number, names: Readonly<Record<number, string>>, separator: string): string {
  if (bits === 0) return '0';
  const parts: string[] = [];
  let left = bits >>> 0;
  for (let i = 0; i < 32; i++) {
    const bit = (1 << i) >>> 0;
    const name = (left & bit) !== 0 ? names[bit] : undefined;
    if (name === undefined) continue;
    parts.push(name);
    left = (left & ~bit) >>> 0;
  }
  if (left !== 0) parts.push(`0x${left.toString(16)}`);
  return parts.join(separator);
}

/** A duration, e.g. '5s', '0.012s', '1.000000001s'. */
export function durationText(sec: number, nsec: number): string {
  if (nsec === 0) return `${sec}s`;
  const msec = nsec / 1_000_000;
  if (Number.isInteger(msec)) return `${sec}.${String(msec).padStart(3, '0')}s`;
  return `${sec}.${String(nsec).padStart(9, '0').replace(/0+$/, '')}s`;
}

/** 'aa:bb:cc:dd:ee:ff' of 48 bits. */
export function macText(mac: bigint): string {
  const s = mac.toString(16).padStart(12, '0');
  return `${s.slice(0, 2)}:${s.slice(2, 4)}:${s.slice(4, 6)}:${s.slice(6, 8)}:${s.slice(8, 10)}:${s.slice(10, 12)}`;
}

/** Bytes as characters; what is not printable as an octal escape. */
export function printable(bytes: Uint8Array): string {
  let text = '';
  for (const c of bytes) {
    if (c < 0x20 || c > 0x7e || c === 0x5c || c === 0x22) text += `\\${c.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(c);
  }
  return text;
}

const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** A C string in a field of fixed length: up to the first zero byte. */
export function fixedString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The name of a port or table in a field of fixed length. As in C the last byte never counts. */
export const fixedName = (bytes: Uint8Array): string => fixedString(bytes.subarray(0, bytes.length - 1));

/** A string cut or padded with zeros to `length` bytes, the last of which is always zero. */
export function fixedBytes(text: string, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(encoder.encode(text).subarray(0, length - 1));
  return out;
}

/** A string as bytes. */
export const utf8Bytes = (text: string): Uint8Array => encoder.encode(text);
