/** OFPT_TABLE_MOD, OFPST_TABLE_DESC and OFPT_TABLE_STATUS: settings of flow tables. C counterpart: lib/ofp-table.c. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatTable, type NameMap } from '../../flow/ports.ts';
import { BadReplyError, OfpError } from '../errors.ts';
import { type Codec, emptyCodec } from './codec.ts';
import type { TableConfig, TableMiss } from './message.ts';
import {
  eachProperty,
  type Property,
  propertyStruct,
  propertyU32,
  putProperty,
  putPropertyU32,
  unknownProperty,
} from './properties.ts';
import { bitNames } from './text.ts';

const log = vlog('ofp_table');
const limit = new RateLimit(1, 5);

const OFPTC14_EVICTION = 1 << 2;
const OFPTC14_VACANCY_EVENTS = 1 << 3;
/** Properties. */
const EVICTION = 2;
const VACANCY = 3;
const ALL_TABLES = 0xff;

const MISSES: readonly TableMiss[] = ['controller', 'continue', 'drop'];
const EVICTION_FLAGS: Readonly<Record<number, string>> = { 1: 'OTHER', 2: 'IMPORTANCE', 4: 'LIFETIME' };
const REASONS: Readonly<Record<number, string>> = { 3: 'vacancy_down', 4: 'vacancy_up' };

/** 'vacancy_down', 'vacancy_up' or a number. */
export const tableReasonText = (reason: number): string => REASONS[reason] ?? String(reason);

/** How a table deals with misses, from the `config` word of OpenFlow 1.1 and 1.2. */
export function decodeTableMiss(config: number, version: number): TableMiss {
  if (version !== 2 && version !== 3) return 'default';
  const miss = MISSES[config & 3];
  if (miss !== undefined) return miss;
  log.warnRl(limit, `bad table miss config ${config | 0}`);
  return 'controller';
}

/** The `config` word of a version. */
export function encodeTableConfig(
  c: { miss?: TableMiss; eviction?: boolean | undefined; vacancy?: boolean | undefined },
  version: number,
): number {
  if (version === 2 || version === 3) return Math.max(0, MISSES.indexOf(c.miss ?? 'default'));
  if (version < 5) return 0;
  return (c.eviction ? OFPTC14_EVICTION : 0) | (c.vacancy ? OFPTC14_VACANCY_EVENTS : 0);
}

const NOTHING = {
  eviction: undefined,
  evictionFlags: undefined,
  vacancy: undefined,
  vacancyDown: 0,
  vacancyUp: 0,
  vacancyNow: 0,
};

const configFlags = (config: number) => ({
  eviction: (config & OFPTC14_EVICTION) !== 0,
  vacancy: (config & OFPTC14_VACANCY_EVENTS) !== 0,
});

function readVacancy(p: Property): { vacancyDown: number; vacancyUp: number; vacancyNow: number } {
  const r = propertyStruct(p, 8);
  return { vacancyDown: r.u8(), vacancyUp: r.u8(), vacancyNow: r.u8() };
}

function badVacancy(text: string): never {
  log.warnRl(limit, text);
  throw new OfpError('OFPBPC_BAD_VALUE');
}

function putSettings(w: ByteWriter, c: TableConfig): void {
  if (c.evictionFlags !== undefined) putPropertyU32(w, EVICTION, c.evictionFlags);
  if (c.vacancy) putProperty(w, VACANCY, () => w.u8(c.vacancyDown).u8(c.vacancyUp).u8(c.vacancyNow).u8(0));
}

const flagsText = (flags: number | undefined): string =>
  flags === undefined ? '(default)' : bitNames(flags, EVICTION_FLAGS, '|');
const onOff = (setting: boolean | undefined): string =>
  setting === undefined ? 'default' : setting ? 'on' : 'off';

