/**
 * What forwarding derives from a group's definition: how a select group chooses, and for hashing in the
 * datapath the table from hash values to buckets. C counterpart: struct group_dpif.
 */
import { vlog } from '../../base/vlog.ts';
import { fieldArrayText } from '../../openflow/messages/field-array.ts';
import type { Bucket, GroupProps, GroupType } from '../../openflow/messages/message.ts';

const log = vlog('ofproto_dpif');

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
  if (buckets.length === 0) {
    log.dbg("  Don't apply dp_hash method without buckets.");
    return undefined;
  }
  let total = 0;
  let min = 0xffff;
  for (const b of buckets) {
    total += b.weight;
    if (b.weight > 0 && b.weight < min) min = b.weight;
  }
  if (total === 0) {
    log.dbg('  Total weight is zero. No active buckets.');
    return undefined;
  }
  log.dbg(`  Minimum weight: ${min}, total weight: ${total}`);
  const slots = Math.max(Math.ceil(total / min), Math.min(buckets.length * 4, MAX_HASH_VALUES));
  const n = Math.max(16, roundUpPow2(slots));
  if (n > MAX_HASH_VALUES || (maxValues !== 0 && n > maxValues)) {
    log.dbg(`  Too many hash values required: ${n}`);
    return undefined;
  }

  log.dbg(`  Using ${n} hash values:`);
  const shares = buckets.map((bucket) => ({ bucket, divisor: 1, value: bucket.weight, hits: 0 }));
  const table = Array.from({ length: n }, () => {
    let winner = shares[0]!;
    for (const s of shares) if (s.value > winner.value) winner = s;
    winner.hits++;
    winner.divisor += 2;
    winner.value = winner.bucket.weight / winner.divisor;
    return winner.bucket;
  });
  for (const { bucket, hits } of shares) {
    const target = ((n * bucket.weight) / total).toFixed(2);
    log.dbg(`  Bucket ${bucket.bucketId}: weight=${bucket.weight}, target=${target} hits=${hits}`);
  }
  return table;
}

/** Forwarding by the hash table, or by the default method where there is none. */
function byHashTable(
  buckets: readonly Bucket[],
  maxValues: number,
  hashAlgorithm: 'l4' | 'sym_l4',
  hashBasis: number,
): GroupForwarding {
  const hashMap = hashTable(buckets, maxValues);
  if (!hashMap) {
    log.dbg('Falling back to default hash method.');
    return DEFAULT;
  }
  log.dbg(
    `Use dp_hash with ${hashMap.length} hash values using algorithm ${hashAlgorithm === 'sym_l4' ? 1 : 0}.`,
  );
  return { method: 'dp_hash', hashAlgorithm, hashBasis, hashMap };
}

/** For a group as it is defined now. */
export function groupForwarding(
  type: GroupType,
  buckets: readonly Bucket[],
  props: GroupProps,
): GroupForwarding {
  if (type !== 'select') return DEFAULT;
  switch (props.selectionMethod) {
    case '':
      log.dbg('No selection method specified. Trying dp_hash.');
      return byHashTable(buckets, MAX_HASH_VALUES, 'sym_l4', 0);
    case 'dp_hash': {
      log.dbg('Selection method specified: dp_hash.');
      const algorithm = props.selectionMethodParam >> 32n;
      const basis = Number(props.selectionMethodParam & 0xffff_ffffn);
      return byHashTable(buckets, 0, algorithm === 1n ? 'sym_l4' : 'l4', basis);
    }
    default:
      log.dbg('Selection method specified: hash.');
      if (props.fields.length > 0) {
        log.dbg(() => `Hash fields: ${fieldArrayText(props.fields)}`);
        return { ...DEFAULT, method: 'hash' };
      }
      log.dbg('No hash fields. Falling back to default hash method.');
      return DEFAULT;
  }
}
