/**
 * Rules by cookie, for flow mods that name one. The lists hang on the rules themselves: with many flows of one
 * cookie (0, mostly) a set of them would cost more than the rules' links do. C counterpart: ofproto's cookies.
 */
import type { Rule } from './rule.ts';

export class CookieIndex {
  readonly #heads = new Map<bigint, Rule>();

  insert(rule: Rule): void {
    const head = this.#heads.get(rule.cookie);
    rule.cookiePrev = undefined;
    rule.cookieNext = head;
    if (head) head.cookiePrev = rule;
    this.#heads.set(rule.cookie, rule);
  }

  remove(rule: Rule): void {
    const { cookiePrev: prev, cookieNext: next } = rule;
    if (next) next.cookiePrev = prev;
    if (prev) prev.cookieNext = next;
    else if (next) this.#heads.set(rule.cookie, next);
    else this.#heads.delete(rule.cookie);
    rule.cookiePrev = undefined;
    rule.cookieNext = undefined;
  }

  *rules(cookie: bigint): IterableIterator<Rule> {
    for (let rule = this.#heads.get(cookie); rule; rule = rule.cookieNext) yield rule;
  }
}
