/**
 * What forwarding derives from a group's definition: how a select group chooses, and for hashing in the
 * datapath the table from hash values to buckets. C counterpart: struct group_dpif.
 */
import type { Bucket, GroupProps, GroupType } from '../../openflow/messages/message.ts';

/** At most this many hash values for a select group. */
const MAX_HASH_VALUES = 256;

export type SelectionMethod = 'default' | 'dp_hash' | 'hash';

export interface GroupForwarding {
  readonly method: SelectionMethod;
  readonly hashAlgorithm: 'l4' | 'sym_l4';
  readonly hashBasis: number;
  /** By hash value; its length is a power of 2. Empty unless the method is dp_hash. */
  readonly hashMap: readonly Bucket[];
}

const DEFAULT: GroupForwarding = { method: 'default', hashAlgorithm: 'l4', hashBasis: 0, hashMap: [] };

/** The smallest power of 2 that is not less than `n`. */
function roundUpPow2(n: number): number {
  let p = 1;
  while (p < n) p *= 2;
  return p;
}

/** Shares hash values among buckets by weight, by Webster's method; undefined when they need too many values. */
function hashTable(buckets: readonly Bucket[], maxValues: number): Bucket[] | undefined {
  let total = 0;
  let min = 0xffff;
  for (const b of buckets) {
    total += b.weight;
    if (b.weight > 0 && b.weight < min) min = b.weight;
  }
  if (total === 0) return undefined;
  const slots = Math.max(Math.ceil(total / min), Math.min(buckets.length * 4, MAX_HASH_VALUES));
  const n = Math.max(16, roundUpPow2(slots));
  if (n > MAX_HASH_VALUES || (maxValues !== 0 && n > maxValues)) return undefined;

  const shares = buckets.map((bucket) => ({ bucket, divisor: 1, value: bucket.weight }));
  return Array.from({ length: n }, () => {
    let winner = shares[0]!;
    for (const s of shares) if (s.value > winner.value) winner = s;
    winner.divisor += 2;
    winner.value = winner.bucket.weight / winner.divisor;
    return winner.bucket;
  });
}

/** For a group as it is defined now. */
export function groupForwarding(
  type: GroupType,
  buckets: readonly Bucket[],
  props: GroupProps,
): GroupForwarding {
  if (type !== 'select') return DEFAULT;
  switch (props.selectionMethod) {
    case '': {
      const hashMap = hashTable(buckets, 256);
      return hashMap ? { method: 'dp_hash', hashAlgorithm: 'sym_l4', hashBasis: 0, hashMap } : DEFAULT;
    }
    case 'dp_hash': {
      const hashMap = hashTable(buckets, 0);
      if (!hashMap) return DEFAULT;
      const algorithm = props.selectionMethodParam >> 32n;
      return {
        method: 'dp_hash',
        hashAlgorithm: algorithm === 1n ? 'sym_l4' : 'l4',
        hashBasis: Number(props.selectionMethodParam & 0xffff_ffffn),
        hashMap,
      };
    }
    default:
      return props.fields.length > 0 ? { ...DEFAULT, method: 'hash' } : DEFAULT;
  }
}
