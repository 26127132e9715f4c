/** The group action. C counterparts: xlate_group_action() and the pick_*() functions. */

import { fieldPrereqsOk, getField, isTunPresent, maskField, setField } from '../../../flow/fields.ts';
import { F } from '../../../flow/layout.ts';
import { formatPort, OFPP } from '../../../flow/ports.ts';
import { actionSetToList } from '../../../openflow/actions/action-set.ts';
import type { Bucket } from '../../../openflow/messages/message.ts';
import type { Group } from '../../group.ts';
import {
  HASH_FIELDS,
  hashBoolean,
  hashBytes,
  hashInt,
  hashSymmetricL4,
  hashUint64,
  maskHashFields,
} from '../flow-hash.ts';
import { doXlateActions } from './actions.ts';
import type { XlateCtx } from './ctx.ts';
import { XLATE } from './errors.ts';
import { finishFreezing } from './freeze.ts';

/** "No group" of a bucket that watches none. */
const OFPG_ANY = 0xffff_ffff;
/** How many groups may watch each other in a row. */
const MAX_LIVENESS_DEPTH = 128;

function isBucketAlive(ctx: XlateCtx, group: Group, bucket: Bucket, depth: number): boolean {
  if (depth >= MAX_LIVENESS_DEPTH) {
    ctx.reportError(`bucket chaining exceeded ${MAX_LIVENESS_DEPTH} links`);
    return false;
  }
  if (group.type === 'select' && bucket.weight === 0) return false;
  const { watchPort, watchGroup } = bucket;
  if (watchPort === OFPP.NONE && watchGroup === OFPG_ANY) return true;
  if (watchPort === OFPP.CONTROLLER) {
    if (ctx.bridge.hasController()) return true;
  } else if (watchPort !== OFPP.NONE && ctx.bridge.portByOfp(watchPort)?.mayEnable) return true;
  if (watchGroup === OFPG_ANY) return false;
  const watched = ctx.bridge.group(watchGroup, ctx.version);
  return watched !== undefined && firstLiveBucket(ctx, watched, depth + 1) !== undefined;
}

function reportNotLive(ctx: XlateCtx, { bucketId, watchPort, watchGroup }: Bucket): void {
  ctx.report('detail', () => {
    const due: string[] = [];
    if (watchPort !== OFPP.NONE) due.push(`port ${formatPort(watchPort)}`);
    if (watchGroup !== OFPG_ANY) due.push(`port ${watchGroup}`);
    return `bucket ${bucketId}: not live due to ${due.join(' and ')}`;
  });
}

function firstLiveBucket(ctx: XlateCtx, group: Group, depth: number): Bucket | undefined {
  for (const bucket of group.buckets) {
    if (isBucketAlive(ctx, group, bucket, depth)) return bucket;
    reportNotLive(ctx, bucket);
  }
  return undefined;
}

/** By highest random weight, so that only the packets of a bucket that dies move. */
function bestLiveBucket(ctx: XlateCtx, group: Group, basis: number): Bucket | undefined {
  let best: Bucket | undefined;
  let bestScore = 0;
  for (const bucket of group.buckets) {
    if (!isBucketAlive(ctx, group, bucket, 0)) {
      reportNotLive(ctx, bucket);
      continue;
    }
    const score = (hashInt(bucket.bucketId, basis) & 0xffff) * bucket.weight;
    if (score >= bestScore) {
      best = bucket;
      bestScore = score;
    }
    ctx.report('detail', () => `bucket ${bucket.bucketId}: score ${score}`);
  }
  return best;
}

/** The bytes of a value, most significant first. */
function valueBytes(value: bigint, n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  for (let i = n - 1; i >= 0; i--, value >>= 8n) bytes[i] = Number(value & 0xffn);
  return bytes;
}

