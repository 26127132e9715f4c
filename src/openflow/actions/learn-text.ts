/** The text of `learn(...)`. C counterparts: learn_parse and learn_format in lib/learn.c. */
import { atoi, ParseError, strtoull } from '../../base/parse.ts';
import { FIELD, fieldAllOnes } from '../../flow/fields.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { parseTable } from '../../flow/ports.ts';
import { scanInt } from '../../flow/text.ts';
import type { LearnFlowSpec, LearnSpec, Subfield } from './action.ts';
import { type ActionFormatting, type ActionParsing, hex, param, special, valueWord } from './codec.ts';
import {
  exceeds,
  formatFieldValue,
  formatSubfield,
  hasNxmHeader,
  parseFieldValue,
  parseSubfield,
} from './fields.ts';
import { parseMove } from './reg-move.ts';

const SEND_FLOW_REM = 1;
const DELETE_LEARNED = 2;
const WRITE_RESULT = 4;
const DEFAULT_PRIORITY = 0x8000;
const DEFAULT_TABLE = 1;
/** Bytes of the widest constant. */
const MAX_CONSTANT_BYTES = 128;
const MAX_SPECS = 1000;

const isWhole = (sf: Subfield): boolean => sf.offset === 0 && sf.bits === FIELD[sf.field].bits;

function needsNxm(sf: Subfield, where: string, name: string): void {
  if (!hasNxmHeader(sf.field))
    throw new ParseError(`${where}: experimenter OXM field '${name}' not supported`);
}

/** Runs `fn`; the message of a ParseError, or its result. */
function attempt<T>(fn: () => T): { readonly ok: T } | { readonly error: string } {
  try {
    return { ok: fn() };
  } catch (error) {
    if (error instanceof ParseError) return { error: error.message };
    throw error;
  }
}

function parseConstant(whole: string, dst: Subfield, value: string, p: ActionParsing): bigint {
  const field = FIELD[dst.field];
  if (isWhole(dst)) {
    const parsed = parseFieldValue(field, value, p.portNames);
    if (parsed.mask !== fieldAllOnes(field)) throw new ParseError(`${value}: wildcards not allowed here`);
    return parsed.value;
  }
  const scanned = scanInt(value, field.bytes);
  if (scanned.error || scanned.tail !== '') throw new ParseError(`${whole}: cannot parse integer value`);
  if (exceeds(scanned.value, dst.bits))
    throw new ParseError(
      `${whole}: value ${formatFieldValue(field, scanned.value)} does not fit into ${dst.bits} bits`,
    );
  return scanned.value;
}

/** 'FIELD', 'FIELD=FIELD' or 'FIELD=VALUE'. */
function parseMatchSpec(
  whole: string,
  dst: Subfield,
  name: string,
  value: string,
  p: ActionParsing,
): LearnFlowSpec {
  needsNxm(dst, whole, name);
  const target = { kind: 'match', subfield: dst } as const;
  if (value === '') return { src: { kind: 'field', subfield: dst }, dst: target, bits: dst.bits };
  const asField = attempt(() => parseSubfield(value));
  if ('error' in asField) {
    const asConstant = attempt(() => parseConstant(whole, dst, value, p));
    if ('error' in asConstant)
      throw new ParseError(
        `${whole}: ${name} value ${value} cannot be parsed as a subfield (${asField.error}) or an immediate value ` +
          `(${asConstant.error})`,
      );
    return { src: { kind: 'value', value: asConstant.ok }, dst: target, bits: dst.bits };
  }
  const src = asField.ok;
  if (src.bits !== dst.bits)
    throw new ParseError(`${whole}: bit widths of ${name} (${src.bits}) and ${value} (${dst.bits}) differ`);
  return { src: { kind: 'field', subfield: src }, dst: target, bits: dst.bits };
}

/** 'VALUE->FIELD' or 'FIELD->FIELD'. */
function parseLoadSpec(value: string): LearnFlowSpec {
  const arrow = value.indexOf('->');
  if (arrow === 0) throw new ParseError(`load: missing source before \`->' in \`${value}'`);
  if (arrow < 0) throw new ParseError(`load: missing \`->' in \`${value}'`);
  const constant = scanInt(value, MAX_CONSTANT_BYTES);
  if (constant.error) {
    const { src, dst } = parseMove(value);
    return { src: { kind: 'field', subfield: src }, dst: { kind: 'load', subfield: dst }, bits: src.bits };
  }
  if (!constant.tail.startsWith('->')) throw new ParseError(`load: garbage before \`->' in \`${value}'`);
  const name = value.slice(arrow + 2);
  const dst = parseSubfield(name);
  needsNxm(dst, value, name);
  if (exceeds(constant.value, dst.bits))
    throw new ParseError(`${value}: value does not fit into ${dst.bits} bits`);
  return {
    src: { kind: 'value', value: constant.value },
    dst: { kind: 'load', subfield: dst },
    bits: dst.bits,
  };
}

function parseSpec(whole: string, name: string, value: string, p: ActionParsing): LearnFlowSpec {
  const asField = attempt(() => parseSubfield(name));
  if ('ok' in asField) return parseMatchSpec(whole, asField.ok, name, value, p);
  if (name === 'load') return parseLoadSpec(value);
  if (name !== 'output') throw new ParseError(`${whole}: unknown keyword ${name}`);
  const src = parseSubfield(value);
  return { src: { kind: 'field', subfield: src }, dst: { kind: 'output' }, bits: src.bits };
}

