/** `ovsdb-tool show-log`: what is in the records of a database's log. */
import { OVSDB_MAGIC } from '../../ovsdb/log.ts';
import type { ToolIo } from '../tool.ts';
import { defaultDb, openAnyLog } from './files.ts';
import { LogPrinter } from './log-printer.ts';
import { showRaftRecord } from './show-raft-log.ts';

export function showLog(io: ToolIo, [db]: readonly string[], verbosity: number): void {
  const log = openAnyLog(io, db ?? defaultDb(io));
  const printer = new LogPrinter(io, verbosity);
  const isStandalone = log.magic === OVSDB_MAGIC;
  for (let i = 0; ; i++) {
    const json = log.read();
    if (!json) break;
    io.out(`record ${i}:`);
    if (!isStandalone) showRaftRecord(io.out, printer, json, i);
    else if (i === 0) printer.schema(json, ' % schema');
    else printer.record(json);
    io.out('\n');
  }
  log.close();
}
