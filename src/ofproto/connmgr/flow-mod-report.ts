/** Logs how many flow_mods a connection carried out, at most once a minute. */
import { vlog } from '../../base/vlog.ts';
import type { FlowModCommand } from '../../openflow/messages/message.ts';

const log = vlog('connmgr');
const DELAY_MS = 10_000;
const BACKOFF_MS = 60_000;

export class FlowModReport {
  readonly #name: () => string;
  #adds = 0;
  #deletes = 0;
  #modifications = 0;
  #firstMs = 0;
  #lastMs = 0;
  #nextMs = Number.POSITIVE_INFINITY;
  #backoffMs = Number.NEGATIVE_INFINITY;

  constructor(name: () => string) {
    this.#name = name;
  }

  add(command: FlowModCommand, now: number): void {
    if (command === 'add') this.#adds++;
    else if (command === 'delete' || command === 'delete_strict') this.#deletes++;
    else this.#modifications++;
    if (this.#nextMs === Number.POSITIVE_INFINITY) {
      this.#firstMs = now;
      this.#nextMs = Math.max(now + DELAY_MS, this.#backoffMs);
      this.#backoffMs = this.#nextMs + BACKOFF_MS;
    }
    this.#lastMs = now;
  }

  run(now: number): void {
    if (now >= this.#nextMs) this.flush(now);
  }

  deadline(): number {
    return this.#nextMs;
  }

  /** Logs what has not been logged. */
  flush(now: number): void {
    const total = this.#adds + this.#deletes + this.#modifications;
    this.#nextMs = Number.POSITIVE_INFINITY;
    if (total === 0) return;
    const ago = Math.floor((now - this.#firstMs) / 1000);
    const interval = Math.floor((this.#lastMs - this.#firstMs) / 1000);
    let when = `${ago} s ago`;
    if (interval === ago) when = `in the last ${ago} s`;
    else if (interval > 0) when = `in the ${interval} s starting ${ago} s ago`;
    const parts: string[] = [];
    if (this.#adds) parts.push(`${this.#adds} adds`);
    if (this.#deletes) parts.push(`${this.#deletes} deletes`);
    if (this.#modifications) parts.push(`${this.#modifications} modifications`);
    log.info(`${this.#name()}: ${total} flow_mods ${when} (${parts.join(', ')})`);
    this.#adds = this.#deletes = this.#modifications = 0;
  }
}
