/** Meters as text: what `add-meter` and its like take. C counterpart: parse_ofp_meter_mod_str in lib/ofp-meter.c. */
import { ParseError, strToU8, strToU32 } from '../../base/parse.ts';
import { type MeterBand, type MeterCommand, type MeterMod, OFPMF13 } from '../messages/message.ts';
import { OFPM13 } from '../messages/meter.ts';
import { P } from '../version.ts';
import type { Parsed } from './common.ts';

const FLAGS: Readonly<Record<string, number>> = {
  kbps: OFPMF13.KBPS,
  pktps: OFPMF13.PKTPS,
  burst: OFPMF13.BURST,
  stats: OFPMF13.STATS,
};
const NUMBERS: Readonly<Record<string, number>> = {
  all: OFPM13.ALL,
  controller: OFPM13.CONTROLLER,
  slowpath: OFPM13.SLOWPATH,
};

/** Words of 'name=value' pairs: a name ends at '=' too, a value does not. */
class Words {
  readonly #text: string;
  #pos = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #next(delimiters: string): string | undefined {
    const s = this.#text;
    while (this.#pos < s.length && delimiters.includes(s[this.#pos]!)) this.#pos++;
    if (this.#pos >= s.length) return undefined;
    const start = this.#pos;
    while (this.#pos < s.length && !delimiters.includes(s[this.#pos]!)) this.#pos++;
    return s.slice(start, this.#pos++);
  }
  name(): string | undefined {
    return this.#next('=, \t\r\n');
  }
  /** @throws ParseError when there is none */
  value(name: string): string {
    const value = this.#next(', \t\r\n');
    if (value === undefined) throw new ParseError(`field ${name} missing value`);
    return value;
  }
}

function meterNumber(name: string, value: string): number {
  const named = NUMBERS[value];
  if (named !== undefined) return named;
  const id = strToU32(value);
  if (id === 0 || id > OFPM13.MAX) throw new ParseError(`invalid value for ${name}`);
  return id;
}

type MutableBand = { -readonly [K in keyof MeterBand]: MeterBand[K] };

function parseBands(text: string, flags: number): MeterBand[] {
  const bands: MutableBand[] = [];
  const words = new Words(text);
  for (let name = words.name(); name !== undefined; name = words.name()) {
    const value = words.value(name);
    const band = bands.at(-1);
    if (name === 'type') {
      if (value !== 'drop' && value !== 'dscp_remark')
        throw new ParseError(`field ${name} unknown value ${value}`);
      bands.push({ type: value, precLevel: 0, rate: 0, burstSize: 0 });
    } else if (!band) throw new ParseError("band must start with the 'type' keyword");
    else if (name === 'rate') band.rate = strToU32(value);
    else if (name === 'burst_size') band.burstSize = strToU32(value);
    else if (name === 'prec_level') band.precLevel = strToU8(value, name);
    else throw new ParseError(`unknown keyword ${name}`);
  }
  if (bands.length === 0) throw new ParseError('meter must have bands');
  const burst = (flags & OFPMF13.BURST) !== 0;
  for (const band of bands) {
    const remark = band.type === 'dscp_remark';
    if (remark && !band.precLevel) throw new ParseError("'dscp_remark' band must have 'prec_level'");
    if (!remark && band.precLevel) throw new ParseError("Only 'dscp_remark' band may have 'prec_level'");
    if (!band.rate) throw new ParseError("band must have 'rate'");
    if (burst && !band.burstSize)
      throw new ParseError("band must have 'burst_size' when 'burst' flag is set");
    if (!burst && band.burstSize)
      throw new ParseError("band may have 'burst_size' only when 'burst' flag is set");
  }
  return bands;
}

/** Reads a meter; for `request` only its number. @throws ParseError with C's text */
export function parseMeterMod(text: string, command: MeterCommand | 'request'): Parsed<MeterMod> {
  const whole = command === 'add' || command === 'modify';
  const at = whole ? text.indexOf('band') : -1;
  const equals = at < 0 ? -1 : text.indexOf('=', at + 1);
  if (whole && equals < 0) throw new ParseError('must specify bands');
  let meterId = 0;
  let flags = 0;
  const words = new Words(whole ? text.slice(0, at) : text);
  for (let name = words.name(); name !== undefined; name = words.name()) {
    const flag = whole && Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (flag !== undefined) {
      flags |= flag;
      continue;
    }
    const value = words.value(name);
    if (name !== 'meter') throw new ParseError(`unknown keyword ${name}`);
    meterId = meterNumber(name, value);
  }
  if (!meterId) throw new ParseError("must specify 'meter'");
  if (whole && !flags) throw new ParseError("meter must specify either 'kbps' or 'pktps'");
  const bands = whole ? parseBands(text.slice(equals + 1), flags) : [];
  const value: MeterMod = { command: command === 'request' ? 'modify' : command, meterId, flags, bands };
  return { value, protocols: P.OF13_UP };
}
