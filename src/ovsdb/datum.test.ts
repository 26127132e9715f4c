import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../jsonrpc/json.ts';
import { formatReal } from '../jsonrpc/json.ts';
import { atomToText, compareStrings, TextError } from './atom.ts';
import {
  addedRemoved,
  applyDiff,
  type Datum,
  datumFromJson,
  datumFromText,
  datumToBare,
  datumToJson,
  datumToJsonWithRowNames,
  datumToText,
  defaultDatum,
  diffData,
  equalData,
  mapOf,
  setOf,
  subtract,
  union,
} from './datum.ts';
import { OvsdbError } from './ovsdb-error.ts';
import { type ColumnType, columnTypeFromJson, columnTypeToEnglish, columnTypeToJson } from './type.ts';

const type = (json: Json): ColumnType => columnTypeFromJson(json);
const INTS = type({ key: 'integer', min: 0, max: 'unlimited' });
const STRINGS = type({ key: 'string', min: 0, max: 'unlimited' });
const MAP = type({ key: 'string', value: 'string', min: 0, max: 'unlimited' });

test('types survive JSON in both directions', () => {
  for (const json of [
    'integer',
    { key: { type: 'integer', minInteger: 0, maxInteger: 4095 }, min: 0, max: 2 },
    { key: { type: 'string', enum: ['set', ['a', 'b']] } },
    { key: { type: 'uuid', refTable: 'Port', refType: 'weak' }, min: 0, max: 'unlimited' },
    { key: 'string', value: { type: 'string', maxLength: 7 }, min: 0 },
  ])
    assert.deepEqual(columnTypeToJson(type(json)), json);
});

test('types describe themselves in English', () => {
  assert.equal(columnTypeToEnglish(INTS), 'set of integers');
  assert.equal(columnTypeToEnglish(MAP), 'map of (string, string) pairs');
  assert.equal(columnTypeToEnglish(type({ key: 'real', min: 1, max: 3 })), 'set of 1 to 3 reals');
  assert.equal(columnTypeToEnglish(type({ key: 'uuid', min: 0 })), 'set of up to 1 uuids');
});

test('sets are sorted when read, and a repeated element is an error', () => {
  assert.deepEqual(datumToJson(datumFromJson(INTS, ['set', [3, 1, 2]]), INTS), ['set', [1, 2, 3]]);
  assert.throws(() => datumFromJson(INTS, ['set', [1, 1]]), {
    message: 'ovsdb error: set contains duplicate',
  });
  assert.deepEqual(datumToJson(datumFromJson(INTS, 7), INTS), 7);
});

test('64-bit integers are exact', () => {
  const big = 9223372036854775807n;
  assert.deepEqual(datumToJson(datumFromJson(INTS, ['set', [big, 1]]), INTS), ['set', [1, big]]);
  assert.equal(datumToText(datumFromText(INTS, '9223372036854775807'), INTS), '[9223372036854775807]');
  assert.throws(() => datumFromText(INTS, '9223372036854775808'), TextError);
});

test('a value of the wrong kind or size gets the error of the C server', () => {
  assert.throws(() => datumFromJson(INTS, 'x'), { message: 'syntax ""x"": syntax error: expected integer' });
  assert.throws(() => datumFromJson(type('integer'), ['set', []]), {
    message: 'syntax "["set",[]]": syntax error: set must have exactly one member but 0 are present',
  });
  assert.throws(() => datumFromJson(type({ key: { type: 'integer', minInteger: 3 } }), 2), {
    message: 'constraint violation: 2 is less than minimum allowed value 3',
  });
  assert.throws(() => datumFromJson(type({ key: { type: 'string', enum: ['set', ['a', 'b']] } }), 'c'), {
    message: 'constraint violation: c is not one of the allowed values ([a, b])',
  });
  assert.throws(
    () => datumFromJson(type({ key: { type: 'string', minLength: 2 } }), '\u{1f600}'),
    OvsdbError,
  );
});

test('text of sets and maps is read back and quotes what needs it', () => {
  const map = datumFromText(MAP, '{a=b, "c d"="e,f" g=1}');
  assert.equal(datumToText(map, MAP), '{a=b, "c d"="e,f", g="1"}');
  assert.equal(datumToBare(map, MAP), 'a=b c d=e,f g=1');
  assert.equal(datumToText(datumFromText(INTS, '5-8,1'), INTS), '[1, 5, 6, 7, 8]');
  assert.throws(() => datumFromText(INTS, ''), { message: 'use "[]" to specify the empty set' });
  assert.throws(() => datumFromText(INTS, '[1'), { message: '[1: missing "]" at end of data' });
  assert.throws(() => datumFromText(INTS, '1 1'), { message: '1 1: set contains duplicate value' });
  assert.throws(() => datumFromText(MAP, 'a'), { message: 'a: syntax error at "' });
});

