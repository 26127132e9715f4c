/**
 * Sampling for the exporters: sFlow and bridge IPFIX on every packet of a bridge, flow sampling by the sample
 * action. The exporters themselves live in `src/ofproto/export/` and show up here as `bridge.samplers`.
 */
import { F } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import { markSubfieldInMask, readSubfieldU32, type Subfield } from '../../../flow/subfield.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import type { XlateCtx } from './ctx.ts';

/** A number, or the field that has it (which is then matched). */
function observationId(ctx: XlateCtx, source: number | Subfield): number {
  if (typeof source === 'number') return source;
  markSubfieldInMask(ctx.wc, source, ctx.bridge.resolveField);
  return readSubfieldU32(ctx.flow, source, ctx.bridge.resolveField);
}

export function xlateSample(ctx: XlateCtx, a: Act<'sample'>): void {
  const { samplers } = ctx.bridge;
  if (!samplers.ipfix && !samplers.local) return;
  const probability = (a.probability * 0x10000 + a.probability) >>> 0;
  if (probability === 0) return;
  const psampleGroup = samplers.local?.(a.collectorSet);
  if (!samplers.ipfix && psampleGroup === undefined) return;

  let outputPort: number | undefined;
  if (samplers.ipfix && a.samplingPort !== OFPP.NONE && a.samplingPort !== ctx.flow[F.IN_PORT]) {
    outputPort = ctx.bridge.portByOfp(a.samplingPort)?.odpPort;
    if (outputPort === undefined) {
      ctx.reportError(`can't use unknown port ${a.samplingPort} in flow sample action`);
      return;
    }
  }
  ctx.commit();
  const obsDomain = observationId(ctx, a.obsDomain);
  const obsPoint = observationId(ctx, a.obsPoint);
  const actions = ctx.nested(() => {
    if (psampleGroup !== undefined) {
      const cookie = new Uint8Array(8);
      new DataView(cookie.buffer).setUint32(0, obsDomain);
      new DataView(cookie.buffer).setUint32(4, obsPoint);
      ctx.put({ kind: 'psample', group: psampleGroup, cookie });
    }
    if (samplers.ipfix) {
      const meterId = ctx.bridge.slowpathMeterId;
      if (meterId !== undefined) ctx.put({ kind: 'meter', meterId });
      ctx.put({
        kind: 'userspace',
        pid: 0,
        cookie: {
          kind: 'flow_sample',
          probability: a.probability,
          collectorSet: a.collectorSet,
          obsDomain,
          obsPoint,
          outputPort: outputPort ?? 0xffff_ffff,
          direction: a.direction,
        },
        withActions: false,
        egressTunPort: undefined,
      });
    }
  });
  const mustSample = probability < 0xffff_ffff || actions.some((x) => x.kind === 'meter');
  if (mustSample) ctx.put({ kind: 'sample', probability, actions });
  else for (const action of actions) ctx.put(action);
}
