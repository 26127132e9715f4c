/**
 * One flow table: its rules, counters and settings. C counterpart: struct oftable.
 */
import { Classifier } from '../classifier/classifier.ts';
import type { TableConfig, TableMiss, TableMod } from '../openflow/messages/message.ts';
import type { Eviction } from './eviction.ts';
import type { Rule } from './rule.ts';

/** Tables of a bridge. */
export const N_TABLES = 255;
/** The last one holds rules of the switch itself; controllers do not see it. */
export const TBL_INTERNAL = 254;
/** "Any table", where a message allows that. */
export const OFPTT_ALL = 0xff;

/** Who set a table's name: the database has precedence over OpenFlow. */
export type NameSource = 'openflow' | 'database';
/** Who asked for eviction; each can only take back what it asked for. */
export type EvictionSource = 'openflow' | 'database';

/** What eviction looks at, as OpenFlow 1.4 reports it: OFPTMPEF14_OTHER, IMPORTANCE and LIFETIME. */
export const EVICTION_FLAGS = 0x7;

/** OFPTR_*: reasons of a table-status. */
export const OFPTR = { VACANCY_DOWN: 3, VACANCY_UP: 4 } as const;

const MAX_NAME_BYTES = 32;

export class Table {
  readonly id: number;
  readonly classifier = new Classifier<Rule>();
  /** Rules that are in it in the newest version. */
  flowCount = 0;
  /** How many of them controllers do not see. */
  hiddenCount = 0;
  /** Flows beyond which additions evict or fail. */
  maxFlows: number = Number.POSITIVE_INFINITY;
  /** What happens to packets that no flow matches. 'default' depends on the controllers' version. */
  missConfig: TableMiss = 'default';
  /** Lookups that found a flow, and that found none. */
  matched = 0;
  missed = 0;
  #name = '';
  #nameSource: NameSource | undefined;
  readonly #evictionSources = new Set<EvictionSource>();
  /** Chooses what to evict; undefined: nothing, additions fail. */
  eviction: Eviction | undefined;
  /** The next vacancy event to send; undefined: none are wanted. */
  #vacancyEvent: number | undefined;
  #vacancyDown = 0;
  #vacancyUp = 0;

  constructor(id: number) {
    this.id = id;
  }

  /** Controllers neither see nor change it. */
  get isHidden(): boolean {
    return this.id === TBL_INTERNAL;
  }

  get isReadOnly(): boolean {
    return this.isHidden;
  }

  credit(matched: boolean, packets: number): void {
    if (matched) this.matched += packets;
    else this.missed += packets;
  }

  // --- name -------------------------------------------------------------------------------------------------

  /** '' for none. */
  get name(): string {
    return this.#name;
  }

  maySetName(name: string, source: NameSource): boolean {
    return (
      source === 'database' || this.#nameSource !== 'database' || name === this.#name || this.#name === ''
    );
  }

  /** Sets or, with undefined, takes back the name that this source gave. '' sets that there is none. */
  setName(name: string | undefined, source: NameSource): void {
    if (source === 'openflow' && this.#nameSource === 'database') return;
    if (name === undefined && this.#nameSource !== source) return;
    this.#name = (name ?? '').slice(0, MAX_NAME_BYTES);
    this.#nameSource = name === undefined ? undefined : source;
  }

  // --- eviction ---------------------------------------------------------------------------------------------

  /** Turns eviction on or off for one of those who can ask for it. */
  setEviction(source: EvictionSource, on: boolean, make: () => Eviction): void {
    if (on) this.#evictionSources.add(source);
    else this.#evictionSources.delete(source);
    if (this.#evictionSources.size === 0) this.eviction = undefined;
    else this.eviction ??= this.#filled(make());
  }

  /** Puts another chooser in the place of the present one (other fields for fairness), if eviction is on. */
  replaceEviction(eviction: Eviction): void {
    if (this.eviction) this.eviction = this.#filled(eviction);
  }

  #filled(eviction: Eviction): Eviction {
    for (const rule of this.classifier.rules()) if (!rule.removed) eviction.add(rule);
    return eviction;
  }

  // --- vacancy ----------------------------------------------------------------------------------------------

  /** Percent of the table that is free; a table without a limit is empty. */
  get vacancy(): number {
    if (this.maxFlows === Number.POSITIVE_INFINITY || this.maxFlows === 0) return 100;
    if (this.flowCount >= this.maxFlows) return 0;
    return Math.floor(((this.maxFlows - this.flowCount) * 100) / this.maxFlows);
  }

  configureVacancy(mod: Pick<TableMod, 'vacancy' | 'vacancyDown' | 'vacancyUp'>): void {
    if (mod.vacancy === undefined) return;
    this.#vacancyDown = mod.vacancyDown;
    this.#vacancyUp = mod.vacancyUp;
    if (!mod.vacancy) this.#vacancyEvent = undefined;
    else this.#vacancyEvent ??= this.vacancy < this.#vacancyUp ? OFPTR.VACANCY_UP : OFPTR.VACANCY_DOWN;
  }

  /** @returns the event that is due after a change of the number of flows; each is due once until the other was */
  takeVacancyEvent(): number | undefined {
    const wanted = this.#vacancyEvent;
    if (wanted === undefined) return undefined;
    const { vacancy } = this;
    const due = wanted === OFPTR.VACANCY_DOWN ? vacancy < this.#vacancyDown : vacancy > this.#vacancyUp;
    if (!due) return undefined;
    this.#vacancyEvent = wanted === OFPTR.VACANCY_DOWN ? OFPTR.VACANCY_UP : OFPTR.VACANCY_DOWN;
    return wanted;
  }

  /** As OpenFlow 1.4+ describes it. */
  describe(): TableConfig {
    return {
      tableId: this.id,
      eviction: this.#evictionSources.has('openflow'),
      evictionFlags: EVICTION_FLAGS,
      vacancy: this.#vacancyEvent !== undefined,
      vacancyDown: this.#vacancyDown,
      vacancyUp: this.#vacancyUp,
      vacancyNow: this.vacancy,
    };
  }
}
