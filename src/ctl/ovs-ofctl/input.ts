/** What the commands without a switch read: hexadecimal digits, lines, and how they print bytes. */
import { scanHexBytes } from '../../base/parse.ts';
import { ToolError } from '../tool.ts';

/** Bytes of hexadecimal digits. @throws ToolError with `complaint` when anything follows them */
export function hexBytes(text: string, complaint = 'Trailing garbage in hex data'): Uint8Array {
  const { bytes, end } = scanHexBytes(text);
  if (end < text.length) throw new ToolError(complaint);
  return bytes;
}

/** Lines of standard input, without their ends. */
export function inputLines(bytes: Uint8Array): string[] {
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

const hex2 = (n: number): string => n.toString(16).padStart(2, '0');

/** Bytes in lines of 16 with their offset, as these commands print them: a blank before each byte. */
export function hexLines(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += 16) {
    out += `${at.toString(16).padStart(8, '0')} `;
    bytes.subarray(at, at + 16).forEach((byte, i) => {
      out += (i === 8 ? '-' : ' ') + hex2(byte);
    });
    out += '\n';
  }
  return out;
}

/** What differs between two byte strings, a line for each byte. */
export function differences(prefix: string, a: Uint8Array, b: Uint8Array): string {
  let out = '';
  const index = (i: number): string => String(i).padStart(2);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] === b[i]) continue;
    const side = (byte: number | undefined): string => (byte === undefined ? '(none)' : hex2(byte));
    out += `${prefix}${index(i)}: ${side(a[i])} -> ${side(b[i])}\n`;
  }
  return out;
}
