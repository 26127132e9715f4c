/** OFPST_TABLE: counters of flow tables and, before OpenFlow 1.3, their features. C counterpart: lib/ofp-table.c. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { FieldName } from '../../flow/field-names.ts';
import { FIELDS, fieldHeader } from '../../flow/fields.ts';
import { actionNamesFromBits, actionNamesToBits } from './action-names.ts';
import { type Codec, emptyCodec } from './codec.ts';
import type { TableFeatures, TableStats } from './message.ts';
import { decodeTableMiss, encodeTableConfig } from './table-config.ts';
import { emptyTableFeatures, instructionsFromBits, instructionsToBits } from './table-features.ts';
import { tableFeaturesText } from './table-features-text.ts';
import { fixedBytes, fixedName } from './text.ts';

const NAME_LENGTH = 32;
const OPENFLOW_BASIC = 0x8000;

type Fields = ReadonlySet<FieldName>;

/** Wildcard bits of OpenFlow 1.0; addresses have several, of which any means the field. */
const OF10_FIELDS: readonly (readonly [number, FieldName])[] = [
  [1 << 0, 'in_port'],
  [1 << 1, 'vlan_vid'],
  [1 << 2, 'eth_src'],
  [1 << 3, 'eth_dst'],
  [1 << 4, 'eth_type'],
  [1 << 5, 'nw_proto'],
  [1 << 6, 'tcp_src'],
  [1 << 7, 'tcp_dst'],
  [0x3f << 8, 'ip_src'],
  [0x3f << 14, 'ip_dst'],
  [1 << 20, 'vlan_pcp'],
  [1 << 21, 'nw_tos'],
];
const OF11_FIELDS: readonly (readonly [number, FieldName])[] = [
  [1 << 0, 'in_port'],
  [1 << 1, 'vlan_vid'],
  [1 << 2, 'vlan_pcp'],
  [1 << 3, 'eth_type'],
  [1 << 4, 'nw_tos'],
  [1 << 5, 'nw_proto'],
  [1 << 6, 'tcp_src'],
  [1 << 7, 'tcp_dst'],
  [1 << 8, 'mpls_label'],
  [1 << 9, 'mpls_tc'],
  [1 << 11, 'eth_src'],
  [1 << 12, 'eth_dst'],
  [1 << 13, 'ip_src'],
  [1 << 14, 'ip_dst'],
  [1 << 15, 'metadata'],
];

const fromBits = (map: readonly (readonly [number, FieldName])[], bits: number): Set<FieldName> =>
  new Set(map.filter(([b]) => bits & b).map(([, name]) => name));

/** Bits of the fields that `has`. */
const toBits = (map: readonly (readonly [number, FieldName])[], has: (f: FieldName) => boolean): number =>
  map.reduce((bits, [b, name]) => (has(name) ? bits | b : bits), 0) >>> 0;

/** OpenFlow 1.2 has a bit for each field of its basic class. */
function fromOxmBits(bits: bigint): Set<FieldName> {
  const fields = new Set<FieldName>();
  for (const f of FIELDS) {
    const h = fieldHeader(f, 3);
    if (h?.oxmClass === OPENFLOW_BASIC && h.version <= 3 && (bits >> BigInt(h.number)) & 1n)
      fields.add(f.name);
  }
  return fields;
}

function toOxmBits(fields: Fields): bigint {
  let bits = 0n;
  for (const f of FIELDS) {
    const h = fields.has(f.name) ? fieldHeader(f, 3) : undefined;
    if (h?.oxmClass === OPENFLOW_BASIC && h.number < 64) bits |= 1n << BigInt(h.number);
  }
  return bits;
}

const union = (a: Fields, b: Fields): Set<FieldName> => new Set([...a, ...b]);

const counters = (r: ByteReader) => ({ activeCount: r.u32(), lookupCount: r.u64(), matchedCount: r.u64() });

function decode10(r: ByteReader, tableId: number): TableStats {
  r.skip(3);
  const name = fixedName(r.take(NAME_LENGTH));
  const match = fromBits(OF10_FIELDS, r.u32());
  const maxEntries = r.u32();
  const features = { ...emptyTableFeatures(tableId, name), maxEntries, match, wildcard: match };
  return { tableId, ...counters(r), features };
}

