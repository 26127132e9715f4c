/**
 * Matches that are used over and over, for whoever has done with one before it needs the next.
 *
 * A match is two rows outside of V8's heap: to make one, and to collect it, takes longer than all else that is done
 * to decode or to parse a flow. Whoever takes a match from a pool must copy what it keeps (`MiniMatch` of classifier/
 * does so in a tenth of the memory).
 */
import { catchAllMatch, type Match } from '../layout.ts';

/** Matches kept at most, 3.3 MB: more flows than one message of usual flows has. */
const MAX_KEPT = 2048;

export class MatchPool {
  readonly #matches: Match[] = [];
  #used = 0;

  /** Takes back all matches that were given out. */
  reset(): void {
    this.#used = 0;
  }

  /** A match of every packet, valid until the next {@link reset}. */
  next(): Match {
    if (this.#used === MAX_KEPT) return catchAllMatch();
    const used = this.#matches[this.#used++];
    if (used) return clearMatch(used);
    const match = catchAllMatch();
    this.#matches.push(match);
    return match;
  }
}

/** Makes it a match of every packet again. */
export function clearMatch(match: Match): Match {
  match.flow.fill(0);
  match.mask.fill(0);
  match.tun = undefined;
  return match;
}
