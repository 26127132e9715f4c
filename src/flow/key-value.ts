/**
 * Cuts flow and action text into keys and values: 'priority=5,ip,actions=output:1,ct(commit,zone=1)'.
 *
 * A key ends at one of `:=(`, a comma or blank. After `:` or `=` the value runs to a comma or blank, after `(` to
 * the matching parenthesis; parentheses inside of values nest. One pass, no regular expressions.
 * C counterpart: ofputil_parse_key_value in lib/ofp-parse.c.
 */

const NONE = -1;
const OPEN = 40;
const CLOSE = 41;

/** What a character is to the scanner, by code; what is above is text. */
const TEXT = 0;
/** Begins a value. */
const OPENER = 1;
/** Stands between pairs. */
const DELIMITER = 2;
const MEANING = new Uint8Array(128);
for (const c of ':=(') MEANING[c.charCodeAt(0)] = OPENER;
for (const c of ', \t\n\r') MEANING[c.charCodeAt(0)] = DELIMITER;

const meaningOf = (c: number): number => (c < 128 ? MEANING[c]! : TEXT);
const isDelimiter = (c: number): boolean => meaningOf(c) === DELIMITER;

/** Where the value that starts at `start` ends: before `)` if `inParens`, else before a comma or blank. */
function valueEnd(s: string, start: number, inParens: boolean): number {
  let i = start;
  for (let level = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (level > 0) {
      if (c === OPEN) level++;
      else if (c === CLOSE) level--;
    } else if (inParens ? c === CLOSE : isDelimiter(c)) {
      return i;
    } else if (c === OPEN) {
      level = 1;
    }
  }
  return i;
}

export class KeyValueScanner {
  readonly text: string;
  #pos = 0;
  /** The pair that `next` found; `value` is empty when there is none. */
  key = '';
  value = '';

  constructor(text: string) {
    this.text = text;
  }

  /** Moves to the next pair; false at the end of the text. */
  next(): boolean {
    const s = this.text;
    let i = this.#pos;
    while (i < s.length && isDelimiter(s.charCodeAt(i))) i++;
    if (i === s.length) {
      this.#pos = i;
      return false;
    }
    const keyStart = i;
    while (i < s.length && meaningOf(s.charCodeAt(i)) === TEXT) i++;
    this.key = s.slice(keyStart, i);
    const c = i < s.length ? s.charCodeAt(i) : NONE;
    if (c === NONE || isDelimiter(c)) {
      this.value = '';
      this.#pos = i < s.length ? i + 1 : i;
      return true;
    }
    const start = i + 1;
    let end = valueEnd(s, start, c === OPEN);
    // 'check_pkt_larger(1500)->reg0[0]': the value is '1500)->reg0[0]'.
    if (c === OPEN && s.startsWith(')->', end)) end = valueEnd(s, end, false);
    this.value = s.slice(start, end);
    this.#pos = end < s.length ? end + 1 : end;
    return true;
  }
}
