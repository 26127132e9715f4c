import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FIELD, FIELDS } from './fields.ts';
import { F, newFlow } from './layout.ts';
import {
  checkSubfieldDestination,
  checkSubfieldSource,
  formatSubfield,
  markSubfieldInMask,
  parseSubfield,
  readSubfield,
  readSubfieldU32,
  type Subfield,
  writeSubfield,
} from './subfield.ts';

/** Fields of which flows keep fewer bits than actions may name. */
const NARROW: ReadonlySet<string> = new Set(['nw_tos', 'ct_state', 'arp_op']);

const subfields = fc
  .constantFrom(...FIELDS.filter((f) => f.tunIndex < 0 && !NARROW.has(f.name)))
  .chain((f) =>
    fc
      .tuple(fc.nat(f.bits - 1), fc.nat(f.bits - 1))
      .map(([a, b]): Subfield => ({ field: f.name, offset: Math.min(a, b), bits: Math.abs(a - b) + 1 })),
  );

test('a subfield is read as it was written, and its mask covers just it', () => {
  fc.assert(
    fc.property(subfields, fc.bigInt(0n, 2n ** 128n - 1n), (sf, raw) => {
      const value = raw & ((1n << BigInt(sf.bits)) - 1n);
      const flow = newFlow();
      writeSubfield(flow, sf, value);
      // A port number that no port can have does not survive.
      if (sf.field === 'in_port') return;
      assert.equal(readSubfield(flow, sf), value);
      if (sf.bits <= 32) assert.equal(readSubfieldU32(flow, sf), Number(value));
      const mask = newFlow();
      markSubfieldInMask(mask, sf);
      assert.equal(readSubfield(mask, sf), (1n << BigInt(sf.bits)) - 1n);
    }),
  );
});

test('text names a subfield by NXM name, and is read back', () => {
  fc.assert(
    fc.property(subfields, (sf) => {
      assert.deepEqual(parseSubfield(formatSubfield(sf)), sf);
    }),
  );
  assert.equal(formatSubfield(parseSubfield('vlan_tci[0..11]')), 'NXM_OF_VLAN_TCI[0..11]');
  assert.equal(formatSubfield(parseSubfield('eth_src')), 'NXM_OF_ETH_SRC[]');
  assert.equal(formatSubfield(parseSubfield('reg3[7]')), 'NXM_NX_REG3[7]');
});

test('errors are worded as by the C tools', () => {
  const message = (text: string): string => {
    try {
      parseSubfield(text);
      return '';
    } catch (e) {
      return (e as Error).message;
    }
  };
  assert.equal(message('foo[]'), "foo[]: unknown field `foo'");
  assert.equal(message('reg0[5..2]'), 'reg0[5..2]: starting bit 5 is after ending bit 2');
  assert.equal(
    message('reg0[32]'),
    'reg0[32]: starting bit 32 is not valid because field is only 32 bits wide',
  );
  assert.equal(
    message('reg0[1..99]'),
    'reg0[1..99]: ending bit 99 is not valid because field is only 32 bits wide',
  );
  assert.equal(message('reg0[x]'), 'reg0[x]: syntax error expecting [] or [<bit>] or [<start>..<end>]');
  assert.equal(message('reg0[]x'), 'reg0[]x: trailing garbage following subfield');
});

test('actions may not write what is read-only, or read what the packet lacks', () => {
  const whole = (name: keyof typeof FIELD): Subfield => ({ field: name, offset: 0, bits: FIELD[name].bits });
  const match = { flow: newFlow(), mask: newFlow() };
  assert.equal(checkSubfieldDestination(whole('eth_type'), match)?.error, 'OFPBAC_BAD_SET_ARGUMENT');
  assert.equal(checkSubfieldSource(whole('tcp_src'), match)?.error, 'OFPBAC_MATCH_INCONSISTENT');
  assert.equal(
    checkSubfieldSource({ field: 'reg0', offset: 30, bits: 5 }, match)?.error,
    'OFPBAC_BAD_SET_LEN',
  );
  match.flow[F.DL_TYPE] = 0x0800;
  match.flow[F.NW_PROTO] = 6;
  assert.equal(checkSubfieldSource(whole('tcp_src'), match), undefined);
});
