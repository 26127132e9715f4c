/**
 * Flows as text to FLOW_MODs and flow requests: what `add-flow`, `mod-flows`, `del-flows` and `dump-flows` take.
 * `add-flows` reads hundreds of thousands of them: one pass, no regular expressions.
 * C counterpart: parse_ofp_str in lib/ofp-flow.c.
 */
import { ParseError, strToU16, strToU64 } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { catchAllMatch, type Match } from '../../flow/layout.ts';
import { isNormalMatch, normalizeMatch } from '../../flow/match/normalize.ts';
import { finishParsedMatch, parseMatchField } from '../../flow/match/parse.ts';
import { clearMatch } from '../../flow/match/pool.ts';
import { OFPP, parsePort, parseTable } from '../../flow/ports.ts';
import type { OfpAct } from '../actions/action.ts';
import { checkActions } from '../actions/check.ts';
import { parseInstructions } from '../actions/parse.ts';
import { OfpError } from '../errors.ts';
import { DEFAULT_PRIORITY, NO_COOKIE, OFPG_ANY, OFPTT_ALL } from '../messages/flow-mod.ts';
import { type Body, FF, type FlowModCommand, type FlowStatsRequest, NO_BUFFER } from '../messages/message.ts';
import { P, type Protocols } from '../version.ts';
import { type Parsed, type ParseOptions, parseGroupId, parseLines, parsing, takeCommand } from './common.ts';

const MAX_TABLES = 255;

/** What a flow's text may say beside its match. */
interface Allowed {
  readonly outPort?: true;
  readonly actions?: true;
  readonly importance?: true;
  readonly timeouts?: true;
  readonly priority?: true;
  readonly flags?: true;
}

const MODIFY: Allowed = { actions: true, timeouts: true, priority: true, flags: true };
const ALLOWED: Readonly<Record<FlowModCommand | 'request', Allowed>> = {
  request: { outPort: true },
  add: { ...MODIFY, importance: true },
  modify: MODIFY,
  modify_strict: MODIFY,
  delete: { outPort: true },
  delete_strict: { outPort: true, priority: true },
};

/** Flags, and the protocols that have them. */
const FLAGS: ReadonlyMap<string, readonly [number, Protocols]> = new Map([
  ['send_flow_rem', [FF.SEND_FLOW_REM, P.ANY]],
  ['check_overlap', [FF.CHECK_OVERLAP, P.ANY]],
  ['reset_counts', [FF.RESET_COUNTS, P.OF12_UP]],
  ['no_packet_counts', [FF.NO_PKT_COUNTS, P.OF13_UP]],
  ['no_byte_counts', [FF.NO_BYT_COUNTS, P.OF13_UP]],
] as const);

/** What `dump-flows` prints that is no part of the flow: commands accept their own output. */
const IGNORED: ReadonlySet<string> = new Set(['duration', 'n_packets', 'n_bytes', 'idle_age', 'hard_age']);
const IGNORED_FLAGS: ReadonlySet<string> = new Set(['no_readonly_table', 'allow_hidden_fields']);

