/** Whatever a controller sends, the switch answers or ignores it; it never throws and never loops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { catchAllMatch } from '../../src/flow/layout.ts';
import { OFPP } from '../../src/flow/ports.ts';
import { handleFrame } from '../../src/ofproto/handlers/handle-openflow.ts';
import { OfpError } from '../../src/openflow/errors.ts';
import { encodeMessage } from '../../src/openflow/messages/encode.ts';
import type { OfpBody, OfpMessage } from '../../src/openflow/messages/message.ts';
import { Bench, fakeNetdev, flow } from '../support/fake-ofconn.ts';

const OFPG_ANY = 0xffff_ffff;
const anyFlows = {
  match: catchAllMatch(),
  cookie: 0n,
  cookieMask: 0n,
  outPort: OFPP.NONE,
  outGroup: OFPG_ANY,
  tableId: 255,
};
const group = {
  type: 'select',
  groupId: 1,
  commandBucketId: 0xffff_ffff,
  buckets: [{ weight: 1, watchPort: OFPP.NONE, watchGroup: OFPG_ANY, bucketId: 1, actions: [] }],
  props: { selectionMethod: '', selectionMethodParam: 0n, fields: [] },
} as const;
const tableMod = {
  tableId: 1,
  eviction: true,
  evictionFlags: undefined,
  vacancy: true,
  vacancyDown: 10,
  vacancyUp: 20,
  vacancyNow: 0,
  miss: 'default',
} as const;

/** Requests of every kind that changes something, and dumps. */
const BODIES: readonly OfpBody[] = [
  { kind: 'echo_request', data: Uint8Array.of(1, 2, 3) },
  { kind: 'features_request' },
  { kind: 'set_config', frag: 0, invalidTtlToController: undefined, missSendLen: 128 },
  { kind: 'flow_mod', ...flow('add', 'priority=7,ip,nw_src=10.0.0.0/8 actions=mod_nw_tos:4,output:1') },
  {
    kind: 'flow_mod',
    ...flow('add', 'tcp,tp_dst=80 actions=learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),resubmit(,1)'),
  },
  { kind: 'flow_mod', ...flow('modify', 'in_port=1 actions=output:2', { newCookie: 1n }) },
  { kind: 'flow_mod', ...flow('delete', '', { tableId: 255 }) },
  { kind: 'flow_mod', ...flow('delete_strict', 'priority=7,ip,nw_src=10.0.0.0/8') },
  { kind: 'flow_stats_request', ...anyFlows },
  { kind: 'aggregate_stats_request', ...anyFlows },
  { kind: 'table_stats_request' },
  { kind: 'port_stats_request', port: OFPP.NONE },
  { kind: 'queue_stats_request', port: OFPP.NONE, queue: 0xffff_ffff },
  { kind: 'port_mod', portNo: 1, hwAddr: 0x12n, config: 1, mask: 1, advertise: 0 },
  { kind: 'group_mod', command: 'add', ...group },
  { kind: 'group_mod', command: 'modify', ...group },
  { kind: 'group_mod', command: 'insert_bucket', ...group },
  { kind: 'group_mod', command: 'delete', ...group },
  { kind: 'group_stats_request', groupId: 0xffff_fffc },
  {
    kind: 'meter_mod',
    command: 'add',
    meterId: 1,
    flags: 1,
    bands: [{ type: 'drop', precLevel: 0, rate: 1, burstSize: 0 }],
  },
  { kind: 'meter_stats_request', meterId: 0xffff_ffff },
  { kind: 'table_mod', ...tableMod },
  { kind: 'table_features_stats_request', tables: [] },
  { kind: 'table_desc_request' },
  { kind: 'role_request', role: 'primary', generationId: 3n },
  { kind: 'get_async_request' },
  { kind: 'bundle_control', bundleId: 1, type: 0, flags: 3 },
  { kind: 'bundle_control', bundleId: 1, type: 4, flags: 3 },
  {
    kind: 'packet_out',
    packet: new Uint8Array(60),
    bufferId: 0xffff_ffff,
    metadata: catchAllMatch(),
    actions: [],
  },
  {
    kind: 'flow_monitor_stats_request',
    requests: [{ id: 1, command: 'add', flags: 15, ...anyFlows }],
  },
  {
    kind: 'nxt_tlv_table_mod',
    command: 'add',
    mappings: [{ optionClass: 1, optionType: 2, optionLen: 4, index: 0 }],
  },
  { kind: 'nxt_tlv_table_request' },
];

const FRAMES: Uint8Array[] = [];
for (let version = 1; version <= 6; version++) {
  for (const body of BODIES) {
    try {
      FRAMES.push(
        ...encodeMessage({ ...body, version, xid: 1 } as OfpMessage, version === 1 ? { protocol: 4 } : {}),
      );
    } catch (error) {
      // Not every version can say everything.
      if (!(error instanceof OfpError)) throw error;
    }
  }
}

const change = fc.record({ at: fc.nat(255), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 255)) });
const step = fc.record({ frame: fc.nat(FRAMES.length - 1), changes: fc.array(change, { maxLength: 4 }) });

test('no message of a controller brings the switch down', () => {
  assert.ok(FRAMES.length > 120, `${FRAMES.length} frames`);
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const bench = new Bench({
        meterFeatures: { maxMeters: 10, bandTypes: 2, capabilities: 15, maxBands: 4, maxColor: 0 },
      });
      bench.ofproto.portAdd(fakeNetdev('p1', 0x12));
      const conns = [1, 2, 3, 4, 5, 6].map((version) => bench.connect(version));
      for (const { frame, changes } of steps) {
        const bytes = FRAMES[frame]!.slice();
        // The header's version and length are the framing's business.
        for (const { at, value } of changes) if (at >= 4 || at === 1) bytes[at % bytes.length] = value;
        bytes[0] = FRAMES[frame]![0]!;
        bytes[2] = bytes.length >> 8;
        bytes[3] = bytes.length & 0xff;
        const job = handleFrame(bench.ofproto, conns[bytes[0] - 1]!, bytes);
        for (let slices = 0; job && !job.next().done; slices++) assert.ok(slices < 1000);
        bench.run(10);
      }
      bench.ofproto.expireFlows();
      const { tables } = bench.ofproto.flows;
      for (const t of tables) assert.equal(t.flowCount, t.classifier.size);
      bench.ofproto.destroy();
    }),
    { numRuns: 300 },
  );
});
