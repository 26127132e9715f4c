import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { KeyValueScanner } from './key-value.ts';
import {
  FlowTextError,
  formatFlagsMasked,
  formatIpv4Masked,
  formatIpv6,
  formatIpv6Masked,
  formatIpv6WordsMasked,
  formatMac,
  ipv6PrefixMask,
  parseIpv4Masked,
  parseIpv6,
  parseIpv6Masked,
  parseIpv6Words,
  parseMac,
  scanFlags,
  scanInt,
  TCP_FLAG_NAMES,
} from './text.ts';

const u128 = fc.bigInt(0n, 2n ** 128n - 1n);

test('IPv6 addresses are written as inet_ntop does, and read back', () => {
  const cases: [bigint, string][] = [
    [0n, '::'],
    [1n, '::1'],
    [0x1_0000n, '::0.1.0.0'],
    [0xffff_0102_0304n, '::ffff:1.2.3.4'],
    [0xfe80n << 112n, 'fe80::'],
    [(0x2001n << 112n) | (1n << 64n) | 1n, '2001:0:0:1::1'],
    [(1n << 112n) | (2n << 80n), '1:0:2::'],
  ];
  for (const [value, text] of cases) {
    assert.equal(formatIpv6(value), text);
    assert.equal(parseIpv6(text), value);
  }
  fc.assert(
    fc.property(u128, (value) => {
      const text = formatIpv6(value);
      assert.ok(isIPv6(text));
      assert.equal(parseIpv6(text), value);
    }),
  );
});

test('text that is no IPv6 address is none', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::1.2.3',
    '::1.2.3.256',
    'x',
  ]) {
    assert.equal(parseIpv6(text), undefined, text);
  }
});

test('any text is an IPv6 address exactly if inet_pton says so', () => {
  const texts = fc.string({ unit: fc.constantFrom(...'01af:::::.'), maxLength: 24 });
  const groups = fc.array(fc.constantFrom('0', 'ffff', '1a', '', '1.2.3.4', '12345', '01.2.3.4'), {
    maxLength: 10,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        texts,
        groups.map((g) => g.join(':')),
      ),
      (text) => {
        assert.equal(parseIpv6(text) !== undefined, isIPv6(text), text);
      },
    ),
    { numRuns: 20_000 },
  );
});

test('an address in the words of a flow key reads and prints as the same number', () => {
  fc.assert(
    fc.property(u128, u128, fc.nat(128), (value, mask, prefix) => {
      const words = new Uint32Array(10);
      assert.ok(parseIpv6Words(formatIpv6(value), words, 1));
      for (const m of [mask, ipv6PrefixMask(prefix), ipv6PrefixMask(prefix) ^ 1n]) {
        const masks = new Uint32Array(10);
        assert.ok(parseIpv6Words(formatIpv6(m), masks, 1));
        assert.equal(formatIpv6WordsMasked(words, masks, 1), formatIpv6Masked(value, m));
      }
    }),
  );
});

test('masks are prefix lengths where they can be', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), u128, u128, (ip, mask, ip6, mask6) => {
      const v4 = parseIpv4Masked(formatIpv4Masked(ip, mask));
      assert.deepEqual([v4.value, v4.mask], [ip, mask]);
      const text6 = formatIpv6Masked(ip6, mask6);
      // As in the C tools a mask that begins with a digit reads as a prefix length, with garbage behind it.
      if (/\/\d.*:/.test(text6)) return assert.throws(() => parseIpv6Masked(text6), FlowTextError);
      const v6 = parseIpv6Masked(text6);
      assert.deepEqual([v6.value, v6.mask], [ip6, mask6]);
    }),
  );
  assert.equal(formatIpv4Masked(0x0a000000, 0xff000000), '10.0.0.0/8');
  assert.equal(formatIpv4Masked(0x0a000001, 0xff0000ff), '10.0.0.1/255.0.0.255');
});

test('MAC addresses', () => {
  assert.equal(formatMac(0x0001, 0x02030405), '00:01:02:03:04:05');
  assert.equal(parseMac('0:1:2:3:4:5'), 0x000102030405n);
  assert.equal(parseMac('0:1:2:3:4'), undefined);
});

test('integers are decimal, octal or hexadecimal, and must fit', () => {
  assert.deepEqual(scanInt('010x', 2), { value: 8n, tail: 'x', error: undefined });
  assert.equal(scanInt('0xffff', 2).value, 0xffffn);
  assert.equal(scanInt('0x10000', 2).error, 'range');
  assert.equal(scanInt('-1', 8).value, 0xffff_ffff_ffff_ffffn);
  assert.equal(scanInt('-1', 4).error, 'range');
  assert.equal(scanInt('x', 4).error, 'syntax');
  assert.deepEqual(scanInt('0x1 2,', 4), { value: 0x12n, tail: ',', error: undefined });
  assert.deepEqual(scanInt('0xg', 4), { value: 0n, tail: 'g', error: undefined });
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 66n), fc.constantFrom(1, 2, 3, 4, 6, 8), (n, bytes) => {
      for (const text of [String(n), `0x${n.toString(16)}`]) {
        const { value, tail, error } = scanInt(`${text}->x`, bytes);
        const fits = n < 2n ** BigInt(8 * bytes);
        assert.deepEqual([value, tail, error], [n, '->x', fits ? undefined : 'range'], text);
      }
    }),
  );
});

test('flags under a mask are read as they are written', () => {
  fc.assert(
    fc.property(fc.nat(0xfff), fc.integer({ min: 1, max: 0xffe }), (flags, mask) => {
      const text = formatFlagsMasked(TCP_FLAG_NAMES, flags & mask, mask, 0xfff);
      const scanned = scanFlags(text, TCP_FLAG_NAMES, 'TCP', 0xfff);
      assert.deepEqual([scanned.flags, scanned.mask, scanned.length], [flags & mask, mask, text.length]);
    }),
  );
});

test('pairs of flow text end where they end', () => {
  const pairs = (text: string): string[] => {
    const out: string[] = [];
    for (const scanner = new KeyValueScanner(text); scanner.next(); )
      out.push(`${scanner.key}=${scanner.value}`);
    return out;
  };
  assert.deepEqual(pairs(' a=1, b:2  c(d=(e),f),g'), ['a=1', 'b=2', 'c=d=(e),f', 'g=']);
  assert.deepEqual(pairs('set_field:(x)->y,z'), ['set_field=(x)->y', 'z=']);
  assert.deepEqual(pairs('a(x)->y,b'), ['a=x)->y', 'b=']);
  assert.deepEqual(pairs('a(unclosed'), ['a=unclosed']);
});
