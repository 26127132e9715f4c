import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter, TruncatedError } from '../../base/bytes.ts';
import { FIELDS, fieldAllOnes, isFieldValueValid } from '../../flow/fields.ts';
import { OFPP } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { decodeInstructions, encodeInstructions } from '../instructions.ts';
import type { OfpAct, Subfield } from './action.ts';
import { decodeActions } from './decode.ts';
import { encodeActions } from './encode.ts';
import { formatActions } from './format.ts';
import { parseInstructions } from './parse.ts';
import { actsEqual } from './query.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const port = fc.oneof(
  fc.nat(0xfeff),
  fc.constantFrom<number>(OFPP.IN_PORT, OFPP.NORMAL, OFPP.FLOOD, OFPP.LOCAL),
);
const table = fc.nat(254);
const writable = FIELDS.filter(
  (f) =>
    f.writable &&
    f.tunIndex < 0 &&
    f.name !== 'in_port_oxm' &&
    !f.name.startsWith('ct_') &&
    f.headers[0]?.experimenter === 0,
);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 30 });

/** Part of a field of at most 64 bits, as the older wire forms can say it. */
const subfield: fc.Arbitrary<Subfield> = fc.tuple(fc.constantFrom(...writable), u8, u8).map(([f, o, n]) => {
  const offset = o % f.bits;
  return { field: f.name, offset, bits: 1 + (n % Math.min(64, f.bits - offset)) };
});

const setField: fc.Arbitrary<OfpAct> = fc
  .tuple(fc.constantFrom(...writable.filter((f) => f.name !== 'vlan_vid')), fc.bigInt(0n, (1n << 128n) - 1n))
  .map(([f, n]) => ({ f, value: n & ((1n << BigInt(f.bits)) - 1n) }))
  .filter(({ f, value }) => isFieldValueValid(f, value))
  .map(({ f, value }) => ({
    kind: 'set_field',
    field: f.name,
    value,
    mask: fieldAllOnes(f),
    flowHasVlan: false,
    compat: 'set_field',
  }));

const simple: fc.Arbitrary<OfpAct> = fc.oneof(
  port.map((p): OfpAct => ({ kind: 'output', port: p, maxLen: 0 })),
  u16.map((maxLen): OfpAct => ({ kind: 'output', port: OFPP.CONTROLLER, maxLen })),
  subfield.map((src): OfpAct => ({ kind: 'output_reg', src, maxLen: 0xffff, v2: false })),
  u32.map((groupId): OfpAct => ({ kind: 'group', groupId })),
  fc.tuple(u16, u16, bytes, fc.boolean(), u32).map(
    ([maxLen, controllerId, userdata, pause, meterId]): OfpAct => ({
      kind: 'controller',
      maxLen,
      controllerId,
      reason: 2,
      userdata,
      pause,
      meterId,
      v2: true,
    }),
  ),
  u32.map((queue): OfpAct => ({ kind: 'set_queue', queue })),
  fc.constantFrom<OfpAct>(
    { kind: 'pop_queue' },
    { kind: 'exit' },
    { kind: 'ct_clear' },
    { kind: 'dec_mpls_ttl' },
  ),
  setField,
  fc.tuple(subfield, fc.bigInt(0n, (1n << 64n) - 1n)).map(
    ([dst, n]): OfpAct => ({
      kind: 'reg_load',
      dst,
      value: n & ((1n << BigInt(dst.bits)) - 1n),
      flowHasVlan: false,
    }),
  ),
  subfield.map((s): OfpAct => ({ kind: 'stack_push', subfield: s })),
  subfield.map((s): OfpAct => ({ kind: 'stack_pop', subfield: s })),
  fc
    .tuple(u32, u16)
    .map(([id, n]): OfpAct => ({ kind: 'set_tunnel', tunId: BigInt(id) << BigInt(n % 32), wide: true })),
  fc.tuple(u16, u16).map(([idle, hard]): OfpAct => ({ kind: 'fin_timeout', idle, hard })),
  fc
    .tuple(port, table)
    .map(([inPort, t]): OfpAct => ({ kind: 'resubmit', inPort, table: t, withCt: false, compact: false })),
  fc
    .array(u16, { minLength: 1, maxLength: 9 })
    .map((controllers): OfpAct => ({ kind: 'dec_ttl', controllers, explicit: true })),
  fc
    .tuple(u16, subfield)
    .map(([pktLen, s]): OfpAct => ({ kind: 'check_pkt_larger', pktLen, dst: { ...s, bits: 1 } })),
  fc.tuple(subfield, subfield).map(([a, b]): OfpAct => {
    const bits = Math.min(a.bits, b.bits);
    return { kind: 'reg_move', src: { ...a, bits }, dst: { ...b, bits }, compat: 'reg_move' };
  }),
  fc.tuple(fc.integer({ min: 1, max: 0xffff }), u32, u32, u32, fc.nat(0xfeff)).map(
    ([probability, collectorSet, obsDomain, obsPoint, samplingPort]): OfpAct => ({
      kind: 'sample',
      probability,
      collectorSet,
      obsDomain,
      obsPoint,
      samplingPort,
      direction: 'egress',
      form: 3,
    }),
  ),
  fc.array(fc.tuple(subfield, fc.boolean()), { maxLength: 6 }).map(
    (parts): OfpAct => ({
      kind: 'learn',
      learn: {
        idleTimeout: 1,
        hardTimeout: 2,
        finIdleTimeout: 3,
        finHardTimeout: 4,
        priority: 5,
        cookie: 6n,
        table: 7,
        flags: 1,
        limit: 0,
        resultDst: undefined,
        v2: false,
        specs: parts.map(([s, isLoad]) => ({
          src: isLoad ? { kind: 'field', subfield: s } : { kind: 'value', value: 0n },
          dst: { kind: isLoad ? 'load' : 'match', subfield: s },
          bits: s.bits,
        })),
      },
    }),
  ),
);

