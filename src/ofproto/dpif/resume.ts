/** NXT_RESUME: goes on with a packet that a `controller(pause)` action gave away. C counterpart: xlate_resume(). */
import { extractFlow } from '../../flow/extract.ts';
import { F, newFlow } from '../../flow/layout.ts';
import { OfpError } from '../../openflow/errors.ts';
import type { Message } from '../../openflow/messages/message.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import { type FrozenState, freezeMetadata } from './recirc-id.ts';
import { xlateActions } from './xlate/xlate.ts';

const NO_BYTES = new Uint8Array(0);

/** The number in a stack entry's bytes. */
const bigEndian = (bytes: Uint8Array): bigint => bytes.reduce((v, b) => (v << 8n) | BigInt(b), 0n);

/** @throws OfpError NXR_STALE when what it needs is gone */
export function resumePacket(bridge: OfprotoDpif, message: Message<'nxt_resume'>): void {
  const { continuation, packet, metadata } = message;
  const resumed = [...bridge.backers.bridges()].find((b) => b.uuid === continuation?.bridge);
  if (!continuation || !resumed) throw new OfpError('NXR_STALE');

  const flow = newFlow();
  flow.set(metadata.flow);
  extractFlow(packet, flow);
  const frozen: FrozenState = {
    tableId: 0,
    bridge: resumed,
    metadata: freezeMetadata(flow),
    inPort: flow[F.IN_PORT]!,
    stack: continuation.stack.map((bytes) => ({ value: bigEndian(bytes), bytes: bytes.length })),
    mirrors: continuation.mirrors,
    conntracked: continuation.conntracked,
    wasMpls: false,
    xport: undefined,
    // With no action left, translation would look up a table; something harmless keeps it from that.
    actions: continuation.actions.length > 0 ? continuation.actions : [{ kind: 'note', data: NO_BYTES }],
    actionSet: continuation.actionSet,
    userdata: NO_BYTES,
  };
  const x = xlateActions({
    bridge,
    flow,
    inPort: flow[F.IN_PORT]!,
    packet,
    frozen,
    stats: { packets: 1, bytes: packet.length, usedMs: bridge.now(), tcpFlags: flow[F.TCP_FLAGS]! },
  });
  const key = flow.slice();
  key[F.IN_PORT] = continuation.odpPort ?? 0xffff_ffff;
  if (x.actions.length > 0)
    bridge.backer.operate([{ kind: 'execute', packet, key, actions: x.actions, mtu: 0 }]);
  bridge.backer.recircIds.unrefAll(x.recircs);
}
