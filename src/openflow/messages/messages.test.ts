// Messages of every kind and version: what is encoded is decoded, and their text is that of ovs-ofctl 3.7.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbitraryMessage, KINDS } from '../../../test/support/openflow-messages.ts';
import { MatchPool } from '../../flow/match/pool.ts';
import { TunTable } from '../../flow/tun-metadata.ts';
import { parseFlowMod } from '../parse/flow-mod.ts';
import { P } from '../version.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { formatBytes } from './format.ts';
import type { FlowStats, OfpKind, OfpMessage } from './message.ts';
import { RAWS } from './raw.ts';

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

/** OpenFlow 1.0 has table numbers in flow_mods only where both sides agreed. */
const DECODING = { flowModTableId: true } as const;
const ENCODING = (message: OfpMessage) =>
  message.version === 1 ? { protocol: message.nxm ? P.OF10_NXM_TID : P.OF10_STD_TID } : {};

/** For comparison: where a match keeps its tunnel options is its own affair, which ones it has is not. */
function comparable(value: unknown): unknown {
  if (
    value instanceof Uint32Array ||
    value instanceof Uint8Array ||
    typeof value !== 'object' ||
    value === null
  )
    return value;
  if (value instanceof TunTable) return value.entries.map((e) => e && [e.index, e.bytes, e.masked]);
  if (value instanceof Set) return [...value].sort();
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, comparable(v)]));
}

/**
 * What no version, or an older one, has a place for; it comes back as the version's receivers understand it. Every
 * other value has to come back as it was.
 */
const LOSES: Partial<Record<OfpKind, (version: number) => boolean>> = {
  // Ports of OpenFlow 1.0 have no speed, tables of 1.0 to 1.2 no features of their own.
  features_reply: (v) => v === 1,
  port_status: (v) => v === 1,
  port_desc_stats_reply: (v) => v === 1,
  table_stats_reply: (v) => v <= 3,
  // Formats, cookies and tables of a packet-in, the settings of a queue, wide versions of async masks.
  packet_in: () => true,
  nxt_resume: () => true,
  packet_out: () => true,
  get_async_reply: () => true,
  set_async_config: () => true,
  role_request: () => true,
  role_reply: () => true,
  group_features_stats_reply: (v) => v === 1,
  queue_get_config_reply: (v) => v === 1,
  // A setting that is not mentioned is off.
  table_mod: (v) => v >= 5,
  table_status: () => true,
  table_desc_reply: () => true,
  table_features_stats_request: () => true,
  table_features_stats_reply: () => true,
  // Older matches and actions stand for newer ones and the other way round.
  flow_mod: () => true,
  flow_removed: () => true,
  flow_stats_request: () => true,
  flow_stats_reply: () => true,
  aggregate_stats_request: () => true,
  flow_monitor_stats_request: () => true,
  flow_monitor_stats_reply: () => true,
  group_mod: () => true,
  group_desc_stats_reply: () => true,
  requestforward: () => true,
};

test('every kind of message has random values in every version that has it', () => {
  const missing = RAWS.flatMap((raw) =>
    [1, 2, 3, 4, 5, 6]
      .filter((v) => v >= raw.firstVersion && v <= raw.lastVersion && !arbitraryMessage(raw.kind, v))
      .map((v) => `${raw.kind} in version ${v}`),
  );
  assert.deepEqual(missing, []);
});

test('a message that was decoded, and one that loses nothing, survives encoding and decoding', () => {
  for (const kind of KINDS) {
    for (let version = 1; version <= 6; version++) {
      const messages = arbitraryMessage(kind, version);
      if (!messages) continue;
      fc.assert(
        fc.property(messages, (message) => {
          const bytes = encodeMessage(message, ENCODING(message))[0]!;
          const decoded = decodeMessage(bytes, DECODING);
          if (!LOSES[kind]?.(version)) assert.deepEqual(comparable(decoded), comparable(message));
          // Tables of OpenFlow 1.0 say of a field that is not matched that it may be left out.
          if (kind === 'table_stats_reply' && version === 1) return;
          const again = encodeMessage(decoded, ENCODING(decoded))[0]!;
          assert.deepEqual(comparable(decodeMessage(again, DECODING)), comparable(decoded));
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
          const bytes = encodeMessage(message)[0]!;
          const own = encodeMessage(decodeMessage(bytes));
          assert.deepEqual(encodeMessage(decodeMessage(bytes, { matches })), own);
        }),
        { numRuns: 25 },
      );
    }
  }
});

test('flows of a reply of OpenFlow 1.1 keep matches that its own match cannot say', () => {
  const flow = parseFlowMod('table=1,priority=7,udp6,reg1=5,actions=drop', 'add').value;
  const stats: FlowStats = {
    ...flow,
    durationSec: 1,
    durationNsec: 0,
    idleAge: -1,
    hardAge: -1,
    packetCount: 0n,
    byteCount: 0n,
  };
  const [bytes] = encodeMessage({ kind: 'flow_stats_reply', flows: [stats], version: 2, xid: 1 });
  assert.match(formatBytes(bytes!), /priority=7,udp6,reg1=0x5 actions=drop/);
});