/** Keys that say something of a flow beside its match. */
const SETTINGS: ReadonlySet<string> = new Set([
  'table',
  'cookie',
  'priority',
  'idle_timeout',
  'hard_timeout',
  'importance',
  'out_port',
  'out_group',
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads one flow. The names of keys are looked up in the order of how likely they are. */
class FlowParser {
  readonly #command: FlowModCommand | 'request';
  readonly #allowed: Allowed;
  readonly #options: ParseOptions;
  readonly #match: Match;
  readonly #fm: Mutable<Body<'flow_mod'>>;
  #protocols: Protocols = P.ANY;

  /** @param match of every packet: the one to fill in */
  constructor(command: FlowModCommand | 'request', options: ParseOptions, match: Match) {
    this.#command = command;
    this.#match = match;
    this.#allowed = ALLOWED[command];
    this.#options = options;
    const modifies = command === 'modify' || command === 'modify_strict';
    this.#fm = {
      kind: 'flow_mod',
      command: command === 'request' ? 'add' : command,
      match,
      priority: DEFAULT_PRIORITY,
      cookie: 0n,
      cookieMask: 0n,
      newCookie: modifies ? NO_COOKIE : 0n,
      modifyCookie: false,
      tableId: OFPTT_ALL,
      idleTimeout: 0,
      hardTimeout: 0,
      bufferId: NO_BUFFER,
      outPort: OFPP.NONE,
      outGroup: OFPG_ANY,
      flags: 0,
      importance: 0,
      actions: [],
    };
  }

  parse(text: string): Parsed<Body<'flow_mod'>> {
    const fm = this.#fm;
    let matchText = text;
    let actionsText = '';
    if (this.#allowed.actions) {
      const at = text.indexOf('action');
      const equals = at < 0 ? -1 : text.indexOf('=', at + 1);
      if (equals < 0) throw new ParseError('must specify an action');
      matchText = text.slice(0, at);
      actionsText = text.slice(equals + 1);
    }
    for (const kv = new KeyValueScanner(matchText); kv.next(); ) this.#pair(kv.key, kv.value);
    this.#protocols &= finishParsedMatch(this.#match);
    // A modification adds what it does not find, so it needs a cookie unless it searches for one.
    const modifies = this.#command === 'modify' || this.#command === 'modify_strict';
    if (modifies && fm.cookieMask === 0n && fm.newCookie === NO_COOKIE) fm.newCookie = 0n;
    if (this.#allowed.actions) fm.actions = this.#actions(actionsText);
    return { value: fm, protocols: this.#protocols };
  }

  #pair(key: string, value: string): void {
    if (SETTINGS.has(key) && this.#setting(key, value)) return;
    const usable = parseMatchField(this.#match, key, value, this.#options.portNames);
    if (usable !== undefined) {
      this.#protocols &= usable;
      return;
    }
    const flag = this.#allowed.flags ? FLAGS.get(key) : undefined;
    if (flag) {
      this.#fm.flags |= flag[0];
      this.#protocols &= flag[1];
      return;
    }
    if (IGNORED_FLAGS.has(key)) return;
    if (value === '') throw new ParseError(`field ${key} missing value`);
    if (!IGNORED.has(key)) throw new ParseError(`unknown keyword ${key}`);
  }

  /** Takes what is no part of the match; false when the key is not of that kind or has no value. */
  #setting(key: string, value: string): boolean {
    if (value === '') return false;
    const fm = this.#fm;
    const may = this.#allowed;
    switch (key) {
      case 'table':
        this.#table(value);
        return true;
      case 'cookie':
        this.#cookie(value);
        return true;
      case 'priority':
        if (may.priority) fm.priority = strToU16(value, key);
        return may.priority ?? false;
      case 'idle_timeout':
        if (may.timeouts) fm.idleTimeout = strToU16(value, key);
        return may.timeouts ?? false;
      case 'hard_timeout':
        if (may.timeouts) fm.hardTimeout = strToU16(value, key);
        return may.timeouts ?? false;
      case 'importance':
        if (may.importance) fm.importance = strToU16(value, key);
        return may.importance ?? false;
      case 'out_port': {
        if (!may.outPort) return false;
        const port = parsePort(value, this.#options.portNames);
        if (port === undefined) throw new ParseError(`${value} is not a valid OpenFlow port`);
        fm.outPort = port;
        return true;
      }
      case 'out_group': {
        if (!may.outPort) return false;
        this.#protocols &= P.OF11_UP;
        const group = parseGroupId(value);
        if (group === undefined) throw new ParseError(`${value} is not a valid OpenFlow group`);
        fm.outGroup = group;
        return true;
      }
      default:
        return false;
    }
  }

  #table(value: string): void {
    const table = parseTable(value, this.#options.tableNames);
    if (table === undefined) throw new ParseError(`unknown table "${value}"`);
    this.#fm.tableId = table;
    if (table !== OFPTT_ALL) this.#protocols &= P.TID;
  }

  /** With a mask a cookie is searched for, without one it is set. */
  #cookie(value: string): void {
    const fm = this.#fm;
    const slash = value.indexOf('/');
    if (slash >= 0) {
      if (this.#command === 'add') throw new ParseError('flow additions cannot use a cookie mask');
      fm.cookie = strToU64(value.slice(0, slash));
      fm.cookieMask = strToU64(value.slice(slash + 1));
      if (fm.cookieMask !== 0n) this.#protocols &= P.NXM_OF11_UP;
      return;
    }
    if (this.#command === 'request' || this.#command.startsWith('delete')) {
      throw new ParseError(
        `cannot set cookie (to match on a cookie, specify a mask, e.g. cookie=${value}/-1)`,
      );
    }
    fm.newCookie = strToU64(value);
    fm.modifyCookie = true;
  }

  #actions(text: string): readonly OfpAct[] {
    const { actions, protocols } = parseInstructions(text, this.#options);
    this.#protocols &= protocols;
    try {
      const checked = checkActions(actions, this.#match, {
        maxPorts: OFPP.MAX,
        tableId: this.#fm.tableId,
        nTables: MAX_TABLES,
      });
      this.#protocols &= checked.protocols;
      if (this.#protocols === 0) throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
      return checked.actions;
    } catch (error) {
      if (!(error instanceof OfpError)) throw error;
      throw new ParseError(`actions are invalid with specified match (${error.code})`);
    }
  }
}

const COMMANDS: readonly FlowModCommand[] = ['add', 'delete', 'delete_strict', 'modify', 'modify_strict'];

/** What to do with a flow: one command, or `any` when each text may begin with one. */
export type FlowTextCommand = FlowModCommand | 'any';

/**
 * Reads a flow.
 * @param match of every packet: the one to fill in
 * @throws ParseError with C's text
 */
export function parseFlow(
  text: string,
  command: FlowTextCommand,
  options: ParseOptions = {},
  match: Match = catchAllMatch(),
): Parsed<Body<'flow_mod'>> {
  return parsing(() => {
    if (command !== 'any') return new FlowParser(command, options, match).parse(text);
    const { command: named, rest } = takeCommand(text, COMMANDS);
    return new FlowParser(named ?? 'add', options, match).parse(rest);
  });
}

/** Reads a flow, and warns when its match has parts that no packet can match. @throws ParseError */
export function parseFlowMod(
  text: string,
  command: FlowTextCommand,
  options: ParseOptions = {},
  match: Match = catchAllMatch(),
): Parsed<Body<'flow_mod'>> {
  const parsed = parseFlow(text, command, options, match);
  if (!isNormalMatch(match)) normalizeMatch({ ...match, flow: match.flow.slice(), mask: match.mask.slice() });
  return parsed;
}

/**
 * Reads a file of flows; each narrows the usable protocols.
 * @param take gets each flow and the protocols that can say all so far. The flow's match is only valid during the call:
 *   files have hundreds of thousands of flows, and a match is large.
 * @returns the protocols that can say all of them @throws ParseError
 */
export function parseFlowModFile(
  name: string,
  file: string,
  command: FlowTextCommand,
  options: ParseOptions,
  take: (flowMod: Body<'flow_mod'>, usable: Protocols) => void,
): Protocols {
  let protocols: Protocols = P.ANY;
  const match = catchAllMatch();
  parseLines(name, file, (text) => {
    const parsed = parseFlowMod(text, command, options, clearMatch(match));
    protocols &= parsed.protocols;
    take(parsed.value, protocols);
  });
  return protocols;
}

/** Reads which flows to list. @throws ParseError */
export function parseFlowStatsRequest(text: string, options: ParseOptions = {}): Parsed<FlowStatsRequest> {
  const { value, protocols } = parsing(() => new FlowParser('request', options, catchAllMatch()).parse(text));
  const { match, cookie, cookieMask, outPort, outGroup, tableId } = value;
  // Requests name a table without the extension that flow mods need.
  let usable = protocols;
  if (usable & P.OF10_STD_TID) usable |= P.OF10_STD;
  if (usable & P.OF10_NXM_TID) usable |= P.OF10_NXM;
  return { value: { match, cookie, cookieMask, outPort, outGroup, tableId }, protocols: usable };
}
