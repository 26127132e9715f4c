/**
 * All the flow tables of a bridge, and the indexes over their rules: by cookie, by the group or meter that they
 * use, and those that can expire.
 *
 * A change has two halves, so that many can be made at once and undone: {@link FlowTables.insert} and
 * {@link FlowTables.hide} affect the *next* version, which lookups see after {@link FlowTables.publish}. Hidden
 * rules are taken out of the classifiers later, a slice at a time.
 * Owner of `Rule`'s places in tables and indexes. C counterpart: parts of struct ofproto.
 */
import { NEVER } from '../classifier/classifier.ts';
import type { MiniMatch } from '../classifier/mini-match.ts';
import { OFPP } from '../flow/ports.ts';
import type { OfpAct } from '../openflow/actions/action.ts';
import { actsOutputToGroup, actsOutputToPort } from '../openflow/actions/query.ts';
import { OfpError } from '../openflow/errors.ts';
import { CookieIndex } from './cookie-index.ts';
import type { Rule } from './rule.ts';
import { N_TABLES, OFPTT_ALL, Table } from './table.ts';

/** "Any group", as a criterion. */
export const OFPG_ANY = 0xffff_ffff;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
/** What lookups would see if all changes so far were published. */
const LATEST = NEVER - 1;

/** Which flows a message is about. */
export interface RuleCriteria {
  /** 255 for all tables that controllers see. */
  readonly tableId: number;
  readonly match: MiniMatch;
  /** Rules whose cookie equals `cookie` where `cookieMask` has ones. */
  readonly cookie: bigint;
  readonly cookieMask: bigint;
  /** OFPP_ANY: any. */
  readonly outPort: number;
  /** OFPG_ANY: any. */
  readonly outGroup: number;
  /** Rules of read-only tables count, too. */
  readonly includeReadOnly: boolean;
}

const NONE: number[] = [];

/** Rules by the groups or meters that they use. */
class UserIndex {
  readonly #rules = new Map<number, Set<Rule>>();
  readonly #kind: 'group' | 'meter';

  constructor(kind: 'group' | 'meter') {
    this.#kind = kind;
  }

  /** Most flows use neither groups nor meters: then nothing is allocated. */
  #ids(acts: readonly OfpAct[], found: number[] = NONE): number[] {
    let ids = found;
    for (const a of acts) {
      if (a.kind === 'group' && this.#kind === 'group') ids = [...ids, a.groupId];
      else if (a.kind === 'meter' && this.#kind === 'meter') ids = [...ids, a.meterId];
      else if (a.kind === 'clone' || a.kind === 'ct' || a.kind === 'write_actions')
        ids = this.#ids(a.actions, ids);
    }
    return ids;
  }

  insert(rule: Rule): void {
    for (const id of this.#ids(rule.actions)) {
      const rules = this.#rules.get(id);
      if (rules) rules.add(rule);
      else this.#rules.set(id, new Set([rule]));
    }
  }

  remove(rule: Rule): void {
    if (this.#rules.size === 0) return;
    for (const id of this.#ids(rule.actions)) {
      const rules = this.#rules.get(id);
      rules?.delete(rule);
      if (rules?.size === 0) this.#rules.delete(id);
    }
  }

  /** A copy: it may be walked while rules go. */
  rules(id: number): Rule[] {
    return [...(this.#rules.get(id) ?? [])];
  }

  count(id: number): number {
    return this.#rules.get(id)?.size ?? 0;
  }
}

export class FlowTables {
  readonly tables: readonly Table[] = Array.from({ length: N_TABLES }, (_, id) => new Table(id));
  /** What lookups see. */
  version = 1;
  readonly #cookies = new CookieIndex();
  /** Rules with timeouts. */
  readonly expirable = new Set<Rule>();
  readonly usersOfGroup = new UserIndex('group');
  readonly usersOfMeter = new UserIndex('meter');
  /** Hidden rules that are still in their classifiers. */
  #garbage: Rule[] = [];

  /** @throws OfpError OFPBRC_BAD_TABLE_ID */
  table(id: number): Table {
    const table = this.tables[id];
    if (!table) throw new OfpError('OFPBRC_BAD_TABLE_ID');
    return table;
  }

  // --- finding ----------------------------------------------------------------------------------------------

  /** The rule with exactly that match and priority, in the newest version, published or not. */
  find(tableId: number, match: MiniMatch, priority: number): Rule | undefined {
    return this.tables[tableId]?.classifier.find(match, priority, LATEST);
  }

  overlaps(rule: Rule): boolean {
    return this.tables[rule.tableId]!.classifier.overlaps(rule.match, rule.priority, LATEST);
  }

  *#tablesOf(tableId: number): IterableIterator<Table> {
    if (tableId !== OFPTT_ALL) yield this.table(tableId);
    else for (const table of this.tables) if (!table.isHidden) yield table;
  }

  /** The rules of the newest version whose match is that of the criteria or narrower.
   * @throws OfpError OFPBRC_BAD_TABLE_ID; OFPBRC_EPERM when there are only read-only ones */
  collectLoose(c: RuleCriteria): Rule[] {
    return this.#collect(c, false, (found) => {
      if (c.cookieMask === ALL_ONES) {
        for (const rule of this.#cookies.rules(c.cookie)) if (rule.match.isWithin(c.match)) found(rule);
      } else {
        for (const table of this.#tablesOf(c.tableId)) {
          for (const rule of table.classifier.rules(c.match, LATEST)) found(rule);
        }
      }
    });
  }

  /** The rules of the newest version with exactly that match and priority: one a table.
   * @throws OfpError as {@link collectLoose} */
  collectStrict(c: RuleCriteria, priority: number): Rule[] {
    return this.#collect(c, priority > 0xffff, (found) => {
      for (const table of this.#tablesOf(c.tableId)) {
        const rule = table.classifier.find(c.match, priority, LATEST);
        if (rule) found(rule);
      }
    });
  }

