/**
 * Text of table features and statistics. Consecutive tables that differ in nothing are printed as one line, and
 * parts that are as in the table before are only said to be so. C counterpart: lib/ofp-table.c.
 */
import type { FieldName } from '../../flow/field-names.ts';
import { actionNamesText } from './action-names.ts';
import { inTableOrder } from './field-array.ts';
import {
  INSTRUCTIONS,
  type TableActionFeatures,
  type TableFeatures,
  type TableInstructionFeatures,
  type TableStats,
} from './message.ts';

const MAX_TABLES = 255;

/** What is printed of one table. */
export interface TableEntry {
  readonly features: TableFeatures;
  readonly stats?: Pick<TableStats, 'activeCount' | 'lookupCount' | 'matchedCount'>;
}

const sameSet = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean =>
  a.size === b.size && [...a].every((x) => b.has(x));

const isSet = (bits: Uint32Array, n: number): boolean => (bits[n >> 5]! & (1 << (n & 31))) !== 0;

const sameActions = (a: TableActionFeatures, b: TableActionFeatures): boolean =>
  sameSet(a.actions, b.actions) && sameSet(a.setFields, b.setFields);

/** Whether two tables go on to the same tables, where the first of two neighbours may also go to the second. */
function sameNext(a: Uint32Array, tableA: number, b: Uint32Array, tableB: number): boolean {
  if (tableA === tableB + 1) return sameNext(b, tableB, a, tableA);
  const skip = tableB === tableA + 1 && isSet(a, tableB) && !isSet(b, tableB) ? tableB : -1;
  for (let n = 0; n < MAX_TABLES; n++) if (n !== skip && isSet(a, n) !== isSet(b, n)) return false;
  return true;
}

const sameInstructions = (
  a: TableInstructionFeatures,
  tableA: number,
  b: TableInstructionFeatures,
  tableB: number,
): boolean =>
  sameNext(a.next, tableA, b.next, tableB) &&
  sameSet(a.instructions, b.instructions) &&
  sameActions(a.write, b.write) &&
  sameActions(a.apply, b.apply);

const noActions = (a: TableActionFeatures): boolean => a.actions.size === 0 && a.setFields.size === 0;

const noInstructions = (f: TableInstructionFeatures): boolean =>
  f.next.every((w) => w === 0) && f.instructions.size === 0 && noActions(f.write) && noActions(f.apply);

const sameFeatures = (a: TableFeatures, b: TableFeatures): boolean =>
  a.metadataMatch === b.metadataMatch &&
  a.metadataWrite === b.metadataWrite &&
  a.missConfig === b.missConfig &&
  a.supportsEviction === b.supportsEviction &&
  a.supportsVacancyEvents === b.supportsVacancyEvents &&
  a.maxEntries === b.maxEntries &&
  sameInstructions(a.nonmiss, a.tableId, b.nonmiss, b.tableId) &&
  sameInstructions(a.miss, a.tableId, b.miss, b.tableId) &&
  sameSet(a.match, b.match);

const isEmpty = (f: TableFeatures): boolean =>
  f.metadataMatch === 0n &&
  f.metadataWrite === 0n &&
  f.missConfig === 'default' &&
  f.supportsEviction === undefined &&
  f.supportsVacancyEvents === undefined &&
  f.maxEntries === 0 &&
  noInstructions(f.nonmiss) &&
  noInstructions(f.miss) &&
  f.match.size === 0;

const sameStats = (a: NonNullable<TableEntry['stats']>, b: NonNullable<TableEntry['stats']>): boolean =>
  a.activeCount === b.activeCount && a.lookupCount === b.lookupCount && a.matchedCount === b.matchedCount;

// Names of fields, with common beginnings and numbered endings folded.

/** Whether `b` is `a` with a number one higher at its end. */
function areSequential(a: string, b: string): boolean {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  const restA = a.slice(i);
  const restB = b.slice(i);
  return /^\d{1,9}$/.test(restA) && /^\d{1,9}$/.test(restB) && Number(restA) + 1 === Number(restB);
}

