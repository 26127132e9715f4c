import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseFieldText } from '../field-text.ts';
import { FIELDS, type Field, matchField } from '../fields.ts';
import { catchAllMatch } from '../layout.ts';
import { FlowTextError, formatIpv4, formatIpv6, formatMacNumber } from '../text.ts';
import { matchPlainValue } from './plain.ts';

const fields = FIELDS.filter((f) => f.tunIndex < 0);

/** Values of a field in the spellings that are plain, in others, and broken. */
function texts(field: Field): fc.Arbitrary<string> {
  const number = fc.bigInt(0n, 2n ** BigInt(8 * field.bytes + 1));
  const character = fc.constantFrom(...'019afgAFG:. x/-+');
  const right = fc.oneof(
    number.map(String),
    number.map((n) => `0x${n.toString(16)}`),
    number.map((n) => `0X00${n.toString(16).toUpperCase()}`),
    number.map((n) => `0${n.toString(8)}`),
    fc.nat(0xffffffff).map(formatIpv4),
    fc.nat(2 ** 48 - 1).map(formatMacNumber),
    fc.bigInt(0n, 2n ** 128n - 1n).map(formatIpv6),
  );
  const spoilt = fc.tuple(right, fc.nat(40), character).map(([text, at, c]) => {
    const i = at % (text.length + 1);
    return text.slice(0, i) + c + text.slice(i + 1);
  });
  return fc.oneof(right, spoilt, fc.string({ unit: character, maxLength: 20 }));
}

test('a plain value matches what the parser of all spellings makes of it', () => {
  let plain = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...fields).chain((field) => fc.tuple(fc.constant(field), texts(field))),
      ([field, text]) => {
        const match = catchAllMatch();
        if (!matchPlainValue(match, field, text)) {
          assert.deepEqual(match, catchAllMatch(), 'changes nothing');
          return;
        }
        plain++;
        const expected = catchAllMatch();
        // Throws if the text is no value of the field.
        const { value, mask } = parseFieldText(field, text);
        matchField(expected, field, value, mask);
        assert.deepEqual(match, expected, `${field.name}=${text}`);
      },
    ),
    { numRuns: 20_000 },
  );
  assert.ok(plain > 500, `${plain} of the texts were plain`);
});

test('what is too large for its field is not plain, and refused', () => {
  for (const [name, text] of [
    ['tcp_dst', '65536'],
    ['tcp_dst', '0x10000'],
    ['nw_ttl', '256'],
    ['reg0', '4294967296'],
    ['ip_src', '1.2.3.256.'],
    ['eth_src', '00:00:00:00:00:0g'],
    ['ipv6_src', '1:2:3:4:5:6:7:8:9'],
  ] as const) {
    const field = fields.find((f) => f.name === name)!;
    assert.equal(matchPlainValue(catchAllMatch(), field, text), false, text);
    assert.throws(() => parseFieldText(field, text), FlowTextError, text);
  }
});
