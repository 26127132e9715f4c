/** For tests: a switch that keeps flows by table, priority and match, and notes what it was sent. */
import { formatMatch } from '../../src/flow/match/format.ts';
import { Vconn } from '../../src/ofproto/connmgr/vconn.ts';
import type { OfpErrorName } from '../../src/openflow/errors.ts';
import { OFPBCT } from '../../src/openflow/messages/bundle.ts';
import { decodeMessage } from '../../src/openflow/messages/decode.ts';
import { encodeMessage } from '../../src/openflow/messages/encode.ts';
import type {
  FlowMod,
  FlowStats,
  OfpBody,
  OfpMessage,
  PhyPort,
} from '../../src/openflow/messages/message.ts';
import { emptyTableFeatures } from '../../src/openflow/messages/table-features.ts';
import { P } from '../../src/openflow/version.ts';
import type { SimHost } from '../../src/sim/sim-host.ts';

const PORTS: readonly PhyPort[] = ['p1', 'p2'].map((name, i) => ({
  portNo: i + 1,
  hwAddr: 0x0a0b0c0d0e00n + BigInt(i),
  name,
  config: 0,
  state: 0,
  curr: 0,
  advertised: 0,
  supported: 0,
  peer: 0,
  currSpeed: 0,
  maxSpeed: 0,
}));

const REFUSED_GROUP = 99;

/** Why the switch refuses a message. */
function refusal(message: OfpMessage): OfpErrorName | undefined {
  const badGroup =
    message.kind === 'flow_mod' &&
    message.actions.some((act) => act.kind === 'group' && act.groupId === REFUSED_GROUP);
  return badGroup ? 'OFPBAC_BAD_OUT_GROUP' : undefined;
}

export class FakeSwitch {
  /** Kinds of the messages that came, over all connections, without hellos. */
  readonly received: string[] = [];
  readonly flows = new Map<string, FlowMod>();
  /** Closes a connection when a message of this kind comes. */
  hangUpOn: string | undefined;
  readonly #connections: { send(body: OfpBody): void }[] = [];

  static async listen(host: SimHost, bridge = 'br0', versions = 0x7e): Promise<FakeSwitch> {
    const fake = new FakeSwitch();
    await host.streams.listen(`punix:${host.dirs.run}/${bridge}.mgmt`, 0, (stream) => {
      let staged: OfpMessage[] = [];
      const vconn: Vconn = Vconn.accept(stream, versions, {
        connected: () => {},
        closed: () => {},
        message: (bytes) => {
          const message = decodeMessage(bytes, { flowModTableId: true });
          fake.received.push(message.kind);
          if (message.kind === fake.hangUpOn) {
            vconn.close();
            return;
          }
          if (message.kind === 'bundle_add_message') {
            const inner = decodeMessage(message.message);
            const error = refusal(inner);
            if (error) send({ kind: 'error', error, payload: bytes.subarray(0, 64) }, message.xid);
            else staged.push(inner);
            return;
          }
          if (message.kind === 'bundle_control') {
            if (message.type === OFPBCT.COMMIT_REQUEST) for (const one of staged) fake.#apply(one);
            if (message.type !== OFPBCT.OPEN_REQUEST) staged = [];
            send({ ...message, type: message.type + 1 }, message.xid);
            return;
          }
          const error = refusal(message);
          if (error) send({ kind: 'error', error, payload: bytes.subarray(0, 64) }, message.xid);
          else for (const reply of fake.#answer(message)) send(reply, message.xid);
        },
      });
      const send = (body: OfpBody, xid: number): void => {
        const nxm = body.kind === 'flow_stats_reply' && vconn.version === 1;
        const message = { ...body, version: vconn.version, xid } as OfpMessage;
        for (const part of encodeMessage(message, nxm ? { protocol: P.OF10_NXM } : {})) vconn.send(part);
      };
      fake.#connections.push({ send: (body) => send(body, 0) });
    });
    return fake;
  }

  /** Tells every connection something that nobody asked for. */
  announce(body: OfpBody): void {
    for (const connection of this.#connections) connection.send(body);
  }

  /** The kinds received since the last call. */
  takeReceived(): string[] {
    return this.received.splice(0);
  }

  #apply(message: OfpMessage): void {
    if (message.kind !== 'flow_mod') return;
    const tableId = message.tableId === 0xff ? 0 : message.tableId;
    const key = `${tableId} ${message.priority} ${formatMatch(message.match)}`;
    if (message.command === 'add') this.flows.set(key, { ...message, tableId });
    else if (message.command === 'delete_strict') this.flows.delete(key);
    else if (message.command === 'delete') this.flows.clear();
  }

  #answer(message: OfpMessage): OfpBody[] {
    switch (message.kind) {
      case 'features_request':
        return [
          {
            kind: 'features_reply',
            datapathId: 5n,
            nBuffers: 0,
            nTables: 254,
            auxiliaryId: 0,
            capabilities: 1,
            actions: new Set(),
            ports: message.version < 4 ? PORTS : undefined,
          },
        ];
      case 'port_desc_stats_request':
        return [{ kind: 'port_desc_stats_reply', ports: PORTS }];
      case 'table_stats_request': {
        const features = emptyTableFeatures(3, 'three');
        return [
          {
            kind: 'table_stats_reply',
            tables: [{ tableId: 3, activeCount: 0, lookupCount: 0n, matchedCount: 0n, features }],
          },
        ];
      }
      case 'table_features_stats_request':
        return [{ kind: 'table_features_stats_reply', tables: [emptyTableFeatures(3, 'three')] }];
      case 'get_config_request':
        return [{ kind: 'get_config_reply', frag: 0, invalidTtlToController: false, missSendLen: 0 }];
      case 'echo_request':
        return [{ kind: 'echo_reply', data: message.data }];
      case 'barrier_request':
        return [{ kind: 'barrier_reply' }];
      case 'flow_stats_request':
        return [{ kind: 'flow_stats_reply', flows: [...this.flows.values()].map(statsOf) }];
      default:
        this.#apply(message);
        return [];
    }
  }
}

const statsOf = (flow: FlowMod): FlowStats => ({
  match: flow.match,
  cookie: flow.newCookie,
  tableId: flow.tableId,
  priority: flow.priority,
  idleTimeout: flow.idleTimeout,
  hardTimeout: flow.hardTimeout,
  durationSec: 1,
  durationNsec: 500_000_000,
  idleAge: -1,
  hardAge: -1,
  packetCount: 7n,
  byteCount: 420n,
  actions: flow.actions,
  flags: 0,
  importance: flow.importance,
});
