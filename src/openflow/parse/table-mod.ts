/** Table settings as text: what `mod-table` takes. C counterpart: parse_ofp_table_mod in lib/ofp-table.c. */
import { ParseError, parseInt32 } from '../../base/parse.ts';
import { parseTable } from '../../flow/ports.ts';
import type { TableMiss, TableMod } from '../messages/message.ts';
import { OFP11, OFP12, OFP13, OFP14, OFP15, type VersionBitmap } from '../version.ts';
import type { ParseOptions } from './common.ts';

const ALL = 0xff;
const LAST_TABLE = 0xfe;
const MISS_VERSIONS = (1 << OFP11) | (1 << OFP12);
const NEW_VERSIONS = (1 << OFP14) | (1 << OFP15);

export interface ParsedTableMod {
  readonly tableMod: TableMod;
  /** The new name, for 'name:NAME', which is set with table features instead. */
  readonly name: string | undefined;
  readonly versions: VersionBitmap;
}

/** 'DOWN,UP' in percent. */
function parseVacancy(text: string): { vacancyDown: number; vacancyUp: number } {
  const [downText = '', upText = ''] = text.split(',').filter((s) => s !== '');
  const percent = (name: string, s: string): number => {
    if (s === '') throw new ParseError(`Vacancy ${name} value missing`);
    const n = parseInt32(s, 0);
    if (n === undefined || n < 0 || n > 100) throw new ParseError(`Invalid vacancy ${name} value "${s}"`);
    return n;
  };
  const vacancyDown = percent('down', downText);
  const vacancyUp = percent('up', upText);
  if (vacancyDown > vacancyUp) {
    throw new ParseError(
      'Invalid vacancy range, vacancy up should be greater than vacancy down (OFPBPC_BAD_VALUE)',
    );
  }
  return { vacancyDown, vacancyUp };
}

/** Reads a table and a setting. @throws ParseError with C's text */
export function parseTableMod(table: string, setting: string, options: ParseOptions = {}): ParsedTableMod {
  const tableId = table.toLowerCase() === 'all' ? ALL : parseTable(table, options.tableNames);
  if (tableId === undefined) throw new ParseError(`unknown table "${table}"`);
  const base: TableMod = {
    tableId,
    miss: 'default',
    eviction: undefined,
    evictionFlags: undefined,
    vacancy: undefined,
    vacancyDown: 0,
    vacancyUp: 0,
    vacancyNow: 0,
  };
  const result = (change: Partial<TableMod>, versions: VersionBitmap, name?: string): ParsedTableMod => ({
    tableMod: { ...base, ...change },
    name,
    versions,
  });
  switch (setting) {
    case 'controller':
    case 'continue':
    case 'drop':
      if (tableId === LAST_TABLE && setting === 'continue') {
        throw new ParseError("last table's flow miss handling can not be continue");
      }
      return result({ miss: setting satisfies TableMiss }, MISS_VERSIONS);
    case 'evict':
      return result({ eviction: true }, NEW_VERSIONS);
    case 'noevict':
      return result({ eviction: false }, NEW_VERSIONS);
    case 'novacancy':
      return result({ vacancy: false }, NEW_VERSIONS);
  }
  const colon = setting.indexOf(':');
  if ('vacancy'.startsWith(colon < 0 ? setting : setting.slice(0, colon))) {
    return result(
      { vacancy: true, ...parseVacancy(colon < 0 ? '' : setting.slice(colon + 1)) },
      NEW_VERSIONS,
    );
  }
  if (tableId !== ALL && setting.startsWith('name:')) {
    return result({}, (1 << OFP13) | NEW_VERSIONS, setting.slice('name:'.length));
  }
  throw new ParseError(`invalid table_mod setting ${setting}`);
}
