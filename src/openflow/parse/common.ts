/** What the parsers of messages share: names, errors, lines of files. */
import { ParseError, parseUint32 } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import type { NameMap } from '../../flow/ports.ts';
import { FlowTextError } from '../../flow/text.ts';
import { OFPG_ANY } from '../messages/flow-mod.ts';
import { OFPG_ALL } from '../messages/group.ts';
import type { Protocols } from '../version.ts';

export interface ParseOptions {
  readonly portNames?: NameMap | undefined;
  readonly tableNames?: NameMap | undefined;
}

/** A value, and the protocols that can say it. */
export interface Parsed<T> {
  readonly value: T;
  readonly protocols: Protocols;
}

/** Runs a parser; whatever is wrong with the text comes out as a ParseError. */
export function parsing<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof FlowTextError ? new ParseError(error.message) : error;
  }
}

/** A line of a file that is not empty without its comment. */
export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** Blanks and tabs alone. As for C a line with a carriage return is not empty. */
function isEmptyLine(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c !== 32 && c !== 9) return false;
  }
  return true;
}

/** Lines of a file without comments (`#` to the end) and empty lines. */
export function* significantLines(file: string): Generator<Line> {
  let number = 0;
  for (let start = 0; start < file.length; ) {
    let end = file.indexOf('\n', start);
    if (end < 0) end = file.length;
    number++;
    let text = file.slice(start, end);
    start = end + 1;
    const comment = text.indexOf('#');
    if (comment >= 0) text = text.slice(0, comment);
    if (!isEmptyLine(text)) yield { text, number };
  }
}

/** Parses each line; an error names the file and the line. */
export function parseLines<T>(name: string, file: string, one: (text: string) => T): T[] {
  const values: T[] = [];
  for (const { text, number } of significantLines(file)) {
    try {
      values.push(one(text));
    } catch (error) {
      throw error instanceof ParseError ? new ParseError(`${name}:${number}: ${error.message}`) : error;
    }
  }
  return values;
}

const log = vlog('ofp_group');

/** A group's number, 'any' or 'all'; undefined for anything else. */
export function parseGroupId(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (lower === 'any') return OFPG_ANY;
  if (lower === 'all') return OFPG_ALL;
  const n = parseUint32(text, 10);
  if (n === undefined) {
    log.warn(
      `${text} is not a valid group ID.  (Valid group IDs are 32-bit nonnegative integers or the keywords ANY or ALL.)`,
    );
  }
  return n;
}

const COMMA = 44;
const isBlank = (c: number): boolean => c === 32 || c === 9 || c === 10 || c === 13;

/**
 * Takes a word of `names` off the beginning of a line, if it begins with one or with the start of one.
 * @returns the name (the first that fits) and the rest of the line
 */
export function takeCommand<T extends string>(
  text: string,
  names: readonly T[],
): { command: T | undefined; rest: string } {
  let start = 0;
  while (isBlank(text.charCodeAt(start))) start++;
  let end = start;
  while (end < text.length && text.charCodeAt(end) !== COMMA && !isBlank(text.charCodeAt(end))) end++;
  const word = text.slice(start, end);
  const command = names.find((name) => name.startsWith(word));
  return { command, rest: text.slice(command === undefined ? start : end) };
}
