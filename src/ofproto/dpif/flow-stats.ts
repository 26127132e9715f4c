/** What is credited when packets have been handled. C counterpart: struct dpif_flow_stats. */
export interface PacketStats {
  readonly packets: number;
  readonly bytes: number;
  /** Monotonic ms of the last packet. */
  readonly usedMs: number;
  readonly tcpFlags: number;
}
