/** FLOW_MODs between their parsing and their encoding, when there are too many to keep a whole match of each. */
import { expandMatch, type MiniMatch, miniMatchOf } from '../../classifier/mini-match.ts';
import { catchAllMatch } from '../../flow/layout.ts';
import { clearMatch } from '../../flow/match/pool.ts';
import type { FlowMod, OfpBody } from '../../openflow/messages/message.ts';

/** The match of the flow that was unpacked last. */
const unpacked = catchAllMatch();

export class PackedFlowMod {
  readonly #flowMod: FlowMod;
  readonly #match: MiniMatch;

  /** @param flowMod is kept, but for its match */
  constructor(flowMod: FlowMod) {
    this.#match = miniMatchOf(flowMod.match);
    this.#flowMod = flowMod;
  }

  /** The message, valid until the next one is unpacked. */
  unpack(): OfpBody {
    return { kind: 'flow_mod', ...this.#flowMod, match: expandMatch(this.#match, clearMatch(unpacked)) };
  }
}

export const packFlowMod = (flowMod: FlowMod): PackedFlowMod => new PackedFlowMod(flowMod);