  #collect(c: RuleCriteria, hidden: boolean, search: (found: (rule: Rule) => void) => void): Rule[] {
    if (c.tableId !== OFPTT_ALL) this.table(c.tableId);
    const rules: Rule[] = [];
    let readOnly = 0;
    const { cookieMask } = c;
    const cookie = c.cookie & cookieMask;
    search((rule) => {
      if (c.tableId !== OFPTT_ALL && c.tableId !== rule.tableId) return;
      if (cookieMask !== 0n && (rule.cookie & cookieMask) !== cookie) return;
      if (rule.isHidden && !hidden) return;
      if (c.outPort !== OFPP.NONE && !actsOutputToPort(rule.actions, c.outPort)) return;
      if (c.outGroup !== OFPG_ANY && !actsOutputToGroup(rule.actions, c.outGroup)) return;
      if (!c.includeReadOnly && this.tables[rule.tableId]!.isReadOnly) readOnly++;
      else rules.push(rule);
    });
    if (rules.length === 0 && readOnly > 0) throw new OfpError('OFPBRC_EPERM');
    return rules;
  }

  /** How many rules of a table have that cookie. */
  countByCookie(tableId: number, cookie: bigint): number {
    let n = 0;
    for (const rule of this.#cookies.rules(cookie)) if (rule.tableId === tableId) n++;
    return n;
  }

  byCookie(cookie: bigint): Rule[] {
    return [...this.#cookies.rules(cookie)];
  }

  // --- changing ---------------------------------------------------------------------------------------------

  /** Puts a rule into its table, for the next version. */
  insert(rule: Rule): void {
    const table = this.tables[rule.tableId]!;
    table.classifier.insert(rule, this.version + 1);
    this.#index(rule, table);
  }

  #index(rule: Rule, table: Table): void {
    table.flowCount++;
    if (rule.isHidden) table.hiddenCount++;
    this.#cookies.insert(rule);
    if (rule.idleTimeout !== 0 || rule.hardTimeout !== 0) this.expirable.add(rule);
    table.eviction?.add(rule);
    this.usersOfGroup.insert(rule);
    this.usersOfMeter.insert(rule);
  }

  /** Takes a rule out for the next version. It stays in the classifier until {@link sweep} or {@link restore}. */
  hide(rule: Rule): void {
    const table = this.tables[rule.tableId]!;
    rule.hideFrom(this.version + 1);
    this.#unindex(rule, table);
  }

  #unindex(rule: Rule, table: Table): void {
    table.flowCount--;
    if (rule.isHidden) table.hiddenCount--;
    this.#cookies.remove(rule);
    this.expirable.delete(rule);
    table.eviction?.remove(rule);
    this.usersOfGroup.remove(rule);
    this.usersOfMeter.remove(rule);
  }

  /** Undoes {@link insert}, before it was published. */
  retract(rule: Rule): void {
    const table = this.tables[rule.tableId]!;
    table.classifier.remove(rule);
    this.#unindex(rule, table);
  }

  /** Undoes {@link hide}, before it was published. */
  restore(rule: Rule): void {
    const table = this.tables[rule.tableId]!;
    rule.unhide();
    this.#index(rule, table);
  }

  /** The rule's timeouts have become shorter. */
  timeoutsReduced(rule: Rule): void {
    if (rule.removed || (rule.idleTimeout === 0 && rule.hardTimeout === 0)) return;
    this.expirable.add(rule);
    this.tables[rule.tableId]!.eviction?.touch(rule);
  }

  /** Lets lookups see the changes. */
  publish(): void {
    this.version++;
  }

  /** Says that hidden rules are out for good, now that this is published. */
  discard(rules: readonly Rule[]): void {
    for (const rule of rules) this.#garbage.push(rule);
  }

  get hasGarbage(): boolean {
    return this.#garbage.length > 0;
  }

  /** Takes up to `limit` discarded rules out of the classifiers, telling `removed` of each. */
  sweep(limit: number, removed: (rule: Rule) => void): void {
    const rules = this.#garbage.length <= limit ? this.#garbage : this.#garbage.splice(0, limit);
    if (rules === this.#garbage) this.#garbage = [];
    for (const rule of rules) {
      this.tables[rule.tableId]!.classifier.remove(rule);
      removed(rule);
    }
  }
}
