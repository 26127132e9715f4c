/** `ovsdb-tool show-log` for the file of a member of a raft cluster. */

import { ZERO_UUID } from '../../base/uuid.ts';
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import { parseRaftHeader, parseRaftRecord, type RaftHeader, type RaftRecord } from '../../ovsdb/raft-log.ts';
import type { LogPrinter } from './log-printer.ts';

/** IDs are told apart by their beginnings. */
const short = (uuid: string): string => uuid.slice(0, 4);

function serversLine(name: string, servers: JsonObject | undefined): string {
  if (!servers) return '';
  const texts = Object.entries(servers)
    .sort(([a], [b]) => compareStrings(a, b))
    .map(([id, address]) => `${short(id)}(${sortedJson(address)})`);
  return ` ${name}: ${texts.join(', ')}\n`;
}

/** @param i the record's number; 0 is the header */
export function showRaftRecord(
  out: (text: string) => void,
  printer: LogPrinter,
  json: JsonObject,
  i: number,
): void {
  out('\n');
  try {
    if (i === 0) showHeader(out, printer, parseRaftHeader(json));
    else showRecord(out, printer, parseRaftRecord(json));
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    out(`${error.message}\n`);
  }
}

function showHeader(out: (text: string) => void, printer: LogPrinter, header: RaftHeader): void {
  const { clusterId, remoteAddresses, snapshot } = header;
  // The quotes are C's.
  out(
    ` name: "${header.name}'\n local address: "${header.localAddress}"\n server_id: ${short(header.serverId)}\n`,
  );
  if (clusterId !== undefined) out(` cluster_id: ${short(clusterId)}\n`);
  if (remoteAddresses) out(` remote_addresses:${remoteAddresses.map((address) => ` ${address}`).join('')}\n`);
  if (!snapshot) return;
  out(` prev_index: ${snapshot.index}\n prev_term: ${snapshot.term}\n`);
  out(serversLine('prev_servers', header.servers));
  if (snapshot.entryId !== ZERO_UUID) out(` prev_eid: ${short(snapshot.entryId)}\n`);
  showData(out, printer, 'prev_', snapshot.data);
}

function showRecord(out: (text: string) => void, printer: LogPrinter, record: RaftRecord): void {
  if (record.comment !== undefined) out(` comment: "${record.comment}"\n`);
  if ('term' in record && record.term !== 0) out(` term: ${record.term}\n`);
  switch (record.kind) {
    case 'entry':
      out(` index: ${record.index}\n${serversLine('servers', record.servers)}`);
      if (record.entryId !== undefined) out(` eid: ${short(record.entryId)}\n`);
      if (record.data !== undefined) showData(out, printer, '', record.data);
      break;
    case 'vote':
    case 'leader':
      out(` ${record.kind}: ${short(record.serverId)}\n`);
      break;
    case 'note':
      out(` note: "${record.note}"\n`);
      break;
    case 'commit-index':
      out(` commit_index: ${record.index}\n`);
      break;
    case 'term':
      break;
  }
}

function showData(out: (text: string) => void, printer: LogPrinter, prefix: string, data: Json): void {
  if (!Array.isArray(data) || data.length !== 2) {
    out(' ***invalid data***\n');
    return;
  }
  const [schema, transaction] = data as readonly Json[] as readonly [Json, Json];
  if (schema !== null) printer.schema(schema, ` ${prefix}schema: %`);
  printer.record(transaction);
}
