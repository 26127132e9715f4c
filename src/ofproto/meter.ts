/** A meter: owned by the bridge's meter table; the datapath counts and drops. C counterpart: struct meter. */
import type { MeterConfig } from '../openflow/messages/message.ts';

export class Meter {
  readonly meterId: number;
  config: MeterConfig;
  readonly createdMs: number;
  /** The datapath's number for it; set by the provider. */
  providerId: number | undefined;

  constructor(config: MeterConfig, createdMs: number) {
    this.meterId = config.meterId;
    this.config = config;
    this.createdMs = createdMs;
  }
}