test('reals print with 15 digits as printf does', () => {
  assert.equal(formatReal(0.1 + 0.2), '0.3');
  assert.equal(formatReal(1e15), '1e+15');
  assert.equal(formatReal(123456789012345), '123456789012345');
  assert.equal(formatReal(0.0001), '0.0001');
  assert.equal(formatReal(1.5e-7), '1.5e-07');
  assert.equal(formatReal(-100), '-100');
});

test('references print as named UUIDs on request', () => {
  const ref = type({ key: { type: 'uuid', refTable: 'T' }, min: 0, max: 'unlimited' });
  const datum = datumFromJson(ref, ['uuid', '550E8400-e29b-41d4-a716-446655440000']);
  assert.deepEqual(datumToJsonWithRowNames(datum, ref), [
    'named-uuid',
    'row550e8400_e29b_41d4_a716_446655440000',
  ]);
});

test('strings are ordered by code point', () => {
  assert.ok(compareStrings('\u{1f600}', '\uffff') > 0);
  assert.ok(compareStrings('a', 'ab') < 0);
  assert.equal(atomToText('string', 'true'), '"true"');
});

test('the default of a type is empty where it may be', () => {
  assert.equal(defaultDatum(INTS).size, 0);
  assert.deepEqual(datumToJson(defaultDatum(type('string')), type('string')), '');
});

const sets = fc.array(fc.integer({ min: 0, max: 15 })).map(setOf);
const maps = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('x', 'y')))
  .map((p) => mapOf(p));

const laws = (kind: ColumnType, data: fc.Arbitrary<Datum>): void => {
  fc.assert(
    fc.property(data, data, (a, b) => {
      assert.ok(equalData(applyDiff(a, diffData(a, b, kind), kind), b));
      const { added, removed } = addedRemoved(a, b);
      assert.ok(equalData(union(subtract(a, removed), added), b));
      assert.equal(subtract(union(a, b), b).size, a.size + union(a, b).size - a.size - b.size);
      assert.ok(equalData(datumFromText(kind, datumToText(a, kind)), a));
      assert.ok(equalData(datumFromJson(kind, datumToJson(a, kind)), a));
    }),
    { numRuns: 300 },
  );
};

test('sets obey the laws of union, difference and diff', () => laws(INTS, sets));
test('maps obey the laws of difference and diff', () => {
  fc.assert(
    fc.property(maps, maps, (a, b) => {
      assert.ok(equalData(applyDiff(a, diffData(a, b, MAP), MAP), b));
      const { added, removed } = addedRemoved(a, b);
      assert.ok(equalData(union(subtract(a, removed), added), b));
      assert.ok(equalData(datumFromText(MAP, datumToText(a, MAP)), a));
    }),
    { numRuns: 300 },
  );
});
test('a set of strings is read back from its text whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0'))).map(setOf), (a) =>
      equalData(datumFromText(STRINGS, datumToText(a, STRINGS)), a),
    ),
    { numRuns: 300 },
  );
});

test('the difference of a column of at most one element is its new value, in maps too', () => {
  const kind = type({ key: 'string', value: 'integer', min: 0, max: 1 });
  const [a, b] = [mapOf([['x', 1]]), mapOf([['y', 2]])];
  assert.deepEqual(diffData(a, b, kind), b);
  assert.deepEqual(applyDiff(a, b, kind), b);
});

test('data of any size tell their elements one by one and as lists', () => {
  for (const pairs of [
    [],
    [['a', '1']],
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  ] as [string, string][][]) {
    const map = datumFromJson(MAP, ['map', [...pairs].reverse()]);
    const set = datumFromJson(STRINGS, ['set', pairs.map(([key]) => key)]);
    const keys = pairs.map(([key]) => key);
    const values = pairs.map(([, value]) => value);
    assert.deepEqual([map.size, set.size], [pairs.length, pairs.length]);
    assert.deepEqual([map.keys, map.values, set.keys, set.values], [keys, values, keys, []]);
    assert.deepEqual([map.hasValues, set.hasValues], [pairs.length > 0, false]);
    assert.deepEqual(
      keys.map((_, i) => [map.key(i), map.value(i), set.key(i), set.value(i)]),
      pairs.map(([key, value]) => [key, value, key, undefined]),
    );
  }
});

test('maps with the same keys share the list of them, with other keys they do not', () => {
  const read = (...pairs: [string, string][]): Datum => datumFromJson(MAP, ['map', pairs]);
  const a = read(['k1', 'x'], ['k2', 'y']);
  assert.equal(read(['k2', 'p'], ['k1', 'q']).keys, a.keys);
  // As long as the others, so at the same place among those that are remembered.
  const b = read(['k3', 'x'], ['k4', 'y']);
  assert.deepEqual(b.keys, ['k3', 'k4']);
  assert.deepEqual(a.keys, ['k1', 'k2']);
});