function parseLearnTable(whole: string, value: string, p: ActionParsing): number {
  const table = parseTable(value, p.tableNames);
  if (table === undefined) throw new ParseError(`unknown table "${value}"`);
  if (table === 255) throw new ParseError(`${whole}: table id 255 not valid for \`learn' action`);
  return table;
}

function parseResult(value: string): Subfield {
  const dst = parseSubfield(value);
  if (!FIELD[dst.field].writable) throw new ParseError(`${value} is read-only`);
  if (dst.bits !== 1) throw new ParseError("result_dst in 'learn' action must be a single bit");
  return dst;
}

/** Reads what is in the parentheses of `learn(...)`. @throws ParseError */
export function parseLearn(arg: string, p: ActionParsing): LearnSpec {
  const numbers = {
    idle_timeout: 0,
    hard_timeout: 0,
    fin_idle_timeout: 0,
    fin_hard_timeout: 0,
    priority: DEFAULT_PRIORITY,
  };
  const isNumber = (key: string): key is keyof typeof numbers => Object.hasOwn(numbers, key);
  let table = DEFAULT_TABLE;
  let cookie = 0n;
  let flags = 0;
  let limit = 0;
  let resultDst: Subfield | undefined;
  const specs: LearnFlowSpec[] = [];
  for (const kv = new KeyValueScanner(arg); kv.next(); ) {
    const { key, value } = kv;
    if (isNumber(key)) numbers[key] = atoi(value) & 0xffff;
    else if (key === 'table') table = parseLearnTable(arg, value, p);
    else if (key === 'cookie') cookie = strtoull(value);
    else if (key === 'send_flow_rem') flags |= SEND_FLOW_REM;
    else if (key === 'delete_learned') flags |= DELETE_LEARNED;
    else if (key === 'limit') limit = atoi(value) >>> 0;
    else if (key === 'result_dst') {
      flags |= WRITE_RESULT;
      resultDst = parseResult(value);
    } else {
      specs.push(parseSpec(arg, key, value, p));
      if (specs.length > MAX_SPECS) throw new ParseError('input too big');
    }
  }
  return {
    idleTimeout: numbers.idle_timeout,
    hardTimeout: numbers.hard_timeout,
    finIdleTimeout: numbers.fin_idle_timeout,
    finHardTimeout: numbers.fin_hard_timeout,
    priority: numbers.priority,
    cookie,
    table,
    flags,
    limit,
    resultDst,
    v2: false,
    specs,
  };
}

function formatSpec({ src, dst }: LearnFlowSpec, f: ActionFormatting): string {
  if (dst.kind === 'output')
    return special(f, 'output:') + (src.kind === 'field' ? formatSubfield(src.subfield) : '');
  const target = formatSubfield(dst.subfield);
  if (dst.kind === 'load') {
    const source = src.kind === 'value' ? hex(src.value) : formatSubfield(src.subfield);
    return `${special(f, 'load:')}${source}${special(f, '->')}${target}`;
  }
  if (src.kind === 'value') {
    if (!isWhole(dst.subfield)) return `${param(f, `${target}=`)}${hex(src.value)}`;
    const field = FIELD[dst.subfield.field];
    return `${param(f, `${field.name}=`)}${formatFieldValue(field, src.value, undefined, f.portNames)}`;
  }
  const same = src.subfield.field === dst.subfield.field && src.subfield.offset === dst.subfield.offset;
  return same ? param(f, target) : `${param(f, target)}${param(f, '=')}${formatSubfield(src.subfield)}`;
}

/** `learn(...)` as it is printed. */
export function formatLearn(l: LearnSpec, f: ActionFormatting): string {
  const c = f.colors;
  let s = `${c.learn}learn(${c.end}${special(f, 'table=')}${f.table(l.table)}`;
  if (l.idleTimeout) s += `,${param(f, 'idle_timeout=')}${l.idleTimeout}`;
  if (l.hardTimeout) s += `,${param(f, 'hard_timeout=')}${l.hardTimeout}`;
  if (l.finIdleTimeout) s += `,${param(f, 'fin_idle_timeout=')}${l.finIdleTimeout}`;
  if (l.finHardTimeout) s += `${param(f, ',fin_hard_timeout=')}${l.finHardTimeout}`;
  if (l.priority !== DEFAULT_PRIORITY) s += `${special(f, ',priority=')}${l.priority}`;
  if (l.flags & SEND_FLOW_REM) s += `,${valueWord(f, 'send_flow_rem')}`;
  if (l.flags & DELETE_LEARNED) s += `,${valueWord(f, 'delete_learned')}`;
  if (l.cookie !== 0n) s += `,${param(f, 'cookie=')}${hex(l.cookie)}`;
  if (l.limit !== 0) s += `,${param(f, 'limit=')}${l.limit}`;
  if (l.resultDst) s += `,${param(f, 'result_dst=')}${formatSubfield(l.resultDst)}`;
  for (const spec of l.specs) s += `,${formatSpec(spec, f)}`;
  return `${s}${c.learn})${c.end}`;
}
