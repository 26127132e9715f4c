/**
 * Cuts flow and action text into keys and values: 'priority=5,ip,actions=output:1,ct(commit,zone=1)'.
 *
 * A key ends at one of `:=(`, a comma or blank. After `:` or `=` the value runs to a comma or blank, after `(` to
 * the matching parenthesis; parentheses inside of values nest. One pass, no regular expressions.
 * C counterpart: ofputil_parse_key_value in lib/ofp-parse.c.
 */

const COMMA = 44;
const OPEN = 40;
const CLOSE = 41;
const COLON = 58;
const EQUALS = 61;

const isDelimiter = (c: number): boolean => c === COMMA || c === 32 || c === 9 || c === 10 || c === 13;

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
    let c = s.charCodeAt(i);
    while (i < s.length && c !== COLON && c !== EQUALS && c !== OPEN && !isDelimiter(c))
      c = s.charCodeAt(++i);
    this.key = s.slice(keyStart, i);
    if (i === s.length || isDelimiter(c)) {
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