function hashChosenFields(ctx: XlateCtx, group: Group): number {
  const { flow, wc } = ctx;
  const { fields, selectionMethodParam } = group.props;
  let basis = hashUint64(selectionMethodParam);
  const inOrder = fields
    .map((f) => ({ field: ctx.bridge.resolveField(f.field), mask: f.mask }))
    .sort((a, b) => a.field.id - b.field.id);
  for (const { field, mask } of inOrder) {
    if (!fieldPrereqsOk(field, flow, wc)) continue;
    basis = hashBytes(valueBytes(getField(flow, field) & mask, field.bytes), basis);
    if (field.tunIndex >= 0) basis = hashBoolean(isTunPresent(flow, field.tunIndex), basis);
    if (mask === (1n << BigInt(8 * field.bytes)) - 1n) maskField(wc, field);
    else setField(wc, field, getField(wc, field) | mask);
  }
  return basis;
}

function pickSelectBucket(ctx: XlateCtx, group: Group): Bucket | undefined {
  if (ctx.wasMpls) {
    // The choice may need fields below the label.
    ctx.triggerFreeze();
    return undefined;
  }
  const forwarding = ctx.bridge.groupForwarding(group);
  switch (forwarding.method) {
    case 'default':
      maskHashFields(ctx.flow, ctx.wc, HASH_FIELDS.SYMMETRIC_L4);
      return bestLiveBucket(ctx, group, hashSymmetricL4(ctx.flow, 0));
    case 'hash':
      return bestLiveBucket(ctx, group, hashChosenFields(ctx, group));
    case 'dp_hash': {
      const dpHash = ctx.flow[F.DP_HASH]!;
      if (dpHash === 0) {
        const algorithm = ctx.bridge.features.maxHashAlg >= 1 ? forwarding.hashAlgorithm : 'l4';
        ctx.triggerRecirculateWithHash(algorithm, forwarding.hashBasis);
        ctx.report('detail', 'selection method in use: dp_hash, recirculating');
        return undefined;
      }
      const { hashMap } = forwarding;
      const mask = hashMap.length - 1;
      ctx.wc[F.DP_HASH] = ctx.wc[F.DP_HASH]! | mask;
      // Dead buckets' values go to the next live one; as buckets lie scattered, the shares stay fair.
      for (let i = 0; i <= mask; i++) {
        const bucket = hashMap[(dpHash + i) & mask]!;
        if (isBucketAlive(ctx, group, bucket, 0)) return bucket;
      }
      return undefined;
    }
  }
}

function xlateBucket(ctx: XlateCtx, bucket: Bucket, isLast: boolean): void {
  const { trace, wasMpls } = ctx;
  if (trace) ctx.trace = ctx.report('bucket', `bucket ${bucket.bucketId}`);
  const flow = ctx.flow.slice();
  ctx.depth++;
  doXlateActions(ctx, actionSetToList(bucket.actions), isLast, true);
  ctx.depth--;
  if (ctx.freezing) finishFreezing(ctx);
  // As if each bucket had its own copy of the packet; how a bucket ends does not concern the others.
  ctx.flow.set(flow);
  ctx.wasMpls = wasMpls;
  ctx.exit = false;
  if (ctx.error === XLATE.TOO_MANY_MPLS_LABELS || ctx.error === XLATE.UNSUPPORTED_PACKET_TYPE)
    ctx.error = XLATE.OK;
  ctx.trace = trace;
}

/** @returns false when there is no such group, which ends the list of actions */
export function xlateGroup(ctx: XlateCtx, groupId: number, isLast: boolean): boolean {
  if (!ctx.mayResubmit()) return true;
  const group = ctx.bridge.group(groupId, ctx.version);
  if (!group) {
    ctx.report('warn', `output to nonexistent group ${groupId}`);
    return false;
  }
  let chosen: Bucket | undefined;
  if (group.type === 'all' || group.type === 'indirect') {
    const n = group.buckets.length;
    group.buckets.forEach((bucket, i) => {
      xlateBucket(ctx, bucket, isLast && i === n - 1);
    });
  } else {
    chosen = group.type === 'select' ? pickSelectBucket(ctx, group) : firstLiveBucket(ctx, group, 0);
    if (!chosen) {
      if (!ctx.freezing) ctx.report('detail', 'no live bucket');
      return true;
    }
    ctx.report('detail', `using bucket ${chosen.bucketId}`);
    xlateBucket(ctx, chosen, isLast);
  }
  if (ctx.stats) group.credit(chosen, ctx.stats.packets, ctx.stats.bytes);
  ctx.cache?.add({ kind: 'group', group, bucket: chosen });
  return true;
}
