/** `output`: sends the packet out of a port, or to a reserved port such as NORMAL or CONTROLLER. */

import type { ByteWriter } from '../../base/bytes.ts';
import { ParseError, strToU32 } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import {
  formatPort,
  isPhysicalPort,
  OFPP,
  parsePort,
  portFromOf10,
  portFromOf11,
  portToOf10,
} from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { OFP10, type OfpVersion } from '../version.ts';
import type { OfpAct } from './action.ts';
import { type ActionParsing, defineAction, special } from './codec.ts';
import { parseSubfield } from './fields.ts';
import { WireForm } from './wire.ts';

/** No Ethernet frame is shorter than its header. */
export const MIN_TRUNCATED = 14;

/** @throws OfpError OFPBAC_BAD_OUT_PORT unless the port can be one of a switch with ports up to `maxPorts` */
export function checkOutputPort(port: number, maxPorts: number): void {
  const ok = isPhysicalPort(port) ? port < maxPorts : port >= OFPP.IN_PORT && port !== OFPP.NONE;
  if (!ok) throw new OfpError('OFPBAC_BAD_OUT_PORT');
}

/** Any port that an action of OpenFlow 1.1+ can name. @throws OfpError */
export function decodePort11(port: number): number {
  const known = portFromOf11(port);
  if (known === undefined) throw new OfpError('OFPBAC_BAD_OUT_PORT');
  return known;
}

const OUTPUT10 = new WireForm('OFPAT_OUTPUT', 'OF1.0(0)', { size: 8 }, (r) => {
  const port = portFromOf10(r.u16());
  const maxLen = r.u16();
  checkOutputPort(port, OFPP.MAX);
  return { kind: 'output', port, maxLen };
});

const OUTPUT11 = new WireForm('OFPAT_OUTPUT', 'OF1.1+(0)', { size: 16 }, (r) => {
  const port = decodePort11(r.u32());
  const maxLen = r.u16();
  checkOutputPort(port, OFPP.MAX);
  return { kind: 'output', port, maxLen };
});

export function putOutput(w: ByteWriter, version: OfpVersion, port: number, maxLen: number): void {
  if (version === OFP10) {
    OUTPUT10.begin(w, version);
    w.u16(portToOf10(port)).u16(maxLen);
  } else {
    OUTPUT11.begin(w, version);
    w.u32(port).u16(maxLen).zero(6);
  }
}

function parseTruncated(arg: string, p: ActionParsing): OfpAct {
  let port = 0;
  let maxLen = 0;
  for (const kv = new KeyValueScanner(arg); kv.next(); ) {
    if (kv.key === 'port') {
      const n = parsePort(kv.value, p.portNames);
      if (n === undefined) throw new ParseError(`output to unknown truncate port: ${kv.value}`);
      if (!isPhysicalPort(n) && n !== OFPP.MAX && n !== OFPP.LOCAL && n !== OFPP.IN_PORT)
        throw new ParseError(`output to unsupported truncate port: ${kv.value}`);
      port = n;
    } else if (kv.key === 'max_len') {
      maxLen = strToU32(kv.value);
      if (maxLen < MIN_TRUNCATED)
        throw new ParseError(`max_len ${maxLen} is less than the minimum value ${MIN_TRUNCATED}`);
    } else {
      throw new ParseError(`invalid key '${kv.key}' in output_trunc argument`);
    }
  }
  return { kind: 'output_trunc', port, maxLen };
}

/** Reads all that may follow `output:`: a port, a field, or `(port=,max_len=)`. */
export function parseOutput(arg: string, p: ActionParsing): OfpAct {
  if (arg.includes('port') && arg.includes('max_len')) return parseTruncated(arg, p);
  const port = parsePort(arg, p.portNames);
  if (port !== undefined) return { kind: 'output', port, maxLen: port === OFPP.CONTROLLER ? 0xffff : 0 };
  try {
    return { kind: 'output_reg', src: parseSubfield(arg), maxLen: 0xffff, v2: false };
  } catch (error) {
    if (error instanceof ParseError) throw new ParseError(`${arg}: output to unknown port`);
    throw error;
  }
}

export const output = defineAction({
  kind: 'output',
  name: 'output',
  wire: [OUTPUT10, OUTPUT11],
  encode: (a, e) => putOutput(e.w, e.version, a.port, a.maxLen),
  format(a, f) {
    const prefix = isPhysicalPort(a.port) ? special(f, 'output:') : '';
    return `${prefix}${formatPort(a.port, f.portNames)}${a.port === OFPP.CONTROLLER ? `:${a.maxLen}` : ''}`;
  },
  parse: { output: parseOutput },
  check: (a, c) => checkOutputPort(a.port, c.maxPorts),
  help: 'output:PORT | output:FIELD[START..END] | output(port=PORT,max_len=BYTES): sends the packet out of a port',
});
