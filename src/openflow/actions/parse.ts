/** Actions from text. C counterpart: ofpacts_parse in lib/ofp-actions.c. */
import { ParseError } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { type NameMap, parsePort } from '../../flow/ports.ts';
import { OFP11, P, type Protocols } from '../version.ts';
import type { OfpAct, OfpActKind } from './action.ts';
import type { ActionParsing } from './codec.ts';
import { parserOf } from './table.ts';
import { ACTIONS_ONLY, ALL_INSTRUCTIONS, verifyActions } from './verify.ts';

export interface ActionParseOptions {
  readonly portNames?: NameMap | undefined;
  readonly tableNames?: NameMap | undefined;
}

export interface ParsedActions {
  readonly actions: OfpAct[];
  /** The protocols in which they can be sent. */
  readonly protocols: Protocols;
}

const MAX_DEPTH = 100;
/** More than a message with a list of 16-byte actions can carry. */
const MAX_ACTIONS = 4095;

class Parsing implements ActionParsing {
  readonly portNames: NameMap | undefined;
  readonly tableNames: NameMap | undefined;
  protocols: Protocols = P.ANY;
  #depth = 0;

  constructor(options: ActionParseOptions) {
    this.portNames = options.portNames;
    this.tableNames = options.tableNames;
  }

  #one(key: string, value: string): OfpAct {
    const parse = parserOf(key);
    if (parse) return parse(value, this);
    if (key.toLowerCase() === 'apply_actions')
      throw new ParseError('apply_actions is the default instruction');
    const port = parsePort(key, this.portNames);
    if (port === undefined) throw new ParseError(`unknown action ${key}`);
    return { kind: 'output', port, maxLen: 0 };
  }

  list(text: string, allowInstructions: boolean, outer: OfpActKind | undefined): OfpAct[] {
    if (++this.#depth > MAX_DEPTH) throw new ParseError('Action nested too deeply');
    const acts: OfpAct[] = [];
    let drop = false;
    for (const kv = new KeyValueScanner(text); kv.next(); ) {
      if (kv.key.toLowerCase() === 'drop') {
        drop = true;
        continue;
      }
      const act = this.#one(kv.key, kv.value);
      acts.push(act);
      // Where instructions are not allowed a meter can only be the action of OpenFlow 1.5.
      if (act.kind === 'meter' && !allowInstructions) this.protocols &= P.OF15_UP;
      if (acts.length > MAX_ACTIONS) throw new ParseError('input too big');
    }
    if (drop && acts.length > 0)
      throw new ParseError('"drop" must not be accompanied by any other action or instruction');
    const problem = verifyActions(acts, OFP11, allowInstructions ? ALL_INSTRUCTIONS : ACTIONS_ONLY, outer);
    if (problem) throw new ParseError(problem.text);
    this.#depth--;
    return acts;
  }

  nested(text: string, outer: OfpActKind): OfpAct[] {
    // As in the C tools a clone forgets what the actions before it need.
    if (outer === 'clone') this.protocols = P.ANY;
    return this.list(text, false, outer);
  }
}

/** Reads a list of actions, as in `packet-out` or a group's bucket. @throws ParseError */
export function parseActions(text: string, options: ActionParseOptions = {}): ParsedActions {
  const p = new Parsing(options);
  const actions = p.list(text, false, undefined);
  return { actions, protocols: p.protocols };
}

/** Reads a list of actions and instructions, as a flow has. @throws ParseError */
export function parseInstructions(text: string, options: ActionParseOptions = {}): ParsedActions {
  const p = new Parsing(options);
  const actions = p.list(text, true, undefined);
  return { actions, protocols: p.protocols };
}
