/**
 * Lists of NXM or OXM entries as text, `NXM_OF_IN_PORT(0001), NXM_OF_IP_SRC_W(0a000000/ff000000)`: what
 * `ovs-ofctl parse-nx-match` and `parse-oxm` read and print.
 *
 * C counterpart: nx_match_to_string and nx_match_from_string of lib/nx-match.c.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { scanHexBytes } from '../../base/parse.ts';
import {
  fieldByHeader,
  fieldByName,
  fieldByNxmName,
  headerValueBytes,
  OXM_CLASS_EXPERIMENTER,
} from '../fields.ts';
import { FlowTextError } from '../text.ts';
import {
  checkPayload,
  HAS_MASK,
  isCookieHeader,
  NXM_NX_COOKIE,
  NXM_NX_COOKIE_W,
  newRawHeader,
  payloadBytes,
  pullRawHeader,
  type RawHeader,
} from './entry.ts';
import { MatchError } from './error.ts';

function entryName(header: RawHeader): string {
  const { field } = header;
  if (field) {
    const h = field.headers.find(
      (x) => x.header >>> 9 === header.header >>> 9 && x.experimenter === header.experimenter,
    );
    return `${h?.name ?? field.name}${header.header & HAS_MASK ? '_W' : ''}`;
  }
  if (isCookieHeader(header)) return header.header === NXM_NX_COOKIE ? 'NXM_NX_COOKIE' : 'NXM_NX_COOKIE_W';
  return `${header.header >>> 16}:${(header.header >>> 9) & 0x7f}`;
}

/**
 * Entries as text. A tunnel option reads as the C tool shows it: as many of the leading bytes of the longest option as
 * it has itself, so that mostly there are zeros to be seen.
 */
export function entriesToText(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<any>';
  const r = new ByteReader(bytes);
  const raw = newRawHeader();
  const parts: string[] = [];
  const hexOf = (at: number, n: number): string =>
    Array.from(bytes.subarray(at, at + n), (b) => b.toString(16).padStart(2, '0')).join('');
  /** From here on bytes are not understood. */
  let rest = 0;
  try {
    while (r.left > 0) {
      rest = r.pos;
      pullRawHeader(r, raw, { allowCookie: true });
      rest = r.pos;
      const width = checkPayload(r, raw);
      const masked = (raw.header & HAS_MASK) !== 0;
      const leading = raw.field && raw.field.tunIndex >= 0 ? raw.field.bytes - width : 0;
      const show = (at: number): string => `${'00'.repeat(leading)}${hexOf(at, width)}`.slice(0, 2 * width);
      parts.push(`${entryName(raw)}(${masked ? `${show(r.pos)}/${show(r.pos + width)}` : show(r.pos)})`);
      r.skip(payloadBytes(raw.header));
    }
  } catch (e) {
    if (!(e instanceof MatchError)) throw e;
    // What is wrong with a value and its mask is found when both have been read.
    if (e.name === 'OFPBMC_BAD_WILDCARDS') rest += payloadBytes(raw.header);
    if (rest < bytes.length) parts.push(`<${bytes.length - rest} invalid bytes>`);
  }
  return parts.join(', ');
}

/** The header that a name stands for, with the width that goes with it. */
function headerByName(name: string): { header: number; experimenter: number } | undefined {
  const wild = name.length > 2 && name.endsWith('_W');
  const plain = wild ? name.slice(0, -2) : name;
  const field = fieldByNxmName(plain);
  const h = field?.headers.find((x) => x.name === plain);
  if (h && !wild) return h;
  if (h && field?.maskable) {
    const length = (h.header & 0xff) + field.bytes;
    return { header: ((h.header & ~0xff) | HAS_MASK | (length & 0xff)) >>> 0, experimenter: h.experimenter };
  }
  if (name === 'NXM_NX_COOKIE') return { header: NXM_NX_COOKIE, experimenter: 0 };
  if (name === 'NXM_NX_COOKIE_W') return { header: NXM_NX_COOKIE_W, experimenter: 0 };
  if (/^[0-9a-fA-F]{8}$/.test(name)) return { header: Number.parseInt(name, 16), experimenter: 0 };
  if (/^ffff[0-9a-fA-F]{12}$/i.test(name)) {
    return {
      header: Number.parseInt(name.slice(0, 8), 16),
      experimenter: Number.parseInt(name.slice(8), 16),
    };
  }
  return undefined;
}

/** Entries from text. @throws FlowTextError */
export function entriesFromText(text: string): Uint8Array {
  const w = new ByteWriter();
  if (text === '<any>') return w.finish();
  let at = 0;
  const skip = (chars: string): void => {
    while (at < text.length && chars.includes(text[at]!)) at++;
  };
  for (skip(', '); at < text.length; skip(', ')) {
    const open = text.indexOf('(', at);
    if (open < 0) throw new FlowTextError(`${text}: missing ( at end of nx_match`);
    const name = text.slice(at, open);
    const found = headerByName(name);
    if (!found) throw new FlowTextError(`${text}: unknown field \`${name}'`);
    let { header } = found;
    const value = scanHexBytes(text, open + 1);
    at = value.end;
    const masked = (header & HAS_MASK) !== 0;
    const width = headerValueBytes(header);
    if (value.bytes.length !== width) {
      const field = fieldByHeader(header, found.experimenter) ?? fieldByName(name);
      if (field === undefined || field.tunIndex < 0) {
        throw new FlowTextError(`expected to read ${width} bytes but got ${value.bytes.length}`);
      }
      if (value.bytes.length > field.bytes) {
        throw new FlowTextError(
          `expected to read at most ${field.bytes} bytes but got ${value.bytes.length}`,
        );
      }
      header = ((header & ~0xff) | (value.bytes.length * (masked ? 2 : 1))) >>> 0;
    }
    w.u32(header);
    if (header >>> 16 === OXM_CLASS_EXPERIMENTER) w.u32(found.experimenter);
    w.put(value.bytes);
    if (masked) {
      skip(' ');
      if (text[at] !== '/') throw new FlowTextError(`${text}: missing / in masked field ${name}`);
      const mask = scanHexBytes(text, at + 1);
      at = mask.end;
      if (mask.bytes.length !== value.bytes.length) {
        throw new FlowTextError(`${text.slice(at, at + 2)}: hex digits expected`);
      }
      w.put(mask.bytes);
    }
    skip(' ');
    if (text[at] !== ')') throw new FlowTextError(`${text}: missing ) following field ${name}`);
    at++;
  }
  return w.finish();
}
