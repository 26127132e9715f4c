/**
 * `set` actions between their two shapes: a list of words to change, and the key attribute they make up.
 */
import { F, type Flow, newFlow } from '../flow/layout.ts';
import type { OdpSetAttr, OdpSetWord } from './action.ts';
import { SCALARS, STRUCTS, STYLE_BYTES, type StructAttr } from './attrs.ts';

/** The words of a set action as a sparse key and mask. */
export function setWordsToKey(words: readonly OdpSetWord[]): { key: Flow; mask: Flow } {
  const key = newFlow();
  const mask = newFlow();
  for (const w of words) {
    key[w.word] = w.value;
    mask[w.word] = w.mask;
  }
  return { key, mask };
}

export const structOfSet = (attr: OdpSetAttr): StructAttr | undefined =>
  Object.hasOwn(STRUCTS, attr) ? STRUCTS[attr as keyof typeof STRUCTS] : undefined;

const bits = (bytes: number): number => (bytes >= 4 ? 0xffffffff : 2 ** (8 * bytes) - 1);

/** Words of an attribute, and the mask that is all of each. */
export function wordsOfSet(attr: OdpSetAttr): readonly (readonly [word: number, full: number])[] {
  const struct = structOfSet(attr);
  if (struct) {
    return struct.parts.flatMap((p): [number, number][] => {
      if (p.style === 'mac')
        return [
          [p.word, 0xffff],
          [p.word + 1, 0xffffffff],
        ];
      if (p.style === 'ipv6') return [0, 1, 2, 3].map((i) => [p.word + i, 0xffffffff]);
      if (p.style === 'label') return [[p.word, 0xfffff]];
      if (p.style === 'frag') return [[p.word, 3]];
      return [[p.word, p.word === F.NW_PROTO ? 0xff : bits(STYLE_BYTES[p.style])]];
    });
  }
  switch (attr) {
    case 'ct_label':
      return [0, 1, 2, 3].map((i) => [F.CT_LABEL + i, 0xffffffff] as const);
    case 'vlan':
      return [[F.VLAN_TCI0, 0xffff]];
    case 'mpls':
      return [[F.MPLS_LSE0, 0xffffffff]];
    case 'nsh':
      return [
        ...[F.NSH_FLAGS, F.NSH_TTL, F.NSH_MDTYPE, F.NSH_NP, F.NSH_SI].map((w) => [w, 0xff] as const),
        [F.NSH_SPI, 0xffffff],
        ...[0, 1, 2, 3].map((i) => [F.NSH_C1 + i, 0xffffffff] as const),
      ];
    case 'tunnel':
      return [];
    default: {
      const scalar = SCALARS[attr as keyof typeof SCALARS];
      return [[scalar.word, bits(scalar.bytes)]];
    }
  }
}
