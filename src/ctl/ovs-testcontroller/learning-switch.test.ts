import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composePacket } from '../../flow/compose.ts';
import { catchAllMatch, F } from '../../flow/layout.ts';
import { encodeMessage } from '../../openflow/messages/encode.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import { NO_BUFFER, type OfpBody } from '../../openflow/messages/message.ts';
import { parseFlowMod } from '../../openflow/parse/flow-mod.ts';
import { Xids } from '../ovs-ofctl/connection.ts';
import { FlowModMessages } from '../ovs-ofctl/flow-mod-messages.ts';
import { LearningSwitch } from './learning-switch.ts';
import {
  type TESTCONTROLLER_OPTIONS,
  type TestcontrollerSettings,
  testcontrollerSettings,
} from './options.ts';

const A = '50:54:00:00:00:01';
const B = '50:54:00:00:00:02';

/** A switch that keeps what its controller sends, and the controller. */
class Bench {
  readonly sent: Uint8Array[] = [];
  readonly controller: LearningSwitch;
  backlog = 0;
  overflows = 0;
  readonly #version: number;

  constructor(settings: Partial<TestcontrollerSettings> = {}, version = 4, flows?: FlowModMessages) {
    this.#version = version;
    const bench = this;
    this.controller = new LearningSwitch(
      {
        name: 'tcp:127.0.0.1:1',
        version,
        get backlog() {
          return bench.backlog;
        },
        send: (message) => this.sent.push(message),
        countOverflow: () => this.overflows++,
      },
      {
        ...testcontrollerSettings([], () => {}),
        ...settings,
        flows,
        xids: new Xids(),
        now: () => 0,
      },
    );
  }

