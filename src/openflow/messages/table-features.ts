/**
 * OFPST_TABLE_FEATURES: what each flow table can match and do. C counterpart: lib/ofp-table.c; its text is in
 * table-features-text.ts.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { FieldName } from '../../flow/field-names.ts';
import { OfpError } from '../errors.ts';
import { actionNamesFromBits, actionNamesToBits } from './action-names.ts';
import type { Codec, DecodeContext, EncodeContext } from './codec.ts';
import { putFieldHeaders, readFieldHeaders } from './field-array.ts';
import type { TableActionFeatures, TableFeatures, TableInstructionFeatures } from './message.ts';
import { type Property, propertyPayload, pullProperty, putProperty, unknownProperty } from './properties.ts';
import { tableFeaturesText } from './table-features-text.ts';
import { fixedBytes, fixedName } from './text.ts';

const log = vlog('ofp_table');
const limit = new RateLimit(1, 5);

const COMMANDS = ['replace', 'modify', 'enable', 'disable'] as const;
const NAME_LENGTH = 32;
const HEADER_LENGTH = 64;
const OFPTC14_EVICTION = 1 << 2;
const OFPTC14_VACANCY_EVENTS = 1 << 3;
const OFPTT_ALL = 0xff;

/** Types of properties; those about table misses are one more. */
const T = {
  INSTRUCTIONS: 0,
  NEXT_TABLES: 2,
  WRITE_ACTIONS: 4,
  APPLY_ACTIONS: 6,
  MATCH: 8,
  WILDCARDS: 10,
  WRITE_SETFIELD: 12,
  APPLY_SETFIELD: 14,
} as const;
const REQUIRED = Object.values<number>(T).reduce((bits, type) => bits | (1 << type), 0);
const FIRST_UNKNOWN = 16;

/** Number of each instruction on the wire. */
const INSTRUCTION_NUMBERS: readonly (readonly [string, number])[] = [
  ['meter', 6],
  ['apply_actions', 4],
  ['clear_actions', 5],
  ['write_actions', 3],
  ['write_metadata', 2],
  ['goto_table', 1],
];

/** Meters are an instruction of OpenFlow 1.3 and 1.4 alone. */
const hasInstruction = (name: string, version: number): boolean =>
  name !== 'meter' || version === 4 || version === 5;

/** Names of a version's instructions in a bitmap of their numbers. */
export const instructionsFromBits = (bits: number, version: number): Set<string> =>
  new Set(
    INSTRUCTION_NUMBERS.filter(([name, n]) => bits & (1 << n) && hasInstruction(name, version)).map(
      ([name]) => name,
    ),
  );

export function instructionsToBits(names: ReadonlySet<string>, version: number): number {
  let bits = 0;
  for (const [name, n] of INSTRUCTION_NUMBERS)
    if (names.has(name) && hasInstruction(name, version)) bits |= 1 << n;
  return bits;
}

const noFields: ReadonlySet<FieldName> = new Set();
const noActions: TableActionFeatures = { actions: new Set(), setFields: noFields };
export const NO_INSTRUCTION_FEATURES: TableInstructionFeatures = {
  next: new Uint32Array(8),
  instructions: new Set(),
  write: noActions,
  apply: noActions,
};

/** Features of a table of which only a name is known. */
export const emptyTableFeatures = (tableId: number, name = ''): TableFeatures => ({
  command: 'replace',
  tableId,
  name,
  metadataMatch: 0n,
  metadataWrite: 0n,
  maxEntries: 0,
  anyProperties: false,
  missConfig: 'default',
  supportsEviction: undefined,
  supportsVacancyEvents: undefined,
  nonmiss: NO_INSTRUCTION_FEATURES,
  miss: NO_INSTRUCTION_FEATURES,
  match: noFields,
  mask: noFields,
  wildcard: noFields,
});

/** A list of ids with property headers but no padding; those of 0 to 31 as a bitmap. */
function readIds(r: ByteReader, one?: (id: number) => void): number {
  let bits = 0;
  while (r.left > 0) {
    const { type } = pullProperty(r, 0x10000, 1);
    one?.(type);
    if (type < 32) bits |= 1 << type;
  }
  return bits;
}