export const tableMod: Codec<'table_mod'> = {
  decode(r, c) {
    const tableId = r.u8();
    r.skip(3);
    const config = r.u32();
    const kind = 'table_mod';
    if (c.version <= 4) return { kind, ...NOTHING, tableId, miss: decodeTableMiss(config, c.version) };
    let evictionFlags: number | undefined;
    let vacancy = { vacancyDown: 0, vacancyUp: 0, vacancyNow: 0 };
    eachProperty(r, (p) => {
      if (p.type === EVICTION && !p.experimenter) evictionFlags = propertyU32(p);
      else if (p.type === VACANCY && !p.experimenter) {
        vacancy = readVacancy(p);
        if (vacancy.vacancyDown > vacancy.vacancyUp)
          badVacancy('Value of vacancy_down is greater than vacancy_up');
        if (vacancy.vacancyUp > 100)
          badVacancy('Vacancy threshold percentage should not be greater than 100');
        if (vacancy.vacancyNow) badVacancy('Vacancy value should be zero for table-mod messages');
      } else throw new OfpError('OFPBRC_BAD_TYPE');
    });
    return { kind, tableId, miss: 'default', ...configFlags(config), evictionFlags, ...vacancy };
  },
  encode(w, m) {
    w.u8(m.tableId).zero(3).u32(encodeTableConfig(m, m.version));
    if (m.version >= 5) putSettings(w, { ...m, vacancyNow: 0 });
  },
  format(m, f) {
    let s =
      m.tableId === ALL_TABLES
        ? ' table_id: ALL_TABLES'
        : ` table_id=${formatTable(m.tableId, f.tableNames)}`;
    if (m.miss !== 'default') s += `, flow_miss_config=${m.miss}`;
    if (m.eviction !== undefined) s += `, eviction=${onOff(m.eviction)}`;
    if (m.evictionFlags !== undefined) s += `eviction_flags=${flagsText(m.evictionFlags)}`;
    if (m.vacancy !== undefined) s += `, vacancy=${onOff(m.vacancy)}`;
    if (m.vacancy) s += ` vacancy:${m.vacancyDown},${m.vacancyUp}`;
    return s;
  },
};

/** One table's settings, as descriptions and statuses carry them. */
function readDesc(r: ByteReader): TableConfig {
  const start = r.pos;
  const length = r.u16();
  const tableId = r.u8();
  r.skip(1);
  const config = r.u32();
  const left = length - (r.pos - start);
  if (left < 0 || left > r.left) {
    log.warnRl(limit, `OFP14_TABLE_DESC reply claims invalid length ${length}`);
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  let evictionFlags: number | undefined;
  let vacancy = { vacancyDown: 0, vacancyUp: 0, vacancyNow: 0 };
  eachProperty(r.sub(left), (p) => {
    if (p.type === EVICTION && !p.experimenter) evictionFlags = propertyU32(p);
    else if (p.type === VACANCY && !p.experimenter) vacancy = readVacancy(p);
    else unknownProperty(log, true, 'table_desc', p);
  });
  return { tableId, ...configFlags(config), evictionFlags, ...vacancy };
}

function putDesc(w: ByteWriter, t: TableConfig, version: number): void {
  const start = w.length;
  w.u16(0).u8(t.tableId).u8(0).u32(encodeTableConfig(t, version));
  putSettings(w, t);
  w.patchU16(start, w.length - start);
}

function descText(t: TableConfig, tableNames: NameMap | undefined): string {
  const vacancy = t.vacancy
    ? ` vacancy_down=${t.vacancyDown}% vacancy_up=${t.vacancyUp}% vacancy=${t.vacancyNow}%`
    : '';
  return (
    `\n  table ${formatTable(t.tableId, tableNames)}:\n` +
    `   eviction=${onOff(t.eviction)} eviction_flags=${flagsText(t.evictionFlags)}\n` +
    `   vacancy=${onOff(t.vacancy)}${vacancy}\n`
  );
}

export const tableDescRequest = emptyCodec('table_desc_request');

export const tableDescReply: Codec<'table_desc_reply'> = {
  decode: (r, c) => c.items(r, readDesc, (tables) => ({ kind: 'table_desc_reply', tables })),
  encode: (w, m, c) => c.items(m.tables, (t) => putDesc(w, t, m.version)),
  format: (m, f) => m.tables.map((t) => descText(t, f.tableNames)).join(''),
};

export const tableStatus: Codec<'table_status'> = {
  decode(r) {
    const reason = r.u8();
    if (!(reason in REASONS)) throw new OfpError('OFPBPC_BAD_VALUE');
    r.skip(7);
    if (r.left === 0) throw new BadReplyError('OFPBRC_BAD_LEN');
    return { kind: 'table_status', reason, desc: readDesc(r) };
  },
  encode(w, m) {
    w.u8(m.reason).zero(7);
    putDesc(w, m.desc, m.version);
  },
  format: (m, f) =>
    ` reason=${tableReasonText(m.reason).toUpperCase()}\ntable_desc:-${descText(m.desc, f.tableNames)}`,
};
