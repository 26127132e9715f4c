/**
 * Counts the `learn` actions with `delete_learned` by what they make: when the last flow with such an action goes,
 * the flows with that cookie in that table go too. C counterpart: ofproto's learned_cookies.
 */
import type { OfpAct } from '../openflow/actions/action.ts';

const NX_LEARN_F_DELETE_LEARNED = 2;

export interface LearnedCookie {
  readonly tableId: number;
  readonly cookie: bigint;
  users: number;
}

export class LearnedCookies {
  readonly #byKey = new Map<string, LearnedCookie>();

  #each(acts: readonly OfpAct[], visit: (key: string, tableId: number, cookie: bigint) => void): void {
    for (const act of acts) {
      if (act.kind !== 'learn' || !(act.learn.flags & NX_LEARN_F_DELETE_LEARNED)) continue;
      visit(`${act.learn.table}:${act.learn.cookie}`, act.learn.table, act.learn.cookie);
    }
  }

  /** A flow with these actions came. */
  add(acts: readonly OfpAct[]): void {
    this.#each(acts, (key, tableId, cookie) => {
      const known = this.#byKey.get(key);
      if (known) known.users++;
      else this.#byKey.set(key, { tableId, cookie, users: 1 });
    });
  }

  /** A flow with these actions went. Adds to `dead` what nobody makes any more. */
  remove(acts: readonly OfpAct[], dead: LearnedCookie[]): void {
    this.#each(acts, (key) => {
      const known = this.#byKey.get(key);
      if (!known || --known.users > 0) return;
      this.#byKey.delete(key);
      dead.push(known);
    });
  }
}
