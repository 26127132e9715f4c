/**
 * A group: buckets of actions that flows share. Owned by {@link Groups}; the datapath side credits it.
 * C counterpart: struct ofgroup.
 */
import type { Bucket, GroupDesc, GroupProps, GroupStats, GroupType } from '../openflow/messages/message.ts';

export interface Counters {
  packets: number;
  bytes: number;
}

export class Group implements GroupDesc {
  readonly groupId: number;
  readonly type: GroupType;
  readonly buckets: readonly Bucket[];
  readonly props: GroupProps;
  readonly createdMs: number;
  modifiedMs: number;
  packets = 0;
  bytes = 0;
  /** Beside `buckets`. */
  readonly bucketCounters: Counters[];
  /** Deleted or replaced; translations under way may still hold it. */
  removed = false;

  constructor(desc: GroupDesc & { readonly type: GroupType }, nowMs: number, createdMs: number = nowMs) {
    this.groupId = desc.groupId;
    this.type = desc.type;
    this.buckets = desc.buckets;
    this.props = desc.props;
    this.createdMs = createdMs;
    this.modifiedMs = nowMs;
    this.bucketCounters = desc.buckets.map(() => ({ packets: 0, bytes: 0 }));
  }

  /** Counts packets that went into one bucket, or (undefined) into all of them. */
  credit(bucket: Bucket | undefined, packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
    for (let i = 0; i < this.buckets.length; i++) {
      if (bucket !== undefined && this.buckets[i] !== bucket) continue;
      this.bucketCounters[i]!.packets += packets;
      this.bucketCounters[i]!.bytes += bytes;
    }
  }

  /** @param refCount how many flows and groups refer to it */
  stats(refCount: number, nowMs: number): GroupStats {
    const age = nowMs - this.createdMs;
    return {
      groupId: this.groupId,
      refCount,
      packetCount: BigInt(this.packets),
      byteCount: BigInt(this.bytes),
      durationSec: Math.floor(age / 1000),
      durationNsec: Math.floor(age % 1000) * 1_000_000,
      buckets: this.bucketCounters.map((c) => ({
        packetCount: BigInt(c.packets),
        byteCount: BigInt(c.bytes),
      })),
    };
  }
}
