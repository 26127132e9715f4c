/**
 * The `key=value, key(value), key` grammar that flow and action text share.
 *
 * C counterpart: ofputil_parse_key_value of lib/ofp-parse.c.
 */

export interface KeyValue {
  readonly key: string;
  /** Empty when there is none. */
  readonly value: string;
  /** What stood after the key: '', '=', ':' or '('. */
  readonly delimiter: string;
  /** Index to go on from. */
  readonly end: number;
}

const BLANKS = ', \t\r\n';

/** Index of the first of `delimiters` from `at` on that is in no parentheses, or the end of the text. */
function valueEnd(text: string, at: number, delimiters: string): number {
  while (at < text.length && !delimiters.includes(text[at]!)) {
    if (text[at] !== '(') {
      at++;
      continue;
    }
    let level = 0;
    do {
      if (at >= text.length) return at;
      if (text[at] === '(') level++;
      else if (text[at] === ')') level--;
      at++;
    } while (level > 0);
  }
  return at;
}

/**
 * Reads the next pair of `text` from `pos` on: a key ends at a blank, comma, `=`, `:` or `(`; a value at a blank or
 * comma, or at the `)` that matches. `(x)->y` is one value, without its first parenthesis.
 * @returns undefined at the end of the text
 */
export function nextKeyValue(text: string, pos = 0): KeyValue | undefined {
  let start = pos;
  while (start < text.length && BLANKS.includes(text[start]!)) start++;
  if (start >= text.length) return undefined;
  let at = start;
  while (at < text.length && !':=(, \t\r\n'.includes(text[at]!)) at++;
  const key = text.slice(start, at);
  const delimiter = text[at] ?? '';
  const from = Math.min(at + 1, text.length);
  if (delimiter !== '=' && delimiter !== ':' && delimiter !== '(')
    return { key, value: '', delimiter: '', end: from };
  let end = valueEnd(text, from, delimiter === '(' ? ')' : BLANKS);
  if (delimiter === '(' && text.startsWith(')->', end)) end = valueEnd(text, end, BLANKS);
  return { key, value: text.slice(from, end), delimiter, end: Math.min(end + 1, text.length) };
}
