/** Flow monitors as text: what `monitor SWITCH watch:...` takes. C counterpart: lib/ofp-monitor.c. */
import { atoi, ParseError } from '../../base/parse.ts';
import { fieldByName } from '../../flow/fields.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { catchAllMatch } from '../../flow/layout.ts';
import { parseMatchField, protocolByName } from '../../flow/match/parse.ts';
import { OFPP, parseTable, portFromOf10 } from '../../flow/ports.ts';
import { OFPG_ANY } from '../messages/flow-mod.ts';
import { OFPFMF } from '../messages/flow-monitor.ts';
import type { FlowMonitorRequest } from '../messages/message.ts';
import { P, type Protocols } from '../version.ts';
import { type Parsed, type ParseOptions, parsing } from './common.ts';

/** What a monitor does not want. */
const EXCLUSIONS: ReadonlyMap<string, number> = new Map([
  ['!initial', OFPFMF.INITIAL],
  ['!add', OFPFMF.ADD],
  ['!delete', OFPFMF.REMOVED],
  ['!modify', OFPFMF.MODIFY],
  ['!actions', OFPFMF.INSTRUCTIONS],
  ['!abbrev', OFPFMF.NO_ABBREV],
  ['!own', OFPFMF.ONLY_OWN],
]);

/** Reads a monitor's description. @throws ParseError with C's text */
export function parseFlowMonitor(
  text: string,
  id: number,
  options: ParseOptions = {},
): Parsed<FlowMonitorRequest> {
  return parsing(() => {
    let flags: number =
      OFPFMF.INITIAL | OFPFMF.ADD | OFPFMF.REMOVED | OFPFMF.MODIFY | OFPFMF.ONLY_OWN | OFPFMF.INSTRUCTIONS;
    let outPort: number = OFPP.NONE;
    let outGroup = OFPG_ANY;
    let tableId = 0xff;
    const match = catchAllMatch();
    let protocols: Protocols = P.ANY;
    for (const kv = new KeyValueScanner(text); kv.next(); ) {
      const { key, value } = kv;
      const excluded = EXCLUSIONS.get(key);
      if (excluded !== undefined) {
        flags &= ~excluded;
      } else if (protocolByName(key) || fieldByName(key)) {
        protocols &= parseMatchField(match, key, value, options.portNames)!;
        if (!(protocols & P.OF10_ANY))
          throw new ParseError(`${key}: match field is not supported for flow monitor`);
      } else {
        if (value === '') throw new ParseError(`${text}: field ${key} missing value`);
        if (key === 'table') {
          const table = parseTable(value, options.tableNames);
          if (table === undefined) throw new ParseError(`unknown table "${value}"`);
          tableId = table;
        } else if (key === 'out_port') outPort = portFromOf10(atoi(value) & 0xffff);
        else if (key === 'out_group') outGroup = atoi(value) >>> 0;
        else throw new ParseError(`${text}: unknown keyword ${key}`);
      }
    }
    return { value: { id, command: 'add', flags, outPort, outGroup, tableId, match }, protocols };
  });
}