/** How many names from the first on are numbered in sequence; two are not worth folding. */
function sequentialRun(ids: readonly string[]): number {
  let n = 1;
  while (n < ids.length && areSequential(ids[n - 1]!, ids[n]!)) n++;
  return n === 2 ? 1 : n;
}

/** Length of what two names have in common, up to and with its last underscore. */
function commonPrefix(a: string, b: string): number {
  let length = 0;
  for (let i = 0; i < a.length && a[i] === b[i]; i++) if (a[i] === '_') length = i + 1;
  return length;
}

/** How many names from the first on begin alike after `skip` characters, and how long that beginning is. */
function prefixRun(ids: readonly string[], skip: number): { run: number; length: number } {
  if (ids.length < 2) return { run: ids.length, length: 0 };
  const first = ids[0]!.slice(skip);
  let length = commonPrefix(first, ids[1]!.slice(skip));
  if (length === 0) return { run: 1, length: 0 };
  let run = 2;
  for (; run < ids.length; run++) {
    const next = commonPrefix(first, ids[run]!.slice(skip));
    if (next === 0) break;
    length = Math.min(length, next);
  }
  return { run, length };
}

function foldNames(ids: readonly string[], skip: number): string {
  const groups: string[] = [];
  for (let i = 0; i < ids.length; ) {
    const rest = ids.slice(i);
    const prefix = prefixRun(rest, skip);
    const sequential = sequentialRun(rest);
    if (sequential >= prefix.run) {
      const last = sequential > 1 ? `...${rest[sequential - 1]!.slice(skip)}` : '';
      groups.push(rest[0]!.slice(skip) + last);
      i += sequential;
    } else {
      const inner = foldNames(rest.slice(0, prefix.run), skip + prefix.length);
      groups.push(`${rest[0]!.slice(skip, skip + prefix.length)}{${inner}}`);
      i += prefix.run;
    }
  }
  return groups.join(skip ? ',' : ' ');
}

/** Names of fields with a space before them; '' for none. */
function fieldsText(fields: ReadonlySet<FieldName>): string {
  const names = inTableOrder(fields).map((f) => f.name);
  return names.length ? ` ${foldNames(names, 0)}` : '';
}

// Parts.

function actionsText(a: TableActionFeatures): string {
  let s = '';
  if (a.actions.size) s += `        actions: ${actionNamesText(a.actions)}\n`;
  if (a.setFields.size) s += `        supported on Set-Field:${fieldsText(a.setFields)}\n`;
  return s;
}

/** Numbers of tables, runs of them as 'FIRST-LAST'. */
function rangesText(bits: Uint32Array): string {
  const ranges: string[] = [];
  for (let n = 0; n < MAX_TABLES; n++) {
    if (!isSet(bits, n)) continue;
    const start = n;
    while (n + 1 < MAX_TABLES && isSet(bits, n + 1)) n++;
    ranges.push(start === n ? String(n) : `${start}-${n}`);
  }
  return ranges.join(',');
}

function instructionsText(
  f: TableInstructionFeatures,
  previous: TableInstructionFeatures | undefined,
): string {
  let s = '';
  const next = rangesText(f.next);
  if (next !== '') s += `      next tables: ${next}\n`;
  if (f.instructions.size) {
    if (previous && sameSet(f.instructions, previous.instructions)) s += '      (same instructions)\n';
    else s += `      instructions: ${INSTRUCTIONS.filter((name) => f.instructions.has(name)).join(' ')}\n`;
  }
  if (
    previous &&
    sameActions(f.write, previous.write) &&
    sameActions(f.apply, previous.apply) &&
    f.write.setFields.size
  ) {
    s += '      (same actions)\n';
  } else if (!sameActions(f.write, f.apply)) {
    s += `      Write-Actions features:\n${actionsText(f.write)}`;
    s += `      Apply-Actions features:\n${actionsText(f.apply)}`;
  } else if (!noActions(f.write)) {
    s += `      Write-Actions and Apply-Actions features:\n${actionsText(f.write)}`;
  }
  return s;
}

