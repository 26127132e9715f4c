// Messages of every kind and version: what is encoded is decoded, and their text is that of ovs-ofctl 3.7.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbitraryMessage, encodeIfPossible, KINDS } from '../../../test/support/openflow-messages.ts';
import { MatchPool } from '../../flow/match/pool.ts';
import { OfpError } from '../errors.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { formatBytes } from './format.ts';
import type { OfpMessage } from './message.ts';

/** Bytes, verbosity and the text that `ovs-ofctl ofp-print` prints. */
type Golden = readonly (readonly [hex: string, verbosity: number, text: string])[];

const golden = JSON.parse(
  readFileSync(new URL('../../../test/golden/openflow-messages.json', import.meta.url), 'utf8'),
) as Golden;

test('text is what ovs-ofctl prints', () => {
  assert.ok(golden.length > 500);
  for (const [hex, verbosity, text] of golden) {
    assert.equal(formatBytes(Buffer.from(hex, 'hex'), { verbosity }), text, hex);
  }
});

/** Random actions need not go with a random match. */
function decodeIfConsistent(bytes: Uint8Array): OfpMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof OfpError && error.code === 'OFPBAC_MATCH_INCONSISTENT') return undefined;
    throw error;
  }
}

test('messages survive encoding and decoding', () => {
  for (const kind of KINDS) {
    for (let version = 1; version <= 6; version++) {
      const messages = arbitraryMessage(kind, version);
      if (!messages) continue;
      fc.assert(
        fc.property(messages, (message) => {
          const bytes = encodeIfPossible(message);
          if (!bytes) return;
          const decoded = decodeIfConsistent(bytes);
          if (!decoded) return;
          assert.equal(decoded.kind, kind);
          assert.equal(decoded.xid, message.xid);
          const again = encodeMessage(decoded)[0]!;
          // Before OXM not every match can be said; what can be is said again in the same bytes.
          if (version >= 3) assert.deepEqual(again, bytes);
          const settled = decodeMessage(again);
          assert.deepEqual(encodeMessage(settled)[0]!, again);
        }),
        { numRuns: 25 },
      );
    }
  }
});

/** Kinds that lose nothing in any version that has them. */
const LOSSLESS = [
  'hello',
  'echo_request',
  'get_config_reply',
  'barrier_reply',
  'bundle_control',
  'desc_stats_reply',
  'aggregate_stats_reply',
  'meter_mod',
  'meter_stats_reply',
  'meter_config_stats_reply',
  'meter_features_stats_reply',
  'queue_stats_reply',
  'flow_mod_table_id',
  'nxt_tlv_table_reply',
  'ct_flush',
  'ipfix_flow_stats_reply',
] as const;

test('messages that every version can say come back as they were', () => {
  for (const kind of LOSSLESS) {
    for (let version = 1; version <= 6; version++) {
      const messages = arbitraryMessage(kind, version);
      if (!messages) continue;
      fc.assert(
        fc.property(messages, (message) => {
          const { nxm: _, ...decoded } = decodeMessage(encodeMessage(message)[0]!);
          assert.deepEqual(decoded, message);
        }),
        { numRuns: 25 },
      );
    }
  }
});

test('encoded messages keep their bytes when others are encoded', () => {
  const sizes = [0, 3, 900, 1017, 5000, 1];
  const make = (fill: number): Uint8Array =>
    encodeMessage({
      kind: 'echo_request',
      version: 4,
      xid: fill,
      data: new Uint8Array(sizes[fill % sizes.length]!).fill(fill),
    })[0]!;
  const first = Array.from({ length: 60 }, (_, i) => make(i));
  const copies = first.map((bytes) => bytes.slice());
  for (let i = 0; i < 60; i++) make(255 - i);
  assert.deepEqual(first, copies);
});

test('matches of a pool are decoded as others are', () => {
  const matches = new MatchPool();
  for (const kind of ['flow_mod', 'flow_stats_reply', 'flow_stats_request'] as const) {
    for (let version = 1; version <= 6; version++) {
      fc.assert(
        fc.property(arbitraryMessage(kind, version)!, (message) => {
          const bytes = encodeIfPossible(message);
          const own = bytes && decodeIfConsistent(bytes);
          if (own) assert.deepEqual(encodeMessage(decodeMessage(bytes, { matches })), encodeMessage(own));
        }),
        { numRuns: 25 },
      );
    }
  }
});
