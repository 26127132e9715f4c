/** `sample`: sends a share of the packets to IPFIX collectors. Four wire forms, of which the oldest that can say it is used. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError, strToU16, strToU32 } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { OFPP, parsePort, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import type { Act, OfpAct, Subfield } from './action.ts';
import { defineAction, param, paren } from './codec.ts';
import {
  bitRange,
  checkSource,
  fieldOfNxm,
  formatSubfield,
  nxmHeader,
  packBitRange,
  parseSubfield,
} from './fields.ts';
import { limit } from './limit.ts';
import { type ActionDecoding, WireForm } from './wire.ts';

const log = vlog('ofp_actions');
const DIRECTIONS = ['default', 'ingress', 'egress'] as const;

type Sample = Act<'sample'>;

function checked(a: Sample): OfpAct {
  if (a.probability === 0) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return a;
}

function decodeSample2(r: ByteReader, form: 2 | 3): OfpAct {
  const probability = r.u16();
  const collectorSet = r.u32();
  const obsDomain = r.u32();
  const obsPoint = r.u32();
  const samplingPort = portFromOf10(r.u16());
  const direction = form === 3 ? readDirection(r) : 'default';
  return checked({
    kind: 'sample',
    probability,
    collectorSet,
    obsDomain,
    obsPoint,
    samplingPort,
    direction,
    form,
  });
}

/** The direction and the five bytes after it, which must be 0. */
function readDirection(r: ByteReader): Sample['direction'] {
  const number = r.u8();
  if (r.u32() !== 0 || r.u8() !== 0) throw new OfpError('NXBRC_MUST_BE_ZERO');
  const direction = DIRECTIONS[number];
  if (!direction) {
    log.warnRl(limit, `invalid sample direction ${number}`);
    throw new OfpError('OFPBAC_BAD_ARGUMENT');
  }
  return direction;
}

/** An id: a field's header and range of bits, or 0 and a number. */
function readId(r: ByteReader, d: ActionDecoding): number | Subfield {
  const header = r.u32();
  if (header === 0) return r.u32();
  const range = bitRange(r.u16());
  r.skip(2);
  const src = { field: fieldOfNxm(header, d.tun), ...range };
  checkSource(src);
  if (src.bits > 32) {
    log.warnRl(limit, `size of field used in observation_id (${src.bits}) exceeds maximum (32)`);
    throw new OfpError('OFPBAC_BAD_ARGUMENT');
  }
  return src;
}

const SAMPLE = new WireForm('NXAST_SAMPLE', 'NX1.0+(29)', { size: 24 }, (r) =>
  checked({
    kind: 'sample',
    probability: r.u16(),
    collectorSet: r.u32(),
    obsDomain: r.u32(),
    obsPoint: r.u32(),
    samplingPort: OFPP.NONE,
    direction: 'default',
    form: 1,
  }),
);
const SAMPLE2 = new WireForm('NXAST_SAMPLE2', 'NX1.0+(38)', { size: 32 }, (r) => decodeSample2(r, 2));
const SAMPLE3 = new WireForm('NXAST_SAMPLE3', 'NX1.0+(41)', { size: 32 }, (r) => decodeSample2(r, 3));
const SAMPLE4 = new WireForm('NXAST_SAMPLE4', 'NX1.0+(51)', { size: 40 }, (r, _, d) => {
  const probability = r.u16();
  const collectorSet = r.u32();
  const idsAt = r.pos;
  r.skip(16);
  const samplingPort = portFromOf10(r.u16());
  const direction = readDirection(r);
  if (probability === 0) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  r.pos = idsAt;
  const obsDomain = readId(r, d);
  const obsPoint = readId(r, d);
  return { kind: 'sample', probability, collectorSet, obsDomain, obsPoint, samplingPort, direction, form: 4 };
});

function putId(w: ByteWriter, id: number | Subfield): void {
  if (typeof id === 'number') w.u32(0).u32(id);
  else w.u32(nxmHeader(id.field)).u16(packBitRange(id)).u16(0);
}

