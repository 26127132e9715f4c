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

type Learn = Extract<OfpAct, { kind: 'learn' }>;

const isCounted = (act: OfpAct): act is Learn =>
  act.kind === 'learn' && (act.learn.flags & NX_LEARN_F_DELETE_LEARNED) !== 0;
const keyOf = ({ learn }: Learn): string => `${learn.table}:${learn.cookie}`;

export class LearnedCookies {
  readonly #byKey = new Map<string, LearnedCookie>();

  /** A flow with these actions came. */
  add(acts: readonly OfpAct[]): void {
    for (const act of acts) {
      if (!isCounted(act)) continue;
      const { table: tableId, cookie } = act.learn;
      const key = keyOf(act);
      const known = this.#byKey.get(key);
      if (known) known.users++;
      else this.#byKey.set(key, { tableId, cookie, users: 1 });
    }
  }

  /** A flow with these actions went. Adds to `dead` what nobody makes any more. */
  remove(acts: readonly OfpAct[], dead: LearnedCookie[]): void {
    for (const act of acts) {
      if (!isCounted(act)) continue;
      const key = keyOf(act);
      const known = this.#byKey.get(key);
      if (!known || --known.users > 0) continue;
      this.#byKey.delete(key);
      dead.push(known);
    }
  }
}