function readInstructionIds(r: ByteReader, loose: boolean): Set<string> {
  const names = new Set<string>();
  readIds(r, (id) => {
    const known = INSTRUCTION_NUMBERS.find(([, n]) => n === id);
    if (known) names.add(known[0]);
    else if (!loose) throw new OfpError('OFPBIC_UNKNOWN_INST');
  });
  return names;
}

function readNextTables(r: ByteReader): Uint32Array {
  const next = new Uint32Array(8);
  while (r.left > 0) {
    const id = r.u8();
    if (id === OFPTT_ALL) throw new OfpError('OFPBPC_BAD_VALUE');
    next[id >> 5]! |= 1 << (id & 31);
  }
  return next;
}

/** A list of fields that must have no masks. */
function readUnmasked(r: ByteReader, loose: boolean): Set<FieldName> {
  const { exact, masked } = readFieldHeaders(r, loose);
  if (masked.size) throw new OfpError('OFPBMC_BAD_MASK');
  return exact;
}

interface Side {
  instructions?: Set<string>;
  next?: Uint32Array;
  writeActions?: Set<string>;
  applyActions?: Set<string>;
  writeFields?: Set<FieldName>;
  applyFields?: Set<FieldName>;
}

/** One property about table misses, or about other flows. */
function readSide(side: Side, type: number, r: ByteReader, c: DecodeContext): void {
  switch (type) {
    case T.INSTRUCTIONS:
      side.instructions = readInstructionIds(r, c.loose);
      break;
    case T.NEXT_TABLES:
      side.next = readNextTables(r);
      break;
    case T.WRITE_ACTIONS:
      side.writeActions = actionNamesFromBits(readIds(r), c.version);
      break;
    case T.APPLY_ACTIONS:
      side.applyActions = actionNamesFromBits(readIds(r), c.version);
      break;
    case T.WRITE_SETFIELD:
      side.writeFields = readUnmasked(r, c.loose);
      break;
    case T.APPLY_SETFIELD:
      side.applyFields = readUnmasked(r, c.loose);
      break;
  }
}

const featuresOf = (s: Side): TableInstructionFeatures => ({
  next: s.next ?? new Uint32Array(8),
  instructions: s.instructions ?? new Set(),
  write: { actions: s.writeActions ?? new Set(), setFields: s.writeFields ?? noFields },
  apply: { actions: s.applyActions ?? new Set(), setFields: s.applyFields ?? noFields },
});

const union = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> => new Set([...a, ...b]);

function decode(r: ByteReader, c: DecodeContext): TableFeatures {
  if (r.left < HEADER_LENGTH) throw new OfpError('OFPBPC_BAD_LEN');
  const length = r.u16();
  if (length < HEADER_LENGTH || length % 8 || length - 2 > r.left) throw new OfpError('OFPBPC_BAD_LEN');
  const body = r.sub(length - 2);
  const tableId = body.u8();
  const commandNumber = body.u8();
  const command = c.version >= 6 ? COMMANDS[commandNumber] : 'replace';
  if (command === undefined) throw new OfpError('OFPTFFC_BAD_COMMAND');
  if (tableId === OFPTT_ALL) throw new OfpError('OFPTFFC_BAD_TABLE');
  body.skip(4);
  const name = fixedName(body.take(NAME_LENGTH));
  const metadataMatch = body.u64();
  const metadataWrite = body.u64();
  const caps = body.u32();
  const maxEntries = body.u32();
  const anyProperties = body.left > 0;

  const nonmiss: Side = {};
  const miss: Side = {};
  let match: ReadonlySet<FieldName> = noFields;
  let mask: ReadonlySet<FieldName> = noFields;
  let wildcard: ReadonlySet<FieldName> = noFields;
  let seen = 0;
  while (body.left > 0) {
    const p: Property = pullProperty(body);
    if (p.type < 32) {
      if (seen & (1 << p.type)) throw new OfpError('OFPTFFC_BAD_FEATURES');
      seen |= 1 << p.type;
    }
    const payload = new ByteReader(propertyPayload(p));
    if (p.experimenter || p.type >= FIRST_UNKNOWN || p.type === T.MATCH + 1 || p.type === T.WILDCARDS + 1) {
      unknownProperty(log, c.loose, 'table features', p);
    } else if (p.type === T.MATCH) {
      ({ exact: match, masked: mask } = readFieldHeaders(payload, c.loose));
    } else if (p.type === T.WILDCARDS) {
      wildcard = readUnmasked(payload, c.loose);
    } else {
      readSide(p.type & 1 ? miss : nonmiss, p.type & ~1, payload, c);
    }
  }
  const missing = REQUIRED & ~seen;
  if (missing && (anyProperties || c.version < 6)) {
    let count = 0;
    for (let bits = missing; bits; bits &= bits - 1) count++;
    const first = 31 - Math.clz32(missing & -missing);
    log.warnRl(
      limit,
      `table features message missing ${count} required properties, including property ${first}`,
    );
    throw new OfpError('OFPTFFC_BAD_FEATURES');
  }
  const fullMatch = union(match, mask);
  return {
    command,
    tableId,
    name,
    metadataMatch,
    metadataWrite,
    maxEntries,
    anyProperties,
    missConfig: 'default',
    supportsEviction: c.version >= 5 ? (caps & OFPTC14_EVICTION) !== 0 : undefined,
    supportsVacancyEvents: c.version >= 5 ? (caps & OFPTC14_VACANCY_EVENTS) !== 0 : undefined,
    nonmiss: featuresOf(nonmiss),
    // What is not said of misses is as for other flows.
    miss: anyProperties ? featuresOf({ ...nonmiss, ...miss }) : NO_INSTRUCTION_FEATURES,
    match: fullMatch,
    mask,
    wildcard: new Set([...union(wildcard, mask)].filter((field) => fullMatch.has(field))),
  };
}

