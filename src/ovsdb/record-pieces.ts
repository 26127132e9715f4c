/**
 * Cuts the text of a long record into pieces that are records themselves: each an object of tables, each table an object
 * of rows, and together they have the members of the whole. So a database of any size is read in little memory.
 *
 * It only counts brackets outside of strings; that the text is JSON comes out when the pieces are parsed, since a piece
 * is cut nowhere but before a row's name. What is not of the form of a transaction makes pieces that are no JSON.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Length of a piece, if its last row ends there. */
const PIECE_BYTES = 64 * 1024;

const decoder = new TextDecoder();

/** @param chunks the bytes of the record, however cut */
export function* recordPieces(chunks: Iterable<Uint8Array>, pieceBytes = PIECE_BYTES): Generator<string> {
  /** Begins with the piece that is being made. */
  let buffer = new Uint8Array(8 * pieceBytes);
  let length = 0;
  let at = 0;
  let depth = 0;
  let inString = false;
  /** Where the last string outside of the tables began: the name of a table. */
  let name = 0;
  /** A comma between two rows, while the name of the second has not come; else -1. */
  let comma = -1;
  let tableStart = '';
  let prefix = '';
  for (const chunk of chunks) {
    if (length + chunk.length > buffer.length) {
      const grown = new Uint8Array(2 * (length + chunk.length));
      grown.set(buffer.subarray(0, length));
      buffer = grown;
    }
    buffer.set(chunk, length);
    length += chunk.length;
    for (; at < length; at++) {
      const c = buffer[at]!;
      if (inString) {
        if (c === QUOTE) inString = false;
        else if (c === BACKSLASH) at++;
      } else if (c === QUOTE) {
        inString = true;
        if (depth === 1) name = at;
        if (comma > pieceBytes) {
          yield `${prefix}${decoder.decode(buffer.subarray(0, comma))}}}`;
          prefix = tableStart;
          buffer.copyWithin(0, at, length);
          length -= at;
          at = 0;
          comma = -1;
        }
      } else if (c === COMMA) {
        if (depth === 2) comma = at;
      } else if (c === COLON) {
        comma = -1;
      } else if (c === 0x7b || c === 0x5b) {
        if (++depth === 2) tableStart = `{${decoder.decode(buffer.subarray(name, at + 1))}`;
      } else if (c === 0x7d || c === 0x5d) {
        depth--;
      }
    }
  }
  yield prefix + decoder.decode(buffer.subarray(0, length));
}
