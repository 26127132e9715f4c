/** OFPT_HELLO: the versions that a peer speaks, as the version of the header or as a bitmap. */

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatVersions, type VersionBitmap } from '../version.ts';
import type { Codec, DecodeContext } from './codec.ts';
import type { OfpMessage } from './message.ts';

const log = vlog('ofp_util');
const limit = new RateLimit(1, 5);
const VERSION_BITMAP = 1;

/** Versions 1 to `version`. */
const upTo = (version: number): VersionBitmap => (((version < 32 ? 2 ** version : 0) - 1) << 1) >>> 0;

/** The bitmap in an element; undefined when it makes no sense. */
function decodeBitmap(r: ByteReader): VersionBitmap | undefined {
  if (r.left === 0 || r.left % 4 !== 0) return undefined;
  let versions = r.u32();
  if (versions & 1) {
    log.warnRl(limit, 'peer claims to support invalid OpenFlow version 0x00');
    versions = (versions & ~1) >>> 0;
  }
  if (versions !== 0) return versions;
  log.warnRl(limit, 'peer does not support any OpenFlow version (between 0x01 and 0x1f)');
  return undefined;
}

function decodeElements(r: ByteReader, c: DecodeContext): { versions: VersionBitmap; understood: boolean } {
  let versions = upTo(c.version);
  let understood = true;
  while (r.left > 0) {
    if (r.left < 4) return { versions, understood: false };
    const length = r.peekU16(2);
    const padded = (length + 7) & ~7;
    if (length < 4 || padded > r.left) return { versions, understood: false };
    const element = r.sub(padded);
    const type = element.u16();
    element.skip(2);
    const bitmap = type === VERSION_BITMAP ? decodeBitmap(element.sub(length - 4)) : undefined;
    if (bitmap === undefined) understood = false;
    else versions = bitmap;
  }
  return { versions, understood };
}

/** The hello that offers these versions. */
export function helloMessage(versions: VersionBitmap, xid: number): OfpMessage {
  return { version: 31 - Math.clz32(versions), xid, kind: 'hello', versions, understood: true };
}

export const hello: Codec<'hello'> = {
  decode(r, c) {
    return { kind: 'hello', ...decodeElements(r, c) };
  },
  encode(w: ByteWriter, m) {
    // Version 0 is none.
    if ((m.versions & ~1) >>> 0 !== upTo(m.version)) w.u16(VERSION_BITMAP).u16(8).u32(m.versions);
  },
  format(m, f) {
    const known = `\n version bitmap: ${formatVersions(m.versions)}`;
    return m.understood ? known : `${known}\n unknown data in hello:\n${hexDump(f.bytes)}`;
  },
};
