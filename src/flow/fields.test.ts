import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  FIELD,
  FIELDS,
  type Field,
  fieldAllOnes,
  fieldByHeader,
  fieldByName,
  fieldByNxmName,
  fieldHeader,
  fieldPrereqsOk,
  getField,
  getFieldMask,
  isFieldExact,
  isFieldValueValid,
  isFieldWild,
  maskField,
  matchField,
  setField,
} from './fields.ts';
import { catchAllMatch, F, FLOW_WORDS, newFlow } from './layout.ts';

const ordinary = FIELDS.filter((f) => f.tunIndex < 0);
/** A field and a value that peers may send for it. */
const fieldAndValue = fc.constantFrom(...ordinary).chain((field) =>
  fc
    .bigInt(0n, (1n << BigInt(field.bits)) - 1n)
    .filter((v) => isFieldValueValid(field, v))
    .map((value): [Field, bigint] => [field, value]),
);

test('the table has the 211 fields of release 3.7, each name and header once', () => {
  assert.equal(FIELDS.length, 211);
  const names = FIELDS.flatMap((f) => (f.alias ? [f.name, f.alias] : [f.name]));
  assert.equal(new Set(names).size, names.length);
  for (const f of FIELDS) {
    assert.equal(fieldByName(f.name), f);
    assert.ok(f.word >= 0 && f.word + f.words <= FLOW_WORDS);
    for (const h of f.headers) {
      assert.equal(fieldByNxmName(h.name), f);
      assert.equal(fieldByHeader(h.header, h.experimenter), f, h.name);
    }
  }
});

test('headers are those of the OpenFlow version, with NXM preferred for version 0', () => {
  assert.equal(fieldHeader(FIELD.eth_src, 0)?.name, 'NXM_OF_ETH_SRC');
  assert.equal(fieldHeader(FIELD.eth_src, 3)?.name, 'OXM_OF_ETH_SRC');
  assert.equal(fieldHeader(FIELD.tcp_flags, 4)?.name, 'ONFOXM_ET_TCP_FLAGS');
  assert.equal(fieldHeader(FIELD.tcp_flags, 6)?.name, 'OXM_OF_TCP_FLAGS');
  assert.equal(fieldHeader(FIELD.dl_vlan, 4), undefined);
  assert.equal(fieldHeader(FIELD.reg16, 4)?.header, 0xffff_2208);
});

test('a header with the wrong length is no field', () => {
  assert.equal(fieldByHeader(0x8000_0a02), FIELD.eth_type);
  assert.equal(fieldByHeader(0x8000_0a03), undefined);
  // The cookie has the number of mpls_ttl.
  assert.equal(fieldByHeader(0x0001_3c08), undefined);
});

test('what is written into a field is read from it', () => {
  fc.assert(
    fc.property(fieldAndValue, ([field, value]) => {
      if (field === FIELD.dl_vlan && value === 0xffffn) return;
      const flow = newFlow();
      setField(flow, field, value);
      assert.equal(getField(flow, field), field === FIELD.nw_tos ? value & 0xfcn : value);
    }),
  );
});

test('an exact match of a field is exact, and only of it', () => {
  fc.assert(
    fc.property(fieldAndValue, ([field, value]) => {
      fc.pre(!field.maskIsValue);
      const match = catchAllMatch();
      assert.ok(isFieldWild(match.mask, field));
      matchField(match, field, value);
      assert.ok(isFieldExact(match.mask, field));
      assert.equal(getFieldMask(match.mask, field), fieldAllOnes(field));
      for (let i = 0; i < FLOW_WORDS; i++) assert.equal(match.flow[i]! & ~match.mask[i]!, 0);
      const mask = newFlow();
      maskField(mask, field);
      assert.deepEqual(mask, match.mask);
    }),
  );
});

test('ERSPAN and GTP-U fields are matched where the value has ones, as by the C implementation', () => {
  const match = catchAllMatch();
  matchField(match, FIELD.tun_gtpu_flags, 0x30n);
  assert.equal(getField(match.mask, FIELD.tun_gtpu_flags), 0x30n);
  matchField(match, FIELD.tun_gtpu_flags, 0x35n, 0x0fn);
  assert.deepEqual([match.flow[F.TUN_GTPU_FLAGS], match.mask[F.TUN_GTPU_FLAGS]], [0x05, 0x35]);
  matchField(match, FIELD.tun_gtpu_flags, 0x35n, 0n);
  assert.ok(isFieldWild(match.mask, FIELD.tun_gtpu_flags));
});

test('in_port is the 16-bit view of a 32-bit port', () => {
  const flow = newFlow();
  setField(flow, FIELD.in_port, 0xfffen);
  assert.equal(flow[F.IN_PORT], 0xffff_fffe);
  assert.equal(getField(flow, FIELD.in_port_oxm), 0xffff_fffen);
});

test('VLAN fields of a flow add and remove the tag', () => {
  const flow = newFlow();
  setField(flow, FIELD.vlan_pcp, 3n);
  assert.equal(flow[F.VLAN_TCI0], 0x7000);
  assert.equal(flow[F.VLAN_TPID0], 0x8100);
  setField(flow, FIELD.dl_vlan, 5n);
  assert.equal(flow[F.VLAN_TCI0], 0x7005);
  setField(flow, FIELD.dl_vlan, 0xffffn);
  assert.equal(flow[F.VLAN_TCI0], 0);
});

test('registers overlap', () => {
  const flow = newFlow();
  setField(flow, FIELD.xxreg1, 0x00000001_00000002_00000003_00000004n);
  assert.equal(getField(flow, FIELD.reg4), 1n);
  assert.equal(getField(flow, FIELD.xreg3), 0x3_00000004n);
  assert.equal(getField(flow, FIELD.reg7), 4n);
});

test('a packet has TCP fields if it is TCP and no later fragment, and asking is noted', () => {
  const flow = newFlow();
  const wc = newFlow();
  assert.equal(fieldPrereqsOk(FIELD.tcp_src, flow, wc), false);
  assert.equal(wc[F.NW_PROTO], 0);
  flow[F.DL_TYPE] = 0x86dd;
  flow[F.NW_PROTO] = 6;
  assert.equal(fieldPrereqsOk(FIELD.tcp_src, flow, wc), true);
  assert.equal(wc[F.NW_PROTO], 0xff);
  assert.equal(fieldPrereqsOk(FIELD.ip_src, flow), false);
  flow[F.NW_FRAG] = 3;
  assert.equal(fieldPrereqsOk(FIELD.tcp_src, flow), false);
  flow[F.PACKET_TYPE] = 0x1_0800;
  assert.equal(fieldPrereqsOk(FIELD.ip_src, flow), true);
  assert.equal(fieldPrereqsOk(FIELD.eth_src, flow), false);
});
