import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Json, JsonError, parseJson, prettyJson, sortedJson, stringifyJson } from './json.ts';
import { JsonStreamParser } from './json-stream.ts';

const why = (text: string): string => {
  try {
    parseJson(text);
  } catch (error) {
    assert.ok(error instanceof JsonError);
    return error.message;
  }
  return 'no error';
};

test('64-bit integers keep every digit in both directions', () => {
  const text = '[9223372036854775807,-9223372036854775808,9007199254740993,9007199254740991]';
  assert.deepEqual(parseJson(text), [
    2n ** 63n - 1n,
    -(2n ** 63n),
    9007199254740993n,
    Number.MAX_SAFE_INTEGER,
  ]);
  assert.equal(stringifyJson(parseJson(text)), text);
});

test('integers are integers however they are spelled, and larger ones are reals', () => {
  assert.deepEqual(
    parseJson('[1e3, 2.0, 12345678901234567890, 1.50e1, -0, 1e-3, 90071992547409.93e2,-0.5e1]'),
    [1000, 2, 12345678901234567000, 15, 0, 0.001, 9007199254740993n, -5],
  );
});

test('errors say where and what, as the C parser does', () => {
  assert.equal(why(''), 'line 0, column 0, byte 0: empty input stream');
  assert.equal(why('1'), 'line 0, column 1, byte 1: syntax error at beginning of input');
  assert.equal(why('[1 2]'), "line 0, column 4, byte 4: syntax error expecting ']' or ','");
  assert.equal(why('{"a" 1}'), "line 0, column 6, byte 6: syntax error parsing object expecting ':'");
  assert.equal(why('[01]'), 'line 0, column 3, byte 3: leading zeros not allowed');
  assert.equal(why('[tru]'), "line 0, column 4, byte 4: invalid keyword 'tru'");
  assert.equal(why('["a\\x"]'), 'line 0, column 5, byte 5: bad escape \\x');
  assert.equal(why('[\n1'), 'line 1, column 2, byte 4: unexpected end of input');
  assert.equal(why('["a"'), 'line 0, column 4, byte 4: unexpected end of input');
  assert.equal(why('[1 "a"]'), "line 0, column 5, byte 5: syntax error expecting ']' or ','");
  assert.equal(why('[@]'), "line 0, column 1, byte 1: invalid character '@'");
  assert.equal(why('["\u0001"]'), 'line 0, column 2, byte 2: U+0001 must be escaped in quoted string');
  assert.match(why('['.repeat(1200)), /input exceeds maximum nesting depth 1000$/);
});

test('the careful parser agrees with JSON.parse on everything that both take', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      // A long integer in front sends the text through the careful parser.
      const text = `[12345678901234567,${JSON.stringify(value)}]`;
      // Where JSON.parse has rounded to a double, ours has the integer.
      const rounded = JSON.parse(
        JSON.stringify((parseJson(text) as Json[])[1], (_k, v) => (typeof v === 'bigint' ? Number(v) : v)),
      );
      assert.deepEqual(
        rounded,
        JSON.parse(JSON.stringify(value), (_k, v) => (Object.is(v, -0) ? 0 : v)),
      );
    }),
  );
});

test('pretty and sorted printing order the members', () => {
  assert.equal(sortedJson({ b: [1, { d: null, c: 'x' }], a: true }), '{"a":true,"b":[1,{"c":"x","d":null}]}');
  assert.equal(
    prettyJson({ b: 1, a: [2, []], c: {} }),
    '{\n  "a": [\n    2,\n    []],\n  "b": 1,\n  "c": {\n    }}',
  );
});

test('texts are found in a stream however it is cut', () => {
  const values: Json[] = [{ a: 'x"\\]}' }, [1, [2, {}]], { ü: '\u{1f600}' }];
  const bytes = new TextEncoder().encode(values.map((v) => ` ${JSON.stringify(v)}\n`).join(''));
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const parser = new JsonStreamParser();
      const seen: Json[] = [];
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < edges.length; i++)
        parser.feed(bytes.subarray(edges[i - 1], edges[i]), (v) => seen.push(v));
      assert.deepEqual(seen, values);
      assert.equal(parser.inside, false);
    }),
  );
});

test('a stream of something else is refused at its first byte', () => {
  const feed = (text: string) => new JsonStreamParser().feed(new TextEncoder().encode(text), () => {});
  assert.throws(() => feed('\x16\x03\x01'), /line 0, column 0, byte 0: invalid character U\+0016/);
  assert.throws(() => feed('{"a": @'), /invalid character '@'/);
  assert.throws(() => feed(']'), /syntax error at beginning of input/);
});

test('strings that C strings or UTF-8 cannot hold are refused', () => {
  assert.throws(() => parseJson('["\\u0000"]'), /null bytes not supported in quoted strings/);
  assert.throws(() => parseJson('["\\ud800"]'), /malformed escaped surrogate pair/);
  assert.deepEqual(parseJson('["\\ud83d\\ude00"]'), ['\u{1f600}']);
});

test('a stream that nests too deeply is refused before it is parsed', () => {
  const parser = new JsonStreamParser();
  const bytes = new TextEncoder().encode('['.repeat(100_000));
  assert.throws(() => parser.feed(bytes, () => {}), /input exceeds maximum nesting depth 1000/);
});

test('of all unfinished texts the longest goes when there is too much of them', () => {
  const usual = JsonStreamParser.maxUnfinishedBytes;
  JsonStreamParser.maxUnfinishedBytes = 100_000;
  const parsers = Array.from({ length: 3 }, () => new JsonStreamParser());
  const [small, greedy, late] = parsers as [JsonStreamParser, JsonStreamParser, JsonStreamParser];
  const gone: string[] = [];
  small.evicted = () => gone.push('small');
  greedy.evicted = () => gone.push('greedy');
  const begin = (bytes: number): Uint8Array => new TextEncoder().encode(`["${'x'.repeat(bytes)}`);
  try {
    small.feed(begin(10_000), () => {});
    greedy.feed(begin(80_000), () => {});
    assert.deepEqual(gone, []);
    late.feed(begin(20_000), () => {});
    assert.deepEqual(gone, ['greedy']);
    const seen: Json[] = [];
    small.feed(new TextEncoder().encode('"]'), (json) => seen.push(json));
    assert.equal((seen[0] as string[])[0]!.length, 10_000);
    // Who would be the longest is not served at the expense of the others.
    assert.throws(
      () => new JsonStreamParser().feed(begin(90_000), () => {}),
      /unfinished input exceeds maximum length/,
    );
  } finally {
    JsonStreamParser.maxUnfinishedBytes = usual;
    for (const parser of parsers) parser.close();
  }
});
