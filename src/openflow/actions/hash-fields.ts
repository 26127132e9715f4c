/** Which headers bundle and multipath hash: enum nx_hash_fields. */

const NAMES = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
];

export const hashFieldsName = (fields: number): string => NAMES[fields] ?? '<unknown>';
export const isHashFields = (fields: number): boolean => fields < NAMES.length;
/** undefined for an unknown name; case does not matter. */
export function hashFieldsByName(name: string): number | undefined {
  const i = NAMES.indexOf(name.toLowerCase());
  return i < 0 ? undefined : i;
}

/** Cuts at any of the separators, dropping empty words, as repeated strtok(3) does. */
export class Tokens {
  readonly #text: string;
  #pos = 0;
  constructor(text: string) {
    this.#text = text;
  }
  /** The next word that ends at one of `separators`; undefined at the end. */
  next(separators: string): string | undefined {
    const s = this.#text;
    let i = this.#pos;
    while (i < s.length && separators.includes(s[i]!)) i++;
    if (i === s.length) return undefined;
    let end = i;
    while (end < s.length && !separators.includes(s[end]!)) end++;
    this.#pos = end < s.length ? end + 1 : end;
    return s.slice(i, end);
  }
}