  tell(body: OfpBody): void {
    const message = { ...body, version: this.#version, xid: 77 };
    for (const part of encodeMessage(message)) this.controller.receive(part);
  }

  features(ports: readonly (readonly [number, string])[] = []): void {
    this.tell({
      kind: 'features_reply',
      datapathId: 0xaan,
      nBuffers: 0,
      nTables: 1,
      auxiliaryId: 0,
      capabilities: 0,
      actions: new Set(),
      ports: ports.map(([portNo, name]) => ({
        portNo,
        name,
        hwAddr: 1n,
        config: 0,
        state: 0,
        curr: 0,
        advertised: 0,
        supported: 0,
        peer: 0,
        currSpeed: 0,
        maxSpeed: 0,
      })),
    });
  }

  packetIn(inPort: number, src: string, dst: string, reason = 0): string[] {
    const metadata = catchAllMatch();
    metadata.flow[F.IN_PORT] = inPort;
    metadata.mask[F.IN_PORT] = 0xffff_ffff;
    const text = `dl_src=${src},dl_dst=${dst},tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=8,tp_dst=80,actions=drop`;
    const packet = composePacket(parseFlowMod(text, 'add').value.match.flow);
    const cookie = 0n;
    this.sent.length = 0;
    this.tell({
      kind: 'packet_in',
      format: 'standard',
      packet,
      totalLen: packet.length,
      bufferId: NO_BUFFER,
      metadata,
      reason,
      tableId: 0,
      cookie,
      userdata: new Uint8Array(0),
    });
    return this.texts();
  }

  /** Messages without numbers and packets. */
  texts(): string[] {
    return this.sent.map((m) =>
      formatBytes(m)
        .split('\n')[0]!
        .replace(/ \(xid=.*?\):/, ''),
    );
  }
}

const FLOW = `priority=1,tcp,in_port=1,vlan_tci=0x0000/0x1fff,dl_src=${A},dl_dst=${B},nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,tp_src=8,tp_dst=80`;

test('a switch of OpenFlow 1.3 is told to send what no flow matches', () => {
  const bench = new Bench();
  bench.controller.connected();
  assert.deepEqual(bench.texts(), [
    'OFPT_FEATURES_REQUEST (OF1.3)',
    'OFPT_SET_CONFIG (OF1.3) frags=normal miss_send_len=128',
    'OFPT_FLOW_MOD (OF1.3) ADD priority=0 actions=CONTROLLER:128',
  ]);
});

test('packets are flooded until their destination is known, then get a flow', () => {
  const bench = new Bench();
  bench.controller.connected();
  assert.deepEqual(bench.packetIn(1, A, B), [], 'nothing before the features are known');
  bench.features();
  assert.match(bench.packetIn(1, A, B).join('\n'), /^OFPT_PACKET_OUT .*in_port=1 actions=FLOOD/);
  bench.packetIn(2, B, A);
  const [flow, packet, ...more] = bench.packetIn(1, A, B);
  assert.equal(flow, `OFPT_FLOW_MOD (OF1.3) ADD ${FLOW} idle:60 actions=output:2`);
  assert.match(packet ?? '', /PACKET_OUT .*actions=output:2/);
  assert.deepEqual(more, []);
});

test('a packet for the port that it came from, or for the neighbour alone, is dropped by a flow', () => {
  const bench = new Bench();
  bench.controller.connected();
  bench.features();
  bench.packetIn(1, B, A);
  for (const dst of [B, '01:80:c2:00:00:0e']) {
    const texts = bench.packetIn(1, A, dst);
    assert.equal(texts.length, 1);
    assert.match(texts[0]!, /FLOW_MOD .*actions=drop$/);
  }
});

test('what a flow of somebody else sends to the controller is left alone', () => {
  const bench = new Bench();
  bench.controller.connected();
  bench.features();
  assert.deepEqual(bench.packetIn(1, A, B, 1), []);
});

test('a hub floods by flows, --noflow sends every packet itself, --normal lets the switch choose', () => {
  const actionsOf = (settings: Partial<TestcontrollerSettings>): string[] => {
    const bench = new Bench(settings);
    bench.controller.connected();
    bench.features();
    bench.packetIn(2, B, A);
    return bench.packetIn(1, A, B).map((t) => t.replace(/^OFPT_(\S+).* (actions=\S+).*/, '$1 $2'));
  };
  assert.deepEqual(actionsOf({ mode: 'flood' }), ['FLOW_MOD actions=FLOOD', 'PACKET_OUT actions=FLOOD']);
  assert.deepEqual(actionsOf({ maxIdle: undefined }), ['PACKET_OUT actions=output:2']);
  assert.deepEqual(actionsOf({ mute: true }), []);
  assert.deepEqual(actionsOf({ defaultQueue: 3 }), [
    'FLOW_MOD actions=set_queue:3,output:2,pop_queue',
    'PACKET_OUT actions=set_queue:3,output:2,pop_queue',
  ]);
});

test('packets of a named port go into its queue', () => {
  const bench = new Bench({ portQueues: new Map([['p1', 5]]) }, 1);
  bench.controller.connected();
  bench.features([
    [1, 'p1'],
    [2, 'p2'],
  ]);
  bench.packetIn(2, B, A);
  assert.match(bench.packetIn(1, A, B)[0]!, /actions=enqueue:2:5$/);
  assert.match(bench.packetIn(2, B, A)[0]!, /actions=output:1$/);
});

test('flows of a file are sent in a format that can say them', () => {
  const file = FlowModMessages.parseFile('f', 'table=3,reg1=7,actions=drop\n', 'add', {}, () => 0);
  const bench = new Bench({}, 1, file);
  bench.controller.connected();
  assert.deepEqual(bench.texts().slice(2), [
    'NXT_SET_FLOW_FORMAT format=nxm',
    'NXT_FLOW_MOD_TABLE_ID enable',
    'NXT_FLOW_MOD ADD table:3 reg1=0x7 actions=drop',
  ]);
});

test('echoes are answered, and packets dropped while too much waits for the switch', () => {
  const bench = new Bench();
  bench.controller.connected();
  bench.features();
  bench.sent.length = 0;
  bench.tell({ kind: 'echo_request', data: Uint8Array.of(1, 2) });
  assert.match(formatBytes(bench.sent[0]!), /^OFPT_ECHO_REPLY \(OF1.3\) \(xid=0x4d\): 2 bytes/);
  bench.backlog = 1_000_000;
  assert.deepEqual(bench.packetIn(1, A, B), []);
  assert.equal(bench.overflows, 1);
});

test('bad options are refused in the words of the C program', () => {
  const refused = (id: keyof typeof TESTCONTROLLER_OPTIONS, value: string, ...more: string[]): string => {
    try {
      const options = [value, ...more].map((v) => ({ id, value: v }));
      testcontrollerSettings(options, () => {});
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  assert.equal(
    refused('maxIdle', '0'),
    "--max-idle argument must be between 1 and 65535 or the word 'permanent'",
  );
  assert.equal(
    refused('portQueue', 'eth0'),
    'argument to -Q or --port-queue should take the form "<port-name>:<queue-id>"',
  );
  assert.equal(
    refused('portQueue', 'eth0:1', 'eth0:2'),
    '<port-name> arguments for -Q or --port-queue must be unique',
  );
  const warnings: string[] = [];
  const settings = testcontrollerSettings(
    [
      { id: 'hub', value: undefined },
      { id: 'queue', value: '1' },
    ],
    (w) => warnings.push(w),
  );
  assert.equal(settings.mode, 'learn');
  assert.deepEqual(warnings, ['queue IDs are incompatible with -H or --hub; not acting as hub']);
});
