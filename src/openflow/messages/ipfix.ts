/** NXST_IPFIX_BRIDGE and NXST_IPFIX_FLOW: counters of IPFIX exporters. C counterpart: lib/ofp-ipfix.c. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { type Codec, emptyCodec } from './codec.ts';
import { type IpfixStats, UNKNOWN_COUNT } from './message.ts';

function read(r: ByteReader): IpfixStats {
  const stats = {
    totalFlows: r.u64(),
    currentFlows: r.u64(),
    pkts: r.u64(),
    ipv4Pkts: r.u64(),
    ipv6Pkts: r.u64(),
    errorPkts: r.u64(),
    ipv4ErrorPkts: r.u64(),
    ipv6ErrorPkts: r.u64(),
    txPkts: r.u64(),
    txErrors: r.u64(),
    collectorSetId: r.u32(),
  };
  r.skip(4);
  return stats;
}

function put(w: ByteWriter, s: IpfixStats): void {
  w.u64(s.totalFlows).u64(s.currentFlows).u64(s.pkts).u64(s.ipv4Pkts).u64(s.ipv6Pkts);
  w.u64(s.errorPkts).u64(s.ipv4ErrorPkts).u64(s.ipv6ErrorPkts).u64(s.txPkts).u64(s.txErrors);
  w.u32(s.collectorSetId).u32(0);
}

const count = (n: bigint): string => (n === UNKNOWN_COUNT ? '?' : String(n));

const text = (s: IpfixStats, indent: number): string =>
  `flows=${count(s.totalFlows)}, current flows=${count(s.currentFlows)}, sampled pkts=${count(s.pkts)}, ` +
  `ipv4 ok=${count(s.ipv4Pkts)}, ipv6 ok=${count(s.ipv6Pkts)}, tx pkts=${count(s.txPkts)}\n${' '.repeat(indent)}` +
  `pkts errs=${count(s.errorPkts)}, ipv4 errs=${count(s.ipv4ErrorPkts)}, ipv6 errs=${count(s.ipv6ErrorPkts)}, ` +
  `tx errs=${count(s.txErrors)}\n`;

export const ipfixBridgeRequest = emptyCodec('ipfix_bridge_stats_request');

export const ipfixBridgeReply: Codec<'ipfix_bridge_stats_reply'> = {
  decode: (r) => ({ kind: 'ipfix_bridge_stats_reply', ...read(r) }),
  encode: put,
  format: (m) => `\n  bridge ipfix: ${text(m, 16)}`,
};

export const ipfixFlowRequest = emptyCodec('ipfix_flow_stats_request');

export const ipfixFlowReply: Codec<'ipfix_flow_stats_reply'> = {
  decode: (r, c) => c.items(r, read, (stats) => ({ kind: 'ipfix_flow_stats_reply', stats })),
  encode: (w, m, c) => c.items(m.stats, (s) => put(w, s)),
  format: (m) =>
    ` ${m.stats.length} ids\n` +
    m.stats.map((s) => `  id ${String(s.collectorSetId).padStart(3)}: ${text(s, 10)}`).join(''),
};
