/** Connection tracking: ct, ct_clear. C counterpart: compose_conntrack_action(). */

import { FIELD } from '../../../flow/fields.ts';
import { F } from '../../../flow/layout.ts';
import { markSubfieldInMask, readSubfieldU32 } from '../../../flow/subfield.ts';
import type { OdpNat } from '../../../odp/action.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import { doXlateActions } from './actions.ts';
import type { XlateCtx } from './ctx.ts';
import { clearConntrack } from './flow-edit.ts';
import { recirculateAndFork } from './freeze.ts';

const CT_COMMIT = 1;
const CT_FORCE = 2;
const NO_RECIRC = 255;
const ALG: Readonly<Record<number, string>> = { 21: 'ftp', 69: 'tftp' };

const NAT_SRC = 1;
const NAT_DST = 2;
const NAT_PERSISTENT = 4;
const NAT_HASH = 8;
const NAT_RANDOM = 16;

/** Fields that a frozen translation restores, so that its megaflow need not match them. */
function isFrozenMetadata(name: keyof typeof FIELD): boolean {
  const { id } = FIELD[name];
  return (
    (id >= FIELD.tun_id.id && id <= FIELD.in_port_oxm.id) || (id >= FIELD.reg0.id && id < FIELD.eth_src.id)
  );
}

function addressBytes(value: bigint, n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  let v = value;
  for (let i = n - 1; i >= 0; i--, v >>= 8n) bytes[i] = Number(v & 0xffn);
  return bytes;
}

function odpNat(a: Act<'nat'>): OdpNat {
  const type = a.flags & NAT_SRC ? 'src' : a.flags & NAT_DST ? 'dst' : undefined;
  const n = a.family === 4 ? 4 : 16;
  const hasRange = type !== undefined && a.family !== 0;
  const hasPorts = hasRange && a.minPort !== 0;
  return {
    type,
    minAddr: hasRange ? addressBytes(a.minAddr, n) : undefined,
    maxAddr: hasRange && a.maxAddr > a.minAddr ? addressBytes(a.maxAddr, n) : undefined,
    minPort: hasPorts ? a.minPort : 0,
    maxPort: hasPorts && a.maxPort > a.minPort ? a.maxPort : 0,
    persistent: type !== undefined && (a.flags & NAT_PERSISTENT) !== 0,
    hash: type !== undefined && (a.flags & NAT_HASH) !== 0,
    random: type !== undefined && (a.flags & NAT_HASH) === 0 && (a.flags & NAT_RANDOM) !== 0,
  };
}

export function xlateCt(ctx: XlateCtx, a: Act<'ct'>, isLast: boolean): void {
  const { flow, wc } = ctx;
  let zone = a.zoneImm;
  if (a.zoneSrc) {
    zone = readSubfieldU32(flow, a.zoneSrc, ctx.bridge.resolveField) & 0xffff;
    if (!ctx.frozen || !isFrozenMetadata(a.zoneSrc.field))
      markSubfieldInMask(wc, a.zoneSrc, ctx.bridge.resolveField);
  }
  const oldMark = wc[F.CT_MARK]!;
  const oldLabel = wc.slice(F.CT_LABEL, F.CT_LABEL + 4);
  ctx.commit();

  // What the nested actions write into mark and label is what the connection gets.
  ctx.ctNat = undefined;
  wc[F.CT_MARK] = 0;
  wc.fill(0, F.CT_LABEL, F.CT_LABEL + 4);
  doXlateActions(ctx, a.actions, isLast, false);

  const markMask = wc[F.CT_MARK]!;
  const labelMask = [...wc.subarray(F.CT_LABEL, F.CT_LABEL + 4)];
  const helper = ALG[a.alg];
  if (a.alg !== 0 && helper === undefined) ctx.reportError(`cannot serialize ct_helper ${a.alg}`);
  const commit = (a.flags & CT_COMMIT) !== 0;
  ctx.put({
    kind: 'ct',
    commit,
    force: commit && (a.flags & CT_FORCE) !== 0,
    zone,
    mark: markMask !== 0 ? { value: (flow[F.CT_MARK]! & markMask) >>> 0, mask: markMask } : undefined,
    label: labelMask.some((m) => m !== 0)
      ? { value: labelMask.map((m, i) => (flow[F.CT_LABEL + i]! & m) >>> 0), mask: labelMask }
      : undefined,
    helper,
    timeout: commit && ctx.bridge.features.ctTimeout ? ctx.bridge.ctTimeoutPolicy(zone, flow, wc) : undefined,
    nat: ctx.ctNat ? odpNat(ctx.ctNat) : undefined,
  });
  wc[F.CT_MARK] = oldMark;
  wc.set(oldLabel, F.CT_LABEL);

  if (a.recircTable !== NO_RECIRC) {
    ctx.conntracked = true;
    recirculateAndFork(ctx, a.recircTable, zone);
  }
  ctx.ctNat = undefined;
  // What the tracker finds is known only where the copy resumes.
  clearConntrack(flow);
  ctx.report('detail', 'Sets the packet to an untracked state, and clears all the conntrack fields.');
  ctx.conntracked = false;
}

export function xlateCtClear(ctx: XlateCtx): void {
  if (!ctx.conntracked) return;
  ctx.clearConntrack();
  if (ctx.bridge.features.ctClear) ctx.put({ kind: 'ct_clear' });
}
