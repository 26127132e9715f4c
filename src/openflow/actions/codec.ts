/**
 * What one action's file provides: its wire forms, its text, its checks. `table.ts` lists them all.
 *
 * C counterpart: the decode_, encode_, parse_, format_ and check_ functions of lib/ofp-actions.c.
 */
import type { ByteWriter } from '../../base/bytes.ts';
import type { Colors } from '../../base/colors.ts';
import type { Match } from '../../flow/layout.ts';
import type { NameMap } from '../../flow/ports.ts';
import type { OfpVersion, Protocols } from '../version.ts';
import type { Act, OfpAct, OfpActKind } from './action.ts';
import type { WireForm } from './wire.ts';

/** Where encoders write to. */
export interface ActionEncoding {
  readonly w: ByteWriter;
  readonly version: OfpVersion;
  /** Writes actions that are nested in another. */
  list(actions: readonly OfpAct[]): void;
}

/** How to print. */
export interface ActionFormatting {
  readonly colors: Colors;
  readonly portNames: NameMap | undefined;
  readonly tableNames: NameMap | undefined;
  port(port: number): string;
  table(table: number): string;
  /** Text of nested actions, 'drop' for none. */
  list(actions: readonly OfpAct[]): string;
}

/** What parsers of actions know, and the protocols that what was parsed so far can be sent with. */
export interface ActionParsing {
  readonly portNames: NameMap | undefined;
  readonly tableNames: NameMap | undefined;
  protocols: Protocols;
  /** Reads actions nested in one of kind `outer`. @throws ParseError */
  nested(text: string, outer: OfpActKind): OfpAct[];
}

/** Reads the argument of an action. @throws ParseError */
export type ActionParser = (arg: string, p: ActionParsing) => OfpAct;

/**
 * What checks know. `match` is the flow's match changed by the actions so far, as far as prerequisites of later
 * actions depend on it (packet_type, eth_type, nw_proto, VLAN tags).
 */
export interface ActionChecking {
  readonly match: Match;
  /** One more than the highest port of the switch. */
  readonly maxPorts: number;
  /** Table of the flow; 255: not known. */
  readonly tableId: number;
  readonly nTables: number;
  /** Protocols that do not mind the inconsistencies found so far. */
  protocols: Protocols;
  /** Checks nested actions from the same match. @returns them, with what the check notes in them */
  nested(actions: readonly OfpAct[]): readonly OfpAct[];
  /** Checks nested actions without narrowing `protocols`. */
  nestedSet(actions: readonly OfpAct[]): readonly OfpAct[];
}

export interface ActionCodec<K extends OfpActKind> {
  readonly kind: K;
  /** As messages call it; not always what it is printed as. */
  readonly name: string;
  /** Wire forms that decode to it. */
  readonly wire?: readonly WireForm[];
  encode(act: Act<K>, e: ActionEncoding): void;
  format(act: Act<K>, f: ActionFormatting): string;
  /** By lower-case name in the text. */
  readonly parse?: Readonly<Record<string, ActionParser>>;
  /**
   * Checks it against the match. @returns a replacement that notes what the flow has, or undefined for no change
   * @throws OfpError
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most checks only throw
  check?(act: Act<K>, c: ActionChecking): Act<K> | undefined | void;
  /** For ovs-actions(7): usage and a sentence. */
  readonly help: string;
}

/** Only fixes the type of the codec to its action's. */
export const defineAction = <K extends OfpActKind>(codec: ActionCodec<K>): ActionCodec<K> => codec;

/** printf's %#x: 0 has no prefix. */
export const hex = (n: number | bigint): string => (n === 0 || n === 0n ? '0' : `0x${n.toString(16)}`);

/** printf's 0x%04x. */
export const hex4 = (n: number): string => `0x${n.toString(16).padStart(4, '0')}`;

/** NAME in the colour of parameters: `NAME=` and the like. */
export const param = (f: ActionFormatting, text: string): string => `${f.colors.param}${text}${f.colors.end}`;
export const special = (f: ActionFormatting, text: string): string =>
  `${f.colors.special}${text}${f.colors.end}`;
export const valueWord = (f: ActionFormatting, text: string): string =>
  `${f.colors.value}${text}${f.colors.end}`;
export const paren = (f: ActionFormatting, text: string): string => `${f.colors.paren}${text}${f.colors.end}`;

/** The kind's action, as a narrowing for tests and users. */
export const isAct = <K extends OfpActKind>(act: OfpAct, kind: K): act is Act<K> => act.kind === kind;