const nested: fc.Arbitrary<OfpAct> = fc.oneof(
  { weight: 5, arbitrary: simple },
  {
    weight: 1,
    arbitrary: fc.array(simple, { maxLength: 4 }).map((actions): OfpAct => ({ kind: 'clone', actions })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(u16, table).map(
      ([zoneImm, recircTable]): OfpAct => ({
        kind: 'ct',
        flags: 1,
        zoneImm,
        zoneSrc: undefined,
        recircTable,
        alg: 0,
        actions: [{ kind: 'nat', flags: 17, family: 4, minAddr: 1n, maxAddr: 9n, minPort: 10, maxPort: 20 }],
      }),
    ),
  },
);
const list = fc.array(nested, { maxLength: 8 });

function throughWire(acts: readonly OfpAct[], version: number): OfpAct[] {
  const w = new ByteWriter(8);
  encodeInstructions(w, acts, version);
  const encoded = w.finish();
  return decodeInstructions(new ByteReader(encoded), encoded.length, version);
}

test('what is written in OpenFlow 1.2 to 1.4 is read back the same', () => {
  // These versions write set_tunnel as set_field.
  const fits = (a: OfpAct): boolean =>
    a.kind !== 'set_tunnel' && (a.kind !== 'clone' || a.actions.every(fits));
  fc.assert(
    fc.property(list, fc.constantFrom(3, 4, 5), (acts, version) => {
      const sent = acts.filter(fits);
      const back = throughWire(sent, version);
      assert.ok(actsEqual(back, sent), `${formatActions(sent)} became ${formatActions(back)}`);
    }),
    { numRuns: 300 },
  );
});

test('writing is stable: what was read from a version and written again reads the same', () => {
  fc.assert(
    fc.property(list, fc.constantFrom(1, 2, 3, 4, 5), (acts, version) => {
      const once = throughWire(acts, version);
      assert.equal(formatActions(throughWire(once, version)), formatActions(once));
    }),
    { numRuns: 300 },
  );
});

test('printed actions parse to actions that print the same', () => {
  fc.assert(
    fc.property(list, (acts) => {
      const text = formatActions(acts);
      assert.equal(formatActions(parseInstructions(text).actions), text);
    }),
    { numRuns: 300 },
  );
});

test('no bytes make the decoder throw anything but an OpenFlow error', () => {
  const damage = fc.array(fc.tuple(u16, u8), { maxLength: 6 });
  fc.assert(
    fc.property(list, damage, fc.constantFrom(1, 2, 3, 6), (acts, changes, version) => {
      const w = new ByteWriter();
      encodeActions(w, acts, version);
      const encoded = w.finish();
      for (const [at, value] of changes) if (encoded.length > 0) encoded[at % encoded.length] = value;
      try {
        decodeActions(new ByteReader(encoded), encoded.length, version);
      } catch (error) {
        assert.ok(error instanceof OfpError && !(error instanceof TruncatedError), String(error));
      }
    }),
    { numRuns: 500 },
  );
});
