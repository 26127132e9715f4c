/** Asks a switch for its ports and the names of its tables. */
import { parseUint32 } from '../../base/parse.ts';
import { OFPP, portFromOf10 } from '../../flow/ports.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import type { PhyPort } from '../../openflow/messages/message.ts';
import { OFP13 } from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import type { Connection } from './connection.ts';
import type { Names } from './names.ts';
import type { Ofctl } from './ofctl.ts';

/** All ports: from the features before OpenFlow 1.3 if they fit there, from the port description otherwise. */
export async function fetchPorts(ofctl: Ofctl, connection: Connection): Promise<readonly PhyPort[]> {
  if (connection.version < OFP13) {
    const reply = await ofctl.talking(connection, () => connection.transact({ kind: 'features_request' }));
    const { message } = tryDecodeMessage(reply);
    if (message?.kind !== 'features_reply')
      throw new ToolError(`${connection.name}: received bad features reply`);
    if (message.ports) return message.ports;
  }
  const replies = await ofctl.collect(
    connection,
    { kind: 'port_desc_stats_request', port: OFPP.NONE },
    'port_desc_stats_reply',
  );
  return replies.flatMap((reply) => reply.ports);
}

export async function fetchTableNames(ofctl: Ofctl, connection: Connection, names: Names): Promise<void> {
  const add = (tableId: number, name: string | undefined): void => {
    if (name) names.add(tableId, name);
  };
  if (connection.version < OFP13) {
    for (const { tables } of await ofctl.collect(
      connection,
      { kind: 'table_stats_request' },
      'table_stats_reply',
    ))
      for (const table of tables) add(table.tableId, table.features?.name);
    return;
  }
  for (const { tables } of await ofctl.collect(
    connection,
    { kind: 'table_features_stats_request', tables: [] },
    'table_features_stats_reply',
  ))
    for (const table of tables) add(table.tableId, table.name);
}

/** One port by its number or name. @throws ToolError */
export async function fetchPort(ofctl: Ofctl, name: string, port: string): Promise<PhyPort> {
  const number = parseUint32(port, 10);
  const wanted = number === undefined ? undefined : portFromOf10(number & 0xffff);
  const connection = await ofctl.connect(name);
  const ports = await fetchPorts(ofctl, connection);
  connection.close();
  const found = ports.find((p) => (wanted === undefined ? p.name === port : p.portNo === wanted));
  if (!found) throw new ToolError(`${name}: couldn't find port \`${port}'`);
  return found;
}
