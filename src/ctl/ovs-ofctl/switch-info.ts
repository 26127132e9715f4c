/** Commands that ask a switch about itself: show, dump-desc, dump-tables, dump-ports, queue-stats and the like. */
import { atoi, ParseError, strToU16 } from '../../base/parse.ts';
import { OFPP, OFPP_PHYSICAL_END } from '../../flow/ports.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import type { OfpBody, TableFeatures } from '../../openflow/messages/message.ts';
import { tableFeaturesText } from '../../openflow/messages/table-features-text.ts';
import { parseCtMatch } from '../../openflow/parse/ct-match.ts';
import { OFP10, OFP13, OFP14 } from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, reads, writes } from './command.ts';
import type { Connection } from './connection.ts';
import { kindOf, type Ofctl } from './ofctl.ts';
import { fetchPorts } from './switch-names.ts';

const ALL_QUEUES = 0xffff_ffff;

/** Connects, asks, prints. */
async function ask(ofctl: Ofctl, name: string, body: (connection: Connection) => OfpBody): Promise<void> {
  const connection = await ofctl.connect(name);
  await ofctl.dump(connection, body(connection));
  connection.close();
}

/** A command that is one request without arguments. */
const trivial = (name: string, body: OfpBody): OfctlCommand =>
  reads(name, 'switch', [1, 1], (ofctl, [bridge]) => ask(ofctl, bridge!, () => body));

const show = reads('show', 'switch', [1, 1], async (ofctl, [bridge]) => {
  const connection = await ofctl.connect(bridge!);
  const reply = await ofctl.during(`talking to ${bridge}`, () =>
    connection.transact({ kind: 'features_request' }),
  );
  const { message } = tryDecodeMessage(reply);
  ofctl.io.out(ofctl.format(reply, 1));
  if (message?.kind !== 'features_reply' || !message.ports)
    await ofctl.dump(connection, { kind: 'port_desc_stats_request', port: OFPP.NONE });
  await ask(ofctl, bridge!, () => ({ kind: 'get_config_request' }));
  connection.close();
});

const dumpTableFeatures = reads('dump-table-features', 'switch', [1, 1], async (ofctl, [bridge]) => {
  const connection = await ofctl.connect(bridge!);
  if (connection.version < OFP13) {
    throw new ToolError("dump-table-features needs OpenFlow 1.3 or later ('-O OpenFlow13')");
  }
  // Of all replies together: the text says what is as in the table before.
  const tables: TableFeatures[] = [];
  const request = connection.encode({ kind: 'table_features_stats_request', tables: [] });
  for await (const reply of ofctl.replies(connection, request)) {
    const { message, error } = tryDecodeMessage(reply, { loose: true });
    if (error) throw new ToolError(`decode error: ${error.code}`);
    if (message?.kind === 'table_features_stats_reply') tables.push(...message.tables);
    else if (message?.kind === 'error') ofctl.io.out(ofctl.format(reply, 1));
    else
      throw new ToolError(`received bad reply: ${ofctl.format(reply, 1, await ofctl.outputNames(bridge!))}`);
  }
  ofctl.print(tableFeaturesText(tables.map((features) => ({ features }))).replace(/^\n/, ''));
  connection.close();
});

const dumpTableDesc = reads('dump-table-desc', 'switch', [1, 1], (ofctl, [bridge]) =>
  ask(ofctl, bridge!, (connection) => {
    if (connection.version < OFP14)
      throw new ToolError("dump-table-desc needs OpenFlow 1.4 or later ('-O OpenFlow14')");
    return { kind: 'table_desc_request' };
  }),
);

/** Connects first and then looks up the port, as the message numbers of the C tool show. */
async function askAboutPort(
  ofctl: Ofctl,
  bridge: string,
  port: string | undefined,
  body: (port: number) => OfpBody,
): Promise<void> {
  const connection = await ofctl.connect(bridge);
  const number = port === undefined ? OFPP.NONE : await ofctl.portNumber(bridge, port);
  await ofctl.dump(connection, body(number));
  connection.close();
}

const dumpPorts = reads('dump-ports', 'switch [port]', [1, 2], (ofctl, [bridge, port]) =>
  askAboutPort(ofctl, bridge!, port, (number) => ({ kind: 'port_stats_request', port: number })),
);

const dumpPortsDesc = reads('dump-ports-desc', 'switch [port]', [1, 2], (ofctl, [bridge, port]) =>
  askAboutPort(ofctl, bridge!, port, (number) => ({ kind: 'port_desc_stats_request', port: number })),
);

const isAll = (text: string | undefined): boolean =>
  text === undefined || text === '' || text.toLowerCase() === 'all';

const queueStats = reads('queue-stats', 'switch [port [queue]]', [1, 3], (ofctl, [bridge, port, queue]) =>
  askAboutPort(ofctl, bridge!, isAll(port) ? undefined : port, (number) => ({
    kind: 'queue_stats_request',
    port: number,
    queue: isAll(queue) ? ALL_QUEUES : atoi(queue!) >>> 0,
  })),
);

