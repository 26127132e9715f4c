/** Table features: every table can do everything; only its name can be changed. */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { FIELDS, type FieldName } from '../../flow/fields.ts';
import { OfpError } from '../../openflow/errors.ts';
import { actionNamesFromBits } from '../../openflow/messages/action-names.ts';
import {
  INSTRUCTIONS,
  type TableFeatures,
  type TableInstructionFeatures,
} from '../../openflow/messages/message.ts';
import type { Ofproto } from '../ofproto.ts';
import { OFPTT_ALL, type Table } from '../table.ts';
import type { Handler } from './handler.ts';
import { Parts } from './multipart.ts';

const log = vlog('ofproto');
const limit = new RateLimit(5, 20);

/** Every action that some version can name. */
export const ALL_ACTION_NAMES: ReadonlySet<string> = new Set(
  [1, 2, 3].flatMap((version) => [...actionNamesFromBits(-1, version)]),
);

const MAX_ENTRIES = 1_000_000;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

const fieldNames = (test: (f: (typeof FIELDS)[number]) => boolean): ReadonlySet<FieldName> =>
  new Set(FIELDS.filter((f) => f.headers.length > 0 && test(f)).map((f) => f.name));
const MATCHABLE = fieldNames(() => true);
const MASKABLE = fieldNames((f) => f.maskable);
const WRITABLE = fieldNames((f) => f.writable);
const ACTIONS = { actions: ALL_ACTION_NAMES, setFields: WRITABLE };

export function describeTableFeatures({ flows }: Ofproto, table: Table): TableFeatures {
  const next = new Uint32Array(8);
  const later = flows.tables.filter((t) => t.id > table.id && !t.isHidden);
  for (const { id } of later) next[id >> 5]! |= 1 << (id & 31);
  const instructions = new Set<string>(INSTRUCTIONS.filter((i) => i !== 'goto_table' || later.length > 0));
  const side: TableInstructionFeatures = { next, instructions, write: ACTIONS, apply: ACTIONS };
  return {
    command: 'replace',
    tableId: table.id,
    name: table.name,
    metadataMatch: ALL_ONES,
    metadataWrite: ALL_ONES,
    maxEntries: Math.min(table.maxFlows, MAX_ENTRIES),
    anyProperties: true,
    missConfig: table.missConfig,
    supportsEviction: false,
    supportsVacancyEvents: false,
    nonmiss: side,
    miss: side,
    match: MATCHABLE,
    mask: MASKABLE,
    wildcard: MATCHABLE,
  };
}

function refuse(
  why: string,
  code: 'OFPTFFC_EPERM' | 'NXTFFC_DUP_TABLE' | 'OFPTFFC_TOO_MANY' = 'OFPTFFC_EPERM',
): never {
  log.infoRl(limit, why);
  throw new OfpError(code);
}

const within = <T>(sub: ReadonlySet<T>, all: ReadonlySet<T>): boolean => [...sub].every((x) => all.has(x));

function sideWithin(sub: TableInstructionFeatures, all: TableInstructionFeatures): boolean {
  return (
    sub.next.every((word, i) => (word & ~all.next[i]!) === 0) &&
    within(sub.instructions, all.instructions) &&
    within(sub.write.actions, all.write.actions) &&
    within(sub.write.setFields, all.write.setFields) &&
    within(sub.apply.actions, all.apply.actions) &&
    within(sub.apply.setFields, all.apply.setFields)
  );
}

/** Whether a table can do all that is asked of it. */
const isWithin = (sub: TableFeatures, all: TableFeatures): boolean =>
  !sub.anyProperties ||
  (sideWithin(sub.nonmiss, all.nonmiss) &&
    sideWithin(sub.miss, all.miss) &&
    within(sub.match, all.match) &&
    within(sub.mask, all.mask) &&
    within(sub.wildcard, all.wildcard));

/** Takes over the names, if nothing else is asked for that would be a change. @throws OfpError */
function change(ofproto: Ofproto, wanted: readonly TableFeatures[]): void {
  const { tables } = ofproto.flows;
  const byId = new Map<number, TableFeatures>();
  for (const w of wanted) {
    if (byId.has(w.tableId)) refuse(`duplicate table ${w.tableId}`, 'NXTFFC_DUP_TABLE');
    byId.set(w.tableId, w);
  }
  const { command } = wanted[0]!;
  for (const t of tables) if (t.isHidden && byId.has(t.id)) refuse(`can't modify hidden table ${t.id}`);
  // Tables cannot be switched off, so these commands mean nothing here.
  if (command === 'enable' || command === 'disable') throw new OfpError('OFPTFFC_EPERM');
  if (byId.has(OFPTT_ALL))
    refuse(`can't change number of tables from ${tables.length} to ${OFPTT_ALL + 1}`, 'OFPTFFC_TOO_MANY');
  const missing = command === 'replace' ? tables.find((t) => !t.isHidden && !byId.has(t.id)) : undefined;
  if (missing) refuse(`can't disable table ${missing.id}`);
  for (const w of wanted) {
    const table = tables[w.tableId]!;
    const old = describeTableFeatures(ofproto, table);
    if (old.maxEntries !== w.maxEntries) refuse("can't change max_entries");
    if (!table.maySetName(w.name, 'openflow')) {
      refuse(
        `can't change name of table ${table.id} to ${w.name} because it is already set to ${table.name || '""'} via OVSDB`,
      );
    }
    if (!isWithin(w, old)) refuse(`can't increase table features for table ${table.id}`);
  }
  for (const w of wanted) tables[w.tableId]!.setName(w.name, 'openflow');
}

const parts = new Parts<TableFeatures>();

export const handleTableFeaturesRequest: Handler<'table_features_stats_request'> = (m, r) => {
  const wanted = parts.add(r, m.tables);
  if (!wanted) return;
  if (wanted.length > 0) change(r.ofproto, wanted);
  const tables = r.ofproto.flows.tables.filter((t) => !t.isHidden);
  r.reply({
    kind: 'table_features_stats_reply',
    tables: tables.map((t) => describeTableFeatures(r.ofproto, t)),
  });
};