function decode11(r: ByteReader, tableId: number): TableStats {
  r.skip(7);
  const name = fixedName(r.take(NAME_LENGTH));
  const wildcard = fromBits(OF11_FIELDS, r.u32());
  const match = union(fromBits(OF11_FIELDS, r.u32()), wildcard);
  const instructions = instructionsFromBits(r.u32(), 2);
  const actions = { actions: actionNamesFromBits(r.u32(), 2), setFields: new Set<FieldName>() };
  r.skip(4);
  const missConfig = decodeTableMiss(r.u32(), 2);
  const maxEntries = r.u32();
  const side = { next: new Uint32Array(8), instructions, write: actions, apply: actions };
  const features = {
    ...emptyTableFeatures(tableId, name),
    missConfig,
    maxEntries,
    match,
    wildcard,
    nonmiss: side,
    miss: side,
  };
  return { tableId, ...counters(r), features };
}

function decode12(r: ByteReader, tableId: number): TableStats {
  r.skip(7);
  const name = fixedName(r.take(NAME_LENGTH));
  const matchBits = r.u64();
  const wildcard = fromOxmBits(r.u64());
  const writeActions = actionNamesFromBits(r.u32(), 3);
  const applyActions = actionNamesFromBits(r.u32(), 3);
  const write = { actions: writeActions, setFields: fromOxmBits(r.u64()) };
  const apply = { actions: applyActions, setFields: fromOxmBits(r.u64()) };
  const metadataMatch = r.u64();
  const metadataWrite = r.u64();
  const side = { next: new Uint32Array(8), instructions: instructionsFromBits(r.u32(), 3), write, apply };
  const missConfig = decodeTableMiss(r.u32(), 3);
  const maxEntries = r.u32();
  const features: TableFeatures = {
    ...emptyTableFeatures(tableId, name),
    metadataMatch,
    metadataWrite,
    missConfig,
    maxEntries,
    nonmiss: side,
    miss: side,
    match: union(fromOxmBits(matchBits), wildcard),
    wildcard,
  };
  return { tableId, ...counters(r), features };
}

function decode(r: ByteReader, version: number): TableStats {
  const tableId = r.u8();
  if (version === 1) return decode10(r, tableId);
  if (version === 2) return decode11(r, tableId);
  if (version === 3) return decode12(r, tableId);
  r.skip(3);
  return { tableId, ...counters(r) };
}

function encode(w: ByteWriter, s: TableStats, version: number): void {
  const f = s.features ?? emptyTableFeatures(s.tableId);
  // These versions cannot tell a field that may be left out from one that cannot be matched.
  const wildOrUnknown = (name: FieldName): boolean => f.wildcard.has(name) || !f.match.has(name);
  w.u8(s.tableId);
  if (version === 1) {
    w.zero(3).put(fixedBytes(f.name, NAME_LENGTH)).u32(toBits(OF10_FIELDS, wildOrUnknown)).u32(f.maxEntries);
  } else if (version === 2) {
    w.zero(7).put(fixedBytes(f.name, NAME_LENGTH)).u32(toBits(OF11_FIELDS, wildOrUnknown));
    w.u32(toBits(OF11_FIELDS, (name) => f.match.has(name))).u32(
      instructionsToBits(f.nonmiss.instructions, 2),
    );
    w.u32(actionNamesToBits(f.nonmiss.write.actions, 2)).u32(actionNamesToBits(f.nonmiss.apply.actions, 2));
    w.u32(encodeTableConfig({ miss: f.missConfig }, 2)).u32(f.maxEntries);
  } else if (version === 3) {
    w.zero(7).put(fixedBytes(f.name, NAME_LENGTH)).u64(toOxmBits(f.match)).u64(toOxmBits(f.wildcard));
    w.u32(actionNamesToBits(f.nonmiss.write.actions, 3)).u32(actionNamesToBits(f.nonmiss.apply.actions, 3));
    w.u64(toOxmBits(f.nonmiss.write.setFields)).u64(toOxmBits(f.nonmiss.apply.setFields));
    w.u64(f.metadataMatch).u64(f.metadataWrite).u32(instructionsToBits(f.nonmiss.instructions, 3));
    w.u32(encodeTableConfig({ miss: f.missConfig }, 3)).u32(f.maxEntries);
  } else {
    w.zero(3);
  }
  w.u32(s.activeCount).u64(s.lookupCount).u64(s.matchedCount);
}

export const tableStatsRequest = emptyCodec('table_stats_request');

export const tableStatsReply: Codec<'table_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decode(one, c.version),
      (tables) => ({ kind: 'table_stats_reply', tables }),
    ),
  encode: (w, m, c) => c.items(m.tables, (t) => encode(w, t, m.version)),
  format: (m) =>
    tableFeaturesText(
      m.tables.map((stats) => ({ stats, features: stats.features ?? emptyTableFeatures(stats.tableId) })),
    ),
};