const queueGetConfig = reads(
  'queue-get-config',
  'switch [port [queue]]',
  [1, 3],
  async (ofctl, [bridge, portText = 'any', queueText = 'all']) => {
    const port = await ofctl.portNumber(bridge!, portText);
    const queue = queueText.toLowerCase() === 'all' ? ALL_QUEUES : atoi(queueText) >>> 0;
    const connection = await ofctl.connect(bridge!);
    if (port === OFPP.NONE && connection.version === OFP10) {
      // OpenFlow 1.0 can ask about one port at a time.
      const second = await ofctl.connect(bridge!);
      for (const { portNo } of await fetchPorts(ofctl, connection)) {
        if (portNo < OFPP_PHYSICAL_END)
          await ofctl.dump(second, { kind: 'queue_get_config_request', port: portNo, queue });
      }
      second.close();
    } else {
      await ofctl.dump(connection, { kind: 'queue_get_config_request', port, queue });
    }
    connection.close();
  },
);

const probe = reads('probe', 'target', [1, 1], async (ofctl, [target]) => {
  const connection = await ofctl.connect(target!);
  const reply = await ofctl.during(`talking to ${target}`, () =>
    connection.transact({ kind: 'echo_request', data: new Uint8Array(0) }),
  );
  if (reply.length !== 8) throw new ToolError('reply does not match request');
  connection.close();
});

const MAX_PAYLOAD = 65535 - 8;
const PINGS = 10;

function payloadSize(text: string): number {
  const size = atoi(text);
  if (size < 0 || size > MAX_PAYLOAD)
    throw new ToolError(`payload must be between 0 and ${MAX_PAYLOAD} bytes`);
  return size;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

const ping = reads('ping', 'target [n]', [1, 2], async (ofctl, [target, size = '64']) => {
  const payload = payloadSize(size);
  const { loop, random } = ofctl.io.host;
  const connection = await ofctl.connect(target!);
  for (let i = 0; i < PINGS; i++) {
    const request = connection.encode({ kind: 'echo_request', data: random.bytes(payload) });
    const start = loop.now();
    const reply = await ofctl.during('transact', async () =>
      connection.receiveReply(connection.sendBytes(request)),
    );
    const ms = loop.now() - start;
    const sent = request[0]!;
    if (kindOf(reply) !== 'echo_reply' || !sameBytes(sent.subarray(8), reply.subarray(8))) {
      ofctl.io.out(
        `Reply does not match request.  Request:\n${ofctl.format(sent, 2)}Reply:\n${ofctl.format(reply, 2)}`,
      );
    }
    const xid = [4, 5, 6, 7].map((at) => reply[at]!.toString(16).padStart(2, '0')).join('');
    ofctl.print(`${reply.length - 8} bytes from ${target}: xid=${xid} time=${ms.toFixed(1)} ms`);
  }
  connection.close();
});

const benchmark = reads('benchmark', 'target n count', [3, 3], async (ofctl, [target, size, countText]) => {
  const payload = payloadSize(size!);
  const bytes = payload + 8;
  const count = atoi(countText!);
  const { loop } = ofctl.io.host;
  ofctl.print(`Sending ${count} packets * ${bytes} bytes (with header) = ${count * bytes} bytes total`);
  const connection = await ofctl.connect(target!);
  const data = new Uint8Array(payload);
  const start = loop.now();
  for (let i = 0; i < count; i++)
    await ofctl.during('transact', () => connection.transact({ kind: 'echo_request', data }));
  const ms = loop.now() - start;
  connection.close();
  const perSecond = (n: number): string => (n / (ms / 1000)).toFixed(0);
  ofctl.print(
    `Finished in ${ms.toFixed(1)} ms (${perSecond(count)} packets/s) (${perSecond(count * bytes)} bytes/s)`,
  );
});

const ctFlushZone = writes('ct-flush-zone', 'switch zone', [2, 2], async (ofctl, [bridge, zoneText]) => {
  const zone = ofctl.parseAlone(() => strToU16(zoneText!, 'zone_id'));
  const connection = await ofctl.connect(bridge!);
  await ofctl.confirm(connection, { kind: 'ct_flush_zone', zone });
  connection.close();
});

const ctFlush = writes(
  'ct-flush',
  'switch [zone=N] [mark=X[/M]] [labels=Y[/N]] [ct-orig-tuple [ct-reply-tuple]]',
  [1, 6],
  async (ofctl, [bridge, ...words]) => {
    const match = ofctl.parseAlone(() => {
      try {
        return parseCtMatch(words);
      } catch (error) {
        throw error instanceof ParseError
          ? new ParseError(`Failed to parse CT match: ${error.message}`)
          : error;
      }
    });
    const connection = await ofctl.connect(bridge!);
    await ofctl.confirm(connection, { kind: 'ct_flush', ...match });
    connection.close();
  },
);

export const SWITCH_COMMANDS: readonly OfctlCommand[] = [
  show,
  trivial('dump-desc', { kind: 'desc_stats_request' }),
  trivial('dump-tables', { kind: 'table_stats_request' }),
  dumpTableFeatures,
  dumpTableDesc,
  queueStats,
  queueGetConfig,
  dumpPorts,
  dumpPortsDesc,
  probe,
  ping,
  benchmark,
  trivial('dump-ipfix-bridge', { kind: 'ipfix_bridge_stats_request' }),
  trivial('dump-ipfix-flow', { kind: 'ipfix_flow_stats_request' }),
  ctFlushZone,
  ctFlush,
  trivial('dump-tlv-map', { kind: 'nxt_tlv_table_request' }),
];
