/** Counters of flows: what is credited, and how the tools print them. */
import type { FlowStats } from '../../datapath/dpif-provider.ts';
import { formatFlags, TCP_FLAG_NAMES } from '../../flow/text.ts';

/** What is credited when packets have been handled. C counterpart: struct dpif_flow_stats. */
export interface PacketStats {
  readonly packets: number;
  readonly bytes: number;
  /** Monotonic ms of the last packet. */
  readonly usedMs: number;
  readonly tcpFlags: number;
}

/** "packets:N, bytes:N, used:...": how the tools print a flow's counters. */
export function formatFlowStats(stats: FlowStats, nowMs: number): string {
  const used = stats.usedMs !== 0 ? `${((nowMs - stats.usedMs) / 1000).toFixed(3)}s` : 'never';
  const flags = stats.tcpFlags !== 0 ? `, flags:${formatTcpFlags(stats.tcpFlags)}` : '';
  return `packets:${stats.packets}, bytes:${stats.bytes}, used:${used}${flags}`;
}

/** One letter a flag, as tcpdump writes them. */
function formatTcpFlags(flags: number): string {
  let text = '';
  for (const [bit, letter] of [
    [0x001, 'F'],
    [0x002, 'S'],
    [0x004, 'R'],
    [0x008, 'P'],
    [0x010, '.'],
    [0x020, 'U'],
    [0x040, 'E'],
    [0x080, 'C'],
    [0x100, 'N'],
  ] as const)
    if (flags & bit) text += letter;
  return flags & 0xe00 ? text + formatFlags(TCP_FLAG_NAMES, flags & 0xe00) : text;
}
