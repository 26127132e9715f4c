/** Bytes as a table of hexadecimal numbers, as the tools print them. C counterpart: ds_put_hex_dump. */

const PER_LINE = 16;
const hex2 = (n: number): string => n.toString(16).padStart(2, '0');

/**
 * Lines of 16 bytes, each with its offset and ending in a newline.
 * @param offset offset of the first byte
 * @param ascii whether to show the characters too
 */
export function hexDump(bytes: Uint8Array, offset = 0, ascii = true): string {
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    const start = (offset + at) % PER_LINE;
    const end = Math.min(PER_LINE, start + bytes.length - at);
    let line = `${(offset + at - start).toString(16).padStart(8, '0')}  ${'   '.repeat(start)}`;
    let text = ' '.repeat(start);
    for (let i = start; i < end; i++) {
      const byte = bytes[at + i - start]!;
      line += hex2(byte) + (i === PER_LINE / 2 - 1 ? '-' : ' ');
      text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.';
    }
    if (ascii) line += `${'   '.repeat(PER_LINE - end)}|${text.padEnd(PER_LINE)}|`;
    else if (line.endsWith(' ')) line = line.slice(0, -1);
    out += `${line}\n`;
    at += end - start;
  }
  return out;
}
