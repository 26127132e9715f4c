/**
 * Packets that come up from the datapath: table misses, the slow path, packets for controllers, samples.
 *
 * Each miss is translated once; what comes out is installed as a flow and executed for the packet that missed.
 * A batch of upcalls becomes one batch of datapath operations. C counterparts: upcall_receive(), upcall_xlate(),
 * handle_upcalls().
 */
import { coverage } from '../../base/coverage.ts';
import { errorStack } from '../../base/error-stack.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { DpifOp, DpifUpcall } from '../../datapath/dpif-provider.ts';
import { F } from '../../flow/layout.ts';
import { wildcardsForPacket } from '../../flow/wildcards.ts';
import type { OdpAction, UserspaceCookie } from '../../odp/action.ts';
import { DEBUG } from './flow-cache-settings.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import { sendPacketIn } from './packet-in.ts';
import { traceToText } from './trace.ts';
import type { Udpif } from './udpif.ts';
import { ufidOf } from './ufid.ts';
import { Ukey } from './ukey.ts';
import { XLATE } from './xlate/errors.ts';
import { xlateActions } from './xlate/xlate.ts';
import { XlateCache } from './xlate-cache.ts';

const log = vlog('ofproto_dpif_upcall');
const noPortLimit = new RateLimit(1, 5);
const badLimit = new RateLimit(1, 5);
const failedLimit = new RateLimit(5, 5);
const traceLimit = new RateLimit(1, 1);
const duplicates = coverage('handler_duplicate_upcall');

/** The action of a flow whose packets are handled in userspace. */
export function slowPathActions(bridge: OfprotoDpif, reason: number): OdpAction[] {
  const upcall: OdpAction = {
    kind: 'userspace',
    pid: 0,
    cookie: { kind: 'slow_path', reason },
    withActions: false,
    egressTunPort: undefined,
  };
  const meterId = bridge.slowpathMeterId;
  return meterId === undefined
    ? [upcall]
    : [{ kind: 'sample', probability: 0xffff_ffff, actions: [{ kind: 'meter', meterId }, upcall] }];
}

export function handleUpcalls(udpif: Udpif, upcalls: readonly DpifUpcall[]): void {
  const ops: DpifOp[] = [];
  const ukeys: (Ukey | undefined)[] = [];
  const add = (op: DpifOp, ukey?: Ukey): void => {
    ops.push(op);
    ukeys.push(ukey);
  };
  for (const upcall of upcalls) {
    try {
      handleUpcall(udpif, upcall, add);
    } catch (error) {
      // A mistake of ours costs this packet, not the others.
      log.errRl(failedLimit, `failed to handle a packet: ${errorStack(error)}\n${hexDump(upcall.packet)}`);
    }
  }
  if (ops.length === 0) return;
  udpif.backer.operate(ops, (results) => {
    results.forEach((result, i) => {
      const ukey = ukeys[i];
      if (!ukey) return;
      if (result.errno === 0) ukey.installed = true;
      else udpif.dropUkey(ukey, undefined);
    });
  });
}

type AddOp = (op: DpifOp, ukey?: Ukey) => void;

function handleUpcall(udpif: Udpif, upcall: DpifUpcall, add: AddOp): void {
  const cookie: UserspaceCookie | undefined = upcall.action?.cookie;
  // A packet that a controller sent may have no port, yet the actions may send it to the controllers.
  if (cookie?.kind === 'controller') {
    if (!cookie.dontSend) sendPacketIn(udpif.backer, upcall, cookie);
    return;
  }
  const found = udpif.backer.lookup(upcall.key);
  if ('error' in found) {
    if (upcall.reason === 'miss') {
      const why = found.error === '' ? '' : ` (${found.error})`;
      log.infoRl(noPortLimit, `received packet on unassociated datapath port ${upcall.key[F.IN_PORT]}${why}`);
      // Such packets need not come up again, until somebody claims the port.
      const mask = wildcardsForPacket(upcall.key);
      mask[F.IN_PORT] = 0xffff_ffff;
      mask[F.RECIRC_ID] = 0xffff_ffff;
      const ufid = upcall.ufid ?? ufidOf(upcall.key);
      add({ kind: 'flow_put', ufid, key: upcall.key, mask, actions: [], create: true, modify: false });
    }
    return;
  }
  if (upcall.reason === 'miss') {
    translateMiss(udpif, upcall, found.bridge, found.inPort, add);
    return;
  }
  switch (cookie?.kind) {
    case 'slow_path':
      translateSlow(udpif, upcall, found.bridge, found.inPort, add);
      break;
    case 'sflow':
    case 'ipfix':
    case 'flow_sample':
      found.bridge.samplers.received?.(upcall, cookie);
      break;
    case undefined:
      log.warnRl(badLimit, 'action upcall missing cookie');
      break;
    case 'raw':
      log.warnRl(badLimit, `action upcall cookie has unexpected size ${cookie.data.length}`);
  }
}

