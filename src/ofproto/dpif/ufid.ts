/** Unique flow identifiers: a 128-bit hash of a datapath flow's key, for datapaths that do not make their own. */
import type { Ufid } from '../../datapath/dpif-provider.ts';
import type { Flow } from '../../flow/layout.ts';
import { hashAdd, hashFinish } from './flow-hash.ts';

const hex = (x: number): string => x.toString(16).padStart(8, '0');

/** The identifier of a key. Equal keys have equal ones; different keys, for all purposes, different ones. */
export function ufidOf(key: Flow): Ufid {
  let a = 0x243f6a88;
  let b = 0x05a308d3;
  let c = 0x13198a2e;
  let d = 0x03707344;
  for (let i = 0; i < key.length; i++) {
    const word = key[i]!;
    if (word === 0) continue;
    a = hashAdd(a ^ i, word);
    b = hashAdd(b + i, word ^ 0x5bd1e995);
    c = hashAdd(c, Math.imul(word, 0x9e3779b1) ^ i);
    d = hashAdd(d - i, word ^ a);
  }
  return hex(hashFinish(a, 1)) + hex(hashFinish(b, 2)) + hex(hashFinish(c, 3)) + hex(hashFinish(d, 4));
}

/** From text with or without 'ufid:'; undefined when it is not one. */
export function parseUfid(text: string): Ufid | undefined {
  const m = /^(?:ufid:)?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i.exec(
    text.trim(),
  );
  return m ? m.slice(1).join('').toLowerCase() : undefined;
}