function parseId(text: string, name: string): number | Subfield {
  try {
    return strToU32(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
  const src = parseSubfield(text);
  if (src.bits > 32) throw new ParseError(`size of ${name} field (${src.bits}) exceeds maximum (32)`);
  return src;
}

const formatId = (id: number | Subfield): string =>
  typeof id === 'number' ? String(id) : formatSubfield(id);

export const sample = defineAction({
  kind: 'sample',
  name: 'sample',
  wire: [SAMPLE, SAMPLE2, SAMPLE3, SAMPLE4],
  encode(a, { w, version }) {
    const { obsDomain, obsPoint } = a;
    if (a.form === 4 || typeof obsDomain !== 'number' || typeof obsPoint !== 'number') {
      SAMPLE4.begin(w, version);
      w.u16(a.probability).u32(a.collectorSet);
      putId(w, obsDomain);
      putId(w, obsPoint);
      w.u16(portToOf10(a.samplingPort)).u8(DIRECTIONS.indexOf(a.direction)).zero(5);
      return;
    }
    const isLong = a.form > 1 || a.direction !== 'default' || a.samplingPort !== OFPP.NONE;
    const form = a.form === 3 || a.direction !== 'default' ? SAMPLE3 : isLong ? SAMPLE2 : SAMPLE;
    form.begin(w, version);
    w.u16(a.probability).u32(a.collectorSet).u32(obsDomain).u32(obsPoint);
    if (isLong) w.u16(portToOf10(a.samplingPort)).u8(DIRECTIONS.indexOf(a.direction)).zero(5);
  },
  format(a, f) {
    let s = `${paren(f, 'sample(')}${param(f, 'probability=')}${a.probability},${param(f, 'collector_set_id=')}${a.collectorSet}`;
    s += `,${param(f, 'obs_domain_id=')}${formatId(a.obsDomain)},${param(f, 'obs_point_id=')}${formatId(a.obsPoint)}`;
    if (a.samplingPort !== OFPP.NONE) s += `,${param(f, 'sampling_port=')}${f.port(a.samplingPort)}`;
    if (a.direction !== 'default') s += `,${param(f, a.direction)}`;
    return s + paren(f, ')');
  },
  parse: {
    sample(arg, p) {
      let probability = 0;
      let collectorSet = 0;
      let obsDomain: number | Subfield = 0;
      let obsPoint: number | Subfield = 0;
      let samplingPort: number = OFPP.NONE;
      let direction: Sample['direction'] = 'default';
      for (const kv = new KeyValueScanner(arg); kv.next(); ) {
        if (kv.key === 'probability') {
          probability = strToU16(kv.value, 'probability');
          if (probability === 0) throw new ParseError(`invalid probability value "${kv.value}"`);
        } else if (kv.key === 'collector_set_id') collectorSet = strToU32(kv.value);
        else if (kv.key === 'obs_domain_id') obsDomain = parseId(kv.value, kv.key);
        else if (kv.key === 'obs_point_id') obsPoint = parseId(kv.value, kv.key);
        else if (kv.key === 'sampling_port') {
          const port = parsePort(kv.value, p.portNames);
          if (port === undefined) throw new ParseError(`${kv.value}: unknown port`);
          samplingPort = port;
        } else if (kv.key === 'ingress' || kv.key === 'egress') direction = kv.key;
        else throw new ParseError(`invalid key "${kv.key}" in "sample" argument`);
      }
      if (probability === 0) throw new ParseError('non-zero "probability" must be specified on sample');
      return {
        kind: 'sample',
        probability,
        collectorSet,
        obsDomain,
        obsPoint,
        samplingPort,
        direction,
        form: 1,
      };
    },
  },
  help: 'sample(probability=P,collector_set_id=ID,obs_domain_id=ID,obs_point_id=ID,...): samples packets to IPFIX',
});