function translateMiss(
  udpif: Udpif,
  upcall: DpifUpcall,
  bridge: OfprotoDpif,
  inPort: number,
  add: AddOp,
): void {
  const { key, packet } = upcall;
  const ufid = upcall.ufid ?? ufidOf(key);
  const { recircIds } = udpif.backer;
  const revalSeq = udpif.revalSeq;
  const now = udpif.loop.now();
  const cache = new XlateCache();
  const x = xlateActions({
    bridge,
    flow: key,
    inPort,
    packet,
    stats: { packets: 1, bytes: packet.length, usedMs: now, tcpFlags: key[F.TCP_FLAGS]! },
    cache,
  });
  if (x.error === XLATE.RECURSION_TOO_DEEP || x.error === XLATE.TOO_MANY_RESUBMITS) {
    // Once in a while say in full what went wrong.
    if (traceLimit.take(now)) log.warn(traceToText(bridge, key, inPort));
  }

  const recircs = [...x.recircs];
  const keyRecirc = key[F.RECIRC_ID]!;
  // A flow behind a recirculation lives only as long as somebody can still resume it.
  const mayResume = keyRecirc === 0 || recircIds.ref(keyRecirc);
  if (keyRecirc !== 0 && mayResume) recircs.push(keyRecirc);
  if (!x.avoidCaching && mayResume && udpif.mayInstall()) {
    const mask = wildcardsForPacket(key);
    mask[F.IN_PORT] = 0xffff_ffff;
    mask[F.RECIRC_ID] = 0xffff_ffff;
    if (DEBUG.megaflows) {
      // What the packet does not have, the datapath cannot match; but its type counts without an Ethernet header too.
      mask[F.DL_TYPE] = 0xffff;
      for (let i = 0; i < mask.length; i++) mask[i] = mask[i]! & x.wc[i]!;
      mask[F.IN_PORT] = 0xffff_ffff;
    }
    // A datapath flow cannot leave open whether there is a VLAN tag.
    if (mask[F.VLAN_TCI0] === 0) mask[F.VLAN_TCI0] = 0xffff;
    const actions = x.slow ? slowPathActions(bridge, x.slow) : x.actions;
    const ukey = new Ukey(ufid, key, mask, actions, recircs, now, revalSeq, cache);
    if (udpif.addUkey(ukey))
      add({ kind: 'flow_put', ufid, key, mask, actions, create: true, modify: false }, ukey);
    else {
      duplicates.inc();
      recircIds.unrefAll(recircs);
    }
  } else recircIds.unrefAll(recircs);
  if (x.actions.length > 0)
    add({ kind: 'execute', packet, key, actions: x.actions, mtu: 0, offload: upcall.offload });
}

/** A packet of a flow that userspace handles: its statistics are the flow's. */
function translateSlow(
  udpif: Udpif,
  upcall: DpifUpcall,
  bridge: OfprotoDpif,
  inPort: number,
  add: AddOp,
): void {
  const { key, packet } = upcall;
  const x = xlateActions({ bridge, flow: key, inPort, packet });
  if (x.actions.length > 0)
    add({ kind: 'execute', packet, key, actions: x.actions, mtu: 0, offload: upcall.offload });
  udpif.backer.recircIds.unrefAll(x.recircs);
}