/** The fields that can be matched in one way. */
function matchingText(f: TableFeatures, masked: boolean, wild: boolean, title: string): string {
  const fields = new Set(
    [...f.match].filter((field) => f.mask.has(field) === masked && f.wildcard.has(field) === wild),
  );
  return fields.size ? `      ${title}:${fieldsText(fields)}\n` : '';
}

function featuresText(f: TableFeatures, previous: TableFeatures | undefined): string {
  let s = '';
  const hex = (n: bigint): string => (n ? `0x${n.toString(16)}` : '0');
  const not = (supported: boolean): string => (supported ? '' : 'not ');
  if (f.metadataMatch || f.metadataWrite)
    s += `    metadata: match=${hex(f.metadataMatch)} write=${hex(f.metadataWrite)}\n`;
  if (f.missConfig !== 'default') s += `    config=${f.missConfig}\n`;
  if (f.supportsEviction !== undefined) s += `    eviction: ${not(f.supportsEviction)}supported\n`;
  if (f.supportsVacancyEvents !== undefined)
    s += `    vacancy events: ${not(f.supportsVacancyEvents)}supported\n`;
  if (f.maxEntries) s += `    max_entries=${f.maxEntries}\n`;
  const id = f.tableId;
  if (
    previous &&
    sameInstructions(f.nonmiss, id, previous.nonmiss, previous.tableId) &&
    sameInstructions(f.miss, id, previous.miss, previous.tableId)
  ) {
    if (!noInstructions(f.nonmiss)) s += '    (same instructions)\n';
  } else if (!sameInstructions(f.nonmiss, id, f.miss, id)) {
    s += `    instructions (other than table miss):\n${instructionsText(f.nonmiss, previous?.nonmiss)}`;
    s += `    instructions (table miss):\n${instructionsText(f.miss, previous?.miss)}`;
  } else if (!noInstructions(f.nonmiss)) {
    s += `    instructions (table miss and others):\n${instructionsText(f.nonmiss, previous?.nonmiss)}`;
  }
  if (f.match.size === 0) return s;
  if (previous && sameSet(f.match, previous.match)) return `${s}    (same matching)\n`;
  return (
    `${s}    matching:\n` +
    matchingText(f, true, true, 'arbitrary mask') +
    matchingText(f, false, true, 'exact match or wildcard') +
    matchingText(f, false, false, 'must exact match')
  );
}

/** All tables, from the line break on. */
export function tableFeaturesText(entries: readonly TableEntry[]): string {
  let s = '';
  let ditto: { first: number; last: number } | undefined;
  const flush = (): void => {
    if (!ditto) return;
    s +=
      ditto.first === ditto.last
        ? `\n  table ${ditto.first}: ditto\n`
        : `\n  tables ${ditto.first}...${ditto.last}: ditto\n`;
    ditto = undefined;
  };
  let previous: TableEntry | undefined;
  for (const entry of entries) {
    const { features, stats } = entry;
    const before = previous;
    previous = entry;
    if (!before && features.command !== 'replace') s += `\n  command: ${features.command}`;
    const statsSame = !stats || (before?.stats !== undefined && sameStats(stats, before.stats));
    const featuresSame = before !== undefined && sameFeatures(features, before.features);
    const id = features.tableId;
    if (statsSame && featuresSame && features.name === '') {
      ditto = { first: ditto?.first ?? id, last: id };
      continue;
    }
    flush();
    s += `\n  table ${id}${features.name === '' ? '' : ` ("${features.name}")`}:`;
    if (statsSame && featuresSame) {
      s += ' ditto';
      continue;
    }
    s += '\n';
    if (stats)
      s += `    active=${stats.activeCount}, lookup=${stats.lookupCount}, matched=${stats.matchedCount}\n`;
    if (!featuresSame) s += featuresText(features, before?.features);
    else if (!isEmpty(features)) s += '    (same features)\n';
  }
  flush();
  return s;
}
