/** multipath and bundle: choosing a link by a hash of the packet. C counterparts: lib/multipath.c, lib/bundle.c. */
import { OFPP, portToOf10 } from '../../../flow/ports.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import { hash2Words, hashFields, maskHashFields } from '../flow-hash.ts';
import type { XlateCtx } from './ctx.ts';
import { loadSubfield, reportSubfield } from './fields.ts';
import { xlateOutput } from './output.ts';

/** NX_MP_ALG_* */
const MODULO_N = 0;
const HASH_THRESHOLD = 1;
const HRW = 2;

/** Highest random weight: when a link goes, only its own packets move. */
function highestRandomWeight(hash: number, nLinks: number): number {
  let best = 0;
  let bestWeight = hash2Words(hash, 0);
  for (let link = 1; link < nLinks; link++) {
    const weight = hash2Words(hash, link);
    if (weight > bestWeight) {
      best = link;
      bestWeight = weight;
    }
  }
  return best;
}

function iterHash(hash: number, nLinks: number, arg: number): number {
  let modulo = arg;
  if (modulo < nLinks || Math.floor(modulo / 2) > nLinks) {
    modulo = 1;
    while (modulo < nLinks) modulo *= 2;
  }
  for (let i = 0; ; i++) {
    const link = hash2Words(hash, i) % modulo;
    if (link < nLinks) return link;
  }
}

/** The link, 0 .. nLinks - 1, for a hash. */
export function multipathLink(hash: number, algorithm: number, nLinks: number, arg: number): number {
  switch (algorithm) {
    case MODULO_N:
      return hash % nLinks;
    case HASH_THRESHOLD:
      return nLinks === 1 ? 0 : Math.floor(hash / (Math.floor(0xffff_ffff / nLinks) + 1));
    case HRW:
      return nLinks <= 64 ? highestRandomWeight(hash, nLinks) : iterHash(hash, nLinks, 0);
    default:
      return iterHash(hash, nLinks, arg);
  }
}

export function xlateMultipath(ctx: XlateCtx, a: Act<'multipath'>): void {
  const hash = hashFields(ctx.flow, a.fields, a.basis);
  const link = multipathLink(hash, a.algorithm, a.maxLink + 1, a.arg);
  maskHashFields(ctx.flow, ctx.wc, a.fields);
  loadSubfield(ctx, a.dst, BigInt(link));
  reportSubfield(ctx, a.dst);
}

function isMemberEnabled(ctx: XlateCtx, port: number): boolean {
  switch (port) {
    case OFPP.IN_PORT:
    case OFPP.TABLE:
    case OFPP.NORMAL:
    case OFPP.FLOOD:
    case OFPP.ALL:
    case OFPP.NONE:
      return true;
    case OFPP.CONTROLLER:
      return false;
    default:
      return ctx.bridge.portByOfp(port)?.mayEnable ?? false;
  }
}

function chooseMember(ctx: XlateCtx, a: Act<'bundle'>): number {
  if (a.algorithm === 'active_backup') return a.members.find((m) => isMemberEnabled(ctx, m)) ?? OFPP.NONE;
  if (a.members.length > 1) maskHashFields(ctx.flow, ctx.wc, a.fields);
  const flowHash = hashFields(ctx.flow, a.fields, a.basis);
  let best: number = OFPP.NONE;
  let bestHash = -1;
  a.members.forEach((member, i) => {
    if (!isMemberEnabled(ctx, member)) return;
    const hash = hash2Words(i, flowHash);
    if (hash > bestHash) {
      best = member;
      bestHash = hash;
    }
  });
  return best;
}

export function xlateBundle(ctx: XlateCtx, a: Act<'bundle'>, isLast: boolean, inBucket: boolean): void {
  const port = chooseMember(ctx, a);
  if (a.dst) {
    loadSubfield(ctx, a.dst, BigInt(portToOf10(port)));
    reportSubfield(ctx, a.dst);
  } else xlateOutput(ctx, port, 0, false, isLast, false, inBucket);
}
