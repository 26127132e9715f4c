import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { recordPieces } from './record-pieces.ts';

const encoder = new TextEncoder();
/** The text in chunks of `size` bytes, cut into pieces of little more than `pieceBytes`. */
const pieces = (text: string, size: number, pieceBytes: number): string[] => {
  const bytes = encoder.encode(text);
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.subarray(i, i + size));
  return [...recordPieces(chunks, pieceBytes)];
};

type Tables = Record<string, Record<string, unknown> | string | number>;

test('the pieces of a record have its members, in order and none twice, wherever it is cut', () => {
  const name = fc.string().filter((text) => text !== '__proto__');
  const rows = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 12 });
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.oneof(rows, rows, fc.string(), fc.integer()), { maxKeys: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom(undefined, 1),
      (record, size, pieceBytes, indent) => {
        const members = (json: Tables): unknown[] =>
          Object.entries(json).flatMap(([table, value]) =>
            typeof value === 'object'
              ? Object.entries(value).map((row) => [table, ...row])
              : [[table, value]],
          );
        const whole = JSON.parse(JSON.stringify(record)) as Tables;
        const parts = pieces(JSON.stringify(record, null, indent), size, pieceBytes).map(
          (text) => JSON.parse(text) as Tables,
        );
        assert.deepEqual(parts.flatMap(members), members(whole));
      },
    ),
  );
});

test('a piece ends before the first row that begins after its size, wherever the chunks end', () => {
  for (const size of [1, 7, 100])
    assert.deepEqual(pieces('{"T":{"a":{},"b":{},"c":{}},"_date":1}', size, 10), [
      '{"T":{"a":{}}}',
      '{"T":{"b":{},"c":{}},"_date":1}',
    ]);
});

test('what is no JSON stays none in at least one piece', () => {
  for (const text of [
    '{"T":{"a":{},}}',
    '{"T":{"a":{},,"b":{}}}',
    '{"T":{"a":{},"b":"s","c"}}',
    '{"T":["a","b","c","d"]}x',
    '{"T":{"a":{},"b":{}',
  ])
    assert.throws(() => pieces(text, 3, 4).map((piece) => JSON.parse(piece)), SyntaxError, text);
});