function putIds(w: ByteWriter, type: number, bits: number): void {
  putProperty(w, type, () => {
    for (let n = 0; n < 32; n++) if (bits & (1 << n)) w.u16(n).u16(4);
  });
}

function putSide(w: ByteWriter, s: TableInstructionFeatures, miss: number, version: number): void {
  putIds(w, T.INSTRUCTIONS + miss, instructionsToBits(s.instructions, version));
  putProperty(w, T.NEXT_TABLES + miss, () => {
    for (let id = 0; id < OFPTT_ALL; id++) if (s.next[id >> 5]! & (1 << (id & 31))) w.u8(id);
  });
  putIds(w, T.WRITE_ACTIONS + miss, actionNamesToBits(s.write.actions, version));
  putProperty(w, T.WRITE_SETFIELD + miss, () => putFieldHeaders(w, s.write.setFields, undefined, version));
  putIds(w, T.APPLY_ACTIONS + miss, actionNamesToBits(s.apply.actions, version));
  putProperty(w, T.APPLY_SETFIELD + miss, () => putFieldHeaders(w, s.apply.setFields, undefined, version));
}

function encode(w: ByteWriter, t: TableFeatures, c: EncodeContext): void {
  const { version } = c;
  const start = w.length;
  w.u16(0)
    .u8(t.tableId)
    .u8(version >= 6 ? COMMANDS.indexOf(t.command) : 0)
    .u32(0)
    .put(fixedBytes(t.name, NAME_LENGTH));
  w.u64(t.metadataMatch).u64(t.metadataWrite);
  const caps =
    (t.supportsEviction ? OFPTC14_EVICTION : 0) | (t.supportsVacancyEvents ? OFPTC14_VACANCY_EVENTS : 0);
  w.u32(version >= 5 ? caps : 0).u32(t.maxEntries);
  if (t.anyProperties) {
    putSide(w, t.nonmiss, 0, version);
    putSide(w, t.miss, 1, version);
    putProperty(w, T.MATCH, () => putFieldHeaders(w, t.match, t.mask, version));
    putProperty(w, T.WILDCARDS, () => putFieldHeaders(w, t.wildcard, undefined, version));
  }
  w.patchU16(start, w.length - start);
}

const toText = (tables: readonly TableFeatures[]): string =>
  tableFeaturesText(tables.map((features) => ({ features })));

export const tableFeaturesRequest: Codec<'table_features_stats_request'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decode(one, c),
      (tables) => ({ kind: 'table_features_stats_request', tables }),
    ),
  encode: (w, m, c) => c.items(m.tables, (t) => encode(w, t, c)),
  format: (m) => toText(m.tables),
};

export const tableFeaturesReply: Codec<'table_features_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decode(one, c),
      (tables) => ({ kind: 'table_features_stats_reply', tables }),
    ),
  encode: (w, m, c) => c.items(m.tables, (t) => encode(w, t, c)),
  format: (m) => toText(m.tables),
};
