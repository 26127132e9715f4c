/** The hash of the datapath's tables: MurmurHash3's mixing over 32-bit words. */

export function mix(hash: number, word: number): number {
  let d = Math.imul(word, 0xcc9e2d51);
  d = (d << 15) | (d >>> 17);
  hash ^= Math.imul(d, 0x1b873593);
  hash = (hash << 13) | (hash >>> 19);
  return (Math.imul(hash, 5) + 0xe6546b64) | 0;
}

export function finish(hash: number, bytes: number): number {
  hash ^= bytes;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
