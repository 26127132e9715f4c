/** Commands that set how a switch works: fragments, ports, tables. */

import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
import {
  PC,
  type SwitchConfig,
  type TableConfig,
  type TableFeatures,
  type TableMod,
} from '../../openflow/messages/message.ts';
import { FRAG_NAMES } from '../../openflow/messages/switch-config.ts';
import { parseTableMod } from '../../openflow/parse/table-mod.ts';
import { formatVersionNames, OFP14, OFP15 } from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, reads, writes } from './command.ts';
import type { Connection } from './connection.ts';
import { Exit, kindOf, type Ofctl } from './ofctl.ts';
import { fetchPort } from './switch-names.ts';

export async function fetchConfig(ofctl: Ofctl, connection: Connection): Promise<SwitchConfig> {
  const reply = await ofctl.talking(connection, () => connection.transact({ kind: 'get_config_request' }));
  const { message } = tryDecodeMessage(reply);
  if (message?.kind !== 'get_config_reply')
    throw new ToolError(`${connection.name}: bad reply to config request`);
  const { frag, invalidTtlToController, missSendLen } = message;
  return { frag, invalidTtlToController, missSendLen };
}

export const setConfig = (ofctl: Ofctl, connection: Connection, config: SwitchConfig): Promise<void> =>
  ofctl.confirm(connection, { kind: 'set_config', ...config });

const getFrags = reads('get-frags', 'switch', [1, 1], async (ofctl, [bridge]) => {
  const connection = await ofctl.connect(bridge!);
  const { frag } = await fetchConfig(ofctl, connection);
  ofctl.print(FRAG_NAMES[frag] ?? 'error');
  connection.close();
});

const setFrags = writes('set-frags', 'switch frag_mode', [2, 2], async (ofctl, [bridge, mode]) => {
  const frag = (FRAG_NAMES as readonly string[]).indexOf(mode!.toLowerCase());
  if (frag < 0) throw new ToolError(`${mode}: unknown fragment handling mode`);
  const connection = await ofctl.connect(bridge!);
  const config = await fetchConfig(ofctl, connection);
  if (config.frag !== frag) {
    await setConfig(ofctl, connection, { ...config, frag });
    // Switches may ignore what they do not support.
    const now = await fetchConfig(ofctl, connection);
    if (now.frag !== frag) {
      throw new ToolError(
        `${bridge}: setting fragment handling mode failed (this switch probably doesn't support mode "${FRAG_NAMES[frag]}")`,
      );
    }
  }
  connection.close();
});

/** Words of mod-port: the bit that each changes, and to what. */
const PORT_FLAGS: Readonly<Record<string, readonly [bit: number, on: boolean]>> = {
  up: [PC.PORT_DOWN, false],
  down: [PC.PORT_DOWN, true],
  stp: [PC.NO_STP, false],
  receive: [PC.NO_RECV, false],
  'receive-stp': [PC.NO_RECV_STP, false],
  flood: [PC.NO_FLOOD, false],
  forward: [PC.NO_FWD, false],
  'packet-in': [PC.NO_PACKET_IN, false],
};

const modPort = writes('mod-port', 'switch iface act', [3, 3], async (ofctl, [bridge, portText, action]) => {
  const port = await fetchPort(ofctl, bridge!, portText!);
  const [, no, word] = /^(no-?)?(.*)$/is.exec(action!)!;
  const flag = PORT_FLAGS[word!.toLowerCase()];
  if (!flag) throw new ToolError(`unknown mod-port command '${action}'`);
  const [bit, on] = flag;
  const connection = await ofctl.connect(bridge!);
  await ofctl.confirm(connection, {
    kind: 'port_mod',
    portNo: port.portNo,
    hwAddr: port.hwAddr,
    config: on !== (no !== undefined) ? bit : 0,
    mask: bit,
    advertise: 0,
  });
  connection.close();
});

/** Adds what a table's settings are now to a change of one of them: OpenFlow 1.4 sets all of them together. */
async function completeTableMod(ofctl: Ofctl, connection: Connection, change: TableMod): Promise<TableMod> {
  const replies = await ofctl.collect(connection, { kind: 'table_desc_request' }, 'table_desc_reply');
  const now: TableConfig | undefined = replies
    .flatMap((reply) => reply.tables)
    .find((table) => table.tableId === change.tableId);
  if (!now) return change;
  if (change.eviction !== undefined) {
    const { vacancy, vacancyDown, vacancyUp } = now;
    return { ...change, vacancy, vacancyDown, vacancyUp };
  }
  if (change.vacancy === undefined) return change;
  return { ...change, eviction: now.eviction, evictionFlags: now.evictionFlags };
}

/** Longest name that fits into the message, without the zero that ends it. */
const MAX_TABLE_NAME = 31;

async function renameTable(
  ofctl: Ofctl,
  connection: Connection,
  tableId: number,
  name: string,
): Promise<void> {
  const replies = await ofctl.collect(
    connection,
    { kind: 'table_features_stats_request', tables: [] },
    'table_features_stats_reply',
  );
  const tables = replies.flatMap((reply) => reply.tables);
  const table = tables.find((t) => t.tableId === tableId);
  if (!table) throw new ToolError(`switch does not have table ${tableId}`);
  const renamed = { ...table, name: name.slice(0, MAX_TABLE_NAME) };
  // OpenFlow 1.5 changes one table; before, all of them have to be said again.
  const request: TableFeatures[] =
    connection.version >= OFP15
      ? [{ ...renamed, command: 'modify', anyProperties: false }]
      : tables.map((t) => (t === table ? renamed : t));
  const parts = connection.encode({ kind: 'table_features_stats_request', tables: request });
  // The reply says the whole new configuration again.
  for await (const reply of ofctl.replies(connection, parts)) {
    if (kindOf(reply) !== 'error') continue;
    ofctl.io.err(ofctl.format(reply, 1));
    throw new Exit(1);
  }
}

const modTable = writes('mod-table', 'switch mod', [3, 3], async (ofctl, [bridge, table, setting]) => {
  const { tableMod, name, versions } = await ofctl.parse(
    bridge!,
    (o) => parseTableMod(table!, setting!, o),
    'tables',
  );
  const { settings } = ofctl;
  const allowed = settings.versions;
  if (!(allowed & versions)) {
    throw new ToolError(
      `table_mod '${setting}' requires one of the OpenFlow versions ${formatVersionNames(versions)}`,
    );
  }
  settings.versions &= versions;
  const connection = await ofctl.connect(bridge!);
  const protocol = connection.protocol;
  if (name !== undefined) {
    await renameTable(ofctl, connection, tableMod.tableId, name);
  } else {
    const keepsRest = (allowed & ((1 << OFP14) | (1 << OFP15))) !== 0;
    const last = tableMod.tableId === OFPTT_ALL && keepsRest ? OFPTT_ALL - 2 : tableMod.tableId;
    for (let id = last === tableMod.tableId ? last : 0; id <= last; id++) {
      const one = { ...tableMod, tableId: id };
      const body = keepsRest ? await completeTableMod(ofctl, connection, one) : one;
      await ofctl.confirm(connection, { kind: 'table_mod', ...body }, { protocol });
    }
  }
  connection.close();
});

export const CONFIG_COMMANDS: readonly OfctlCommand[] = [modPort, modTable, getFrags, setFrags];
