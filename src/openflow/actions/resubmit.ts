/** `resubmit`: looks the packet up again, in another table or as if from another port, then goes on here. */

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { FIELD, fieldPrereqsOkInMatch } from '../../flow/fields.ts';
import { OFPP, parsePort, parseTable, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import type { OfpVersion } from '../version.ts';
import type { OfpAct } from './action.ts';
import { defineAction, paren, special } from './codec.ts';
import { isZeroUntil, WireForm } from './wire.ts';

/** "The table that the flow is in". */
const THIS_TABLE = 255;

function decodeTable(r: ByteReader, end: number, withCt: boolean): OfpAct {
  const inPort = portFromOf10(r.u16());
  const table = r.u8();
  if (!isZeroUntil(r, end)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'resubmit', inPort, table, withCt, compact: false };
}

const RESUBMIT = new WireForm('NXAST_RESUBMIT', 'NX1.0+(1)', 'u16', (r) => ({
  kind: 'resubmit',
  inPort: portFromOf10(r.u16()),
  table: THIS_TABLE,
  withCt: false,
  compact: true,
}));
const RESUBMIT_TABLE = new WireForm('NXAST_RESUBMIT_TABLE', 'NX1.0+(14)', { size: 16 }, (r, end) =>
  decodeTable(r, end, false),
);
const RESUBMIT_TABLE_CT = new WireForm('NXAST_RESUBMIT_TABLE_CT', 'NX1.0+(44)', { size: 16 }, (r, end) =>
  decodeTable(r, end, true),
);

export function putResubmit(
  w: ByteWriter,
  version: OfpVersion,
  inPort: number,
  table: number,
  withCt = false,
): void {
  (withCt ? RESUBMIT_TABLE_CT : RESUBMIT_TABLE).begin(w, version);
  w.u16(portToOf10(inPort)).u8(table).zero(3);
}

export const resubmit = defineAction({
  kind: 'resubmit',
  name: 'resubmit',
  wire: [RESUBMIT, RESUBMIT_TABLE, RESUBMIT_TABLE_CT],
  encode(a, { w, version }) {
    if (a.compact && a.table === THIS_TABLE) RESUBMIT.put(w, version, portToOf10(a.inPort));
    else putResubmit(w, version, a.inPort, a.table, a.withCt);
  },
  format(a, f) {
    const port = a.inPort === OFPP.IN_PORT ? '' : f.port(a.inPort);
    if (port !== '' && a.table === THIS_TABLE) return `${special(f, 'resubmit:')}${port}`;
    const table = a.table === THIS_TABLE ? '' : f.table(a.table);
    return `${paren(f, 'resubmit(')}${port},${table}${a.withCt ? ',ct' : ''}${paren(f, ')')}`;
  },
  parse: {
    resubmit(arg, p) {
      const [portText = '', tableText = '', ct = ''] = arg.split(',');
      const inPort = portText === '' ? OFPP.IN_PORT : parsePort(portText, p.portNames);
      if (inPort === undefined) throw new ParseError(`${portText}: resubmit to unknown port`);
      const table = tableText === '' ? THIS_TABLE : parseTable(tableText, p.tableNames);
      if (table === undefined) throw new ParseError(`${tableText}: resubmit to unknown table`);
      if (ct !== '' && ct !== 'ct') throw new ParseError(`${ct}: unknown parameter`);
      if (inPort === OFPP.IN_PORT && table === THIS_TABLE)
        throw new ParseError('at least one "in_port" or "table" must be specified on resubmit');
      return { kind: 'resubmit', inPort, table, withCt: ct === 'ct', compact: false };
    },
  },
  check(a, c) {
    if (a.withCt && !fieldPrereqsOkInMatch(FIELD.ct_nw_proto, c.match))
      throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
  },
  help: 'resubmit:PORT | resubmit([PORT],[TABLE][,ct]): searches a flow table again',
});
