/** Random parts of OpenFlow messages, from which openflow-messages.ts makes whole ones. */
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { ParseError } from '../../src/base/parse.ts';
import type { FieldName } from '../../src/flow/field-names.ts';
import { catchAllMatch, F, type Match } from '../../src/flow/layout.ts';
import { parseMatch } from '../../src/flow/match/parse.ts';
import { OFPP } from '../../src/flow/ports.ts';
import { SubfieldError } from '../../src/flow/subfield.ts';
import { FlowTextError } from '../../src/flow/text.ts';
import type { OfpAct } from '../../src/openflow/actions/action.ts';
import { decodeActions } from '../../src/openflow/actions/decode.ts';
import { encodeActions } from '../../src/openflow/actions/encode.ts';
import { parseActions } from '../../src/openflow/actions/parse.ts';
import { OfpError } from '../../src/openflow/errors.ts';
import { decodeMessage } from '../../src/openflow/messages/decode.ts';
import { encodeOne } from '../../src/openflow/messages/encode.ts';
import { OFPG_ANY } from '../../src/openflow/messages/flow-mod.ts';
import { NO_GROUP_PROPS } from '../../src/openflow/messages/group.ts';
import {
  type Bucket,
  type Continuation,
  type FlowMod,
  type FlowUpdate,
  type GroupMod,
  type GroupProps,
  type GroupType,
  type MeterMod,
  NO_BUFFER,
  type PacketIn,
  type PacketInFormat,
  type PhyPort,
  type TableConfig,
  type TableFeatures,
} from '../../src/openflow/messages/message.ts';
import { emptyTableFeatures } from '../../src/openflow/messages/table-features.ts';
import { parseFlow } from '../../src/openflow/parse/flow-mod.ts';
import { versionProtocols } from '../../src/openflow/version.ts';
import { Random } from '../fuzz/mutate.ts';
import { Texts } from './openflow-texts.ts';

export const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 0xffff_ffff }));
export const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 1000n }),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 2n }),
);
export const mac = fc.bigInt({ min: 0n, max: (1n << 48n) - 1n });
export const bits = (...of: readonly number[]): fc.Arbitrary<number> =>
  fc.subarray([...of]).map((some) => some.reduce((a, b) => a | b, 0));
export const oneOf = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
export const few = <T>(item: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<T[]> =>
  fc.array(item, { maxLength });
export const port = fc.oneof(
  fc.integer({ min: 1, max: 0xfeff }),
  oneOf(OFPP.LOCAL, OFPP.CONTROLLER, OFPP.NONE),
);
export const physicalPort = fc.oneof(fc.integer({ min: 1, max: 0xfeff }), oneOf(OFPP.LOCAL));
export const table = fc.integer({ min: 0, max: 253 });
/** A table before all those that random instructions go to. */
export const firstTable = fc.integer({ min: 0, max: 150 });
export const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,14}$/);
export const data = fc.uint8Array({ maxLength: 40 });
export const seconds = fc.integer({ min: 0, max: 100_000 });
export const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });

/** What a parser makes of a random text; texts that it refuses are passed over. */
const fromText = <T>(
  make: (texts: Texts) => string,
  parse: (text: string) => T | undefined,
): fc.Arbitrary<T> =>
  fc.integer({ min: 1, max: 0x7fff_ffff }).map((seed) => {
    const texts = new Texts(new Random(seed));
    for (;;) {
      try {
        const value = parse(make(texts));
        if (value !== undefined) return value;
      } catch (error) {
        if (
          !(error instanceof ParseError || error instanceof FlowTextError || error instanceof SubfieldError)
        )
          throw error;
      }
    }
  });

const inVersion = (protocols: number, version: number): boolean =>
  (protocols & versionProtocols(version)) !== 0;

const ALL_FLOWS = {
  kind: 'flow_stats_request',
  cookie: 0n,
  cookieMask: 0n,
  outPort: OFPP.NONE,
  outGroup: OFPG_ANY,
  tableId: 0,
  xid: 0,
} as const;

/** A match that the version can say. */
export const match = (version: number): fc.Arbitrary<Match> =>
  fromText(
    (t) => t.match(),
    (text) => {
      const { match, usable } = parseMatch(text);
      if (!inVersion(usable, version)) return undefined;
      return understood(match, () =>
        decodeMessage(encodeOne({ ...ALL_FLOWS, match, version, nxm: version === 1 })),
      );
    },
  );

/** The value, if its bytes are understood: not every version has every action, and none has every use of it. */
function understood<T>(value: T, decode: (value: T) => unknown): T | undefined {
  try {
    decode(value);
    return value;
  } catch (error) {
    if (!(error instanceof OfpError)) throw error;
    return undefined;
  }
}

function throughBytes(actions: readonly OfpAct[], version: number): void {
  const w = new ByteWriter();
  encodeActions(w, actions, version);
  decodeActions(new ByteReader(w.view()), w.length, version);
}

/** Actions that the version has. */
export const actions = (version: number): fc.Arbitrary<readonly OfpAct[]> =>
  fromText(
    (t) => t.actions(),
    (text) => {
      const parsed = parseActions(text);
      if (!inVersion(parsed.protocols, version)) return undefined;
      return understood(parsed.actions, (acts) => throughBytes(acts, version));
    },
  );

/** Match and instructions of a flow that the version can say, which go together. */
export const flow = (version: number): fc.Arbitrary<Pick<FlowMod, 'match' | 'actions'>> =>
  fromText(
    (t) => `${t.match()} actions=${t.instructions()}`,
    (text) => {
      const { value, protocols } = parseFlow(text, 'add');
      if (!inVersion(protocols, version)) return undefined;
      const flowMod = {
        ...value,
        tableId: 0,
        version,
        xid: 0,
        nxm: version === 1,
      } as const;
      const readBack = (m: typeof flowMod): unknown => decodeMessage(encodeOne(m));
      // Replies of OpenFlow 1.1 carry matches as those of 1.2 do, which cannot say all of the older form.
      const good =
        understood(flowMod, readBack) && (version !== 2 || understood({ ...flowMod, version: 3 }, readBack));
      return good && { match: value.match, actions: value.actions };
    },
  );

function inPort(number: number): Match {
  const m = catchAllMatch();
  m.flow[F.IN_PORT] = number;
  m.mask[F.IN_PORT] = 0xffff_ffff;
  return m;
}
export const inPortMatch = physicalPort.map(inPort);

export const phyPort: fc.Arbitrary<PhyPort> = record({
  portNo: physicalPort,
  hwAddr: mac,
  name,
  config: bits(1, 4, 32, 64),
  state: bits(1),
  curr: bits(1, 8, 32),
  advertised: bits(2, 64),
  supported: bits(32, 64),
  peer: bits(),
  currSpeed: fc.constant(0),
  maxSpeed: fc.constant(0),
});

export const flowStatsRequest = (version: number) =>
  record({
    match: match(version),
    cookie: fc.constant(0n),
    cookieMask: fc.constant(0n),
    outPort: oneOf(OFPP.NONE, 5),
    outGroup: fc.constant(OFPG_ANY),
    tableId: u8,
  });

export const tableConfig: fc.Arbitrary<TableConfig> = record({
  tableId: table,
  eviction: oneOf(undefined, true, false),
  evictionFlags: fc.constant(undefined),
  vacancy: oneOf(undefined, true),
  vacancyDown: fc.integer({ min: 0, max: 40 }),
  vacancyUp: fc.integer({ min: 40, max: 90 }),
  vacancyNow: fc.constant(0),
});

const bucket = (version: number, type: GroupType, id: number): fc.Arbitrary<Bucket> =>
  record({
    weight: type === 'select' ? u16 : fc.constant(0),
    watchPort: type === 'ff' ? oneOf<number>(OFPP.NONE, 1, 0xfeff) : fc.constant<number>(OFPP.NONE),
    watchGroup: type === 'ff' ? oneOf(OFPG_ANY, 7) : fc.constant(OFPG_ANY),
    bucketId: fc.constant(id),
    actions: actions(version),
  }).map((b) => (type === 'ff' && b.watchPort === OFPP.NONE ? { ...b, watchGroup: 9 } : b));

/** Type, buckets and properties of a group. */
export const group = (version: number) =>
  oneOf('all', 'select', 'indirect', 'ff').chain((type) =>
    record({
      type: fc.constant(type),
      groupId,
      buckets: fc
        .tuple(bucket(version, type, 0), bucket(version, type, 1), bucket(version, type, 2))
        .chain((all) =>
          type === 'indirect'
            ? fc.constant<Bucket[]>([all[0]])
            : oneOf<Bucket[]>([...all], all.slice(0, 1), all.slice(0, 2)),
        ),
      props: type === 'select' && (version === 1 || version === 6) ? groupProps : fc.constant(NO_GROUP_PROPS),
    }),
  );
export const groupProps: fc.Arbitrary<GroupProps> = fc.oneof(
  fc.constant(NO_GROUP_PROPS),
  record({ selectionMethod: fc.constant('dp_hash'), selectionMethodParam: u64, fields: fc.constant([]) }),
  record({
    selectionMethod: fc.constant('hash'),
    selectionMethodParam: u64,
    fields: fc.subarray([
      { field: 'eth_src', mask: (1n << 48n) - 1n },
      { field: 'ip_dst', mask: 0xffff_0000n },
      { field: 'tcp_dst', mask: 0xffffn },
    ] as const),
  }),
);
export const groupId = fc.integer({ min: 0, max: 0xffff_feff });

export const band = fc.oneof(
  record({ type: fc.constant('drop' as const), precLevel: fc.constant(0), rate: u32, burstSize: u32 }),
  record({
    type: fc.constant('dscp_remark' as const),
    precLevel: fc.integer({ min: 1, max: 10 }),
    rate: u32,
    burstSize: u32,
  }),
);
export const meterId = fc.integer({ min: 1, max: 0xffff });
export const meterFlags = oneOf(1, 2, 5, 9, 13);
export const counters = { packetCount: u64, byteCount: u64 };
export const duration = { durationSec: seconds, durationNsec: nanoseconds };

export const ipfix = record({
  collectorSetId: u32,
  totalFlows: u64,
  currentFlows: u64,
  pkts: u64,
  ipv4Pkts: u64,
  ipv6Pkts: u64,
  errorPkts: u64,
  ipv4ErrorPkts: u64,
  ipv6ErrorPkts: u64,
  txPkts: u64,
  txErrors: u64,
});

export const tlvMap = record({
  optionClass: u16,
  optionType: u8,
  optionLen: fc.integer({ min: 1, max: 31 }).map((n) => n * 4),
  index: fc.integer({ min: 0, max: 63 }),
});

const asyncBits = bits(1, 2, 4);
export const asyncMasks = record({ packet_in: asyncBits, port_status: asyncBits, flow_removed: asyncBits });
export const allAsyncMasks = record({
  packet_in: asyncBits,
  port_status: asyncBits,
  flow_removed: asyncBits,
  role_status: asyncBits,
  table_status: asyncBits,
  requestforward: asyncBits,
});

export const frame = fc
  .tuple(mac, mac, fc.uint8Array({ minLength: 20, maxLength: 60 }))
  .map(([dst, src, rest]) => {
    const b = new Uint8Array(14 + rest.length);
    for (let i = 0; i < 6; i++) {
      b[i] = Number((dst >> BigInt(40 - 8 * i)) & 0xffn);
      b[6 + i] = Number((src >> BigInt(40 - 8 * i)) & 0xffn);
    }
    b[12] = 0x12;
    b[13] = 0x34;
    b.set(rest, 14);
    return b;
  });

export const groupMod = (version: number): fc.Arbitrary<GroupMod> =>
  fc.tuple(group(version), oneOf('add', 'modify')).map(([g, command]) => ({
    command,
    commandBucketId: 0xffff_ffff,
    ...g,
  }));

export const meterMod: fc.Arbitrary<MeterMod> = fc.oneof(
  record({ command: oneOf('add', 'modify'), meterId, flags: meterFlags, bands: few(band) }),
  record({ command: oneOf('delete'), meterId, flags: fc.constant(0), bands: fc.constant([]) }),
);

export const packetIn = (version: number, format: PacketInFormat): fc.Arbitrary<PacketIn> =>
  fc.tuple(frame, fc.boolean()).chain(([packet, paused]) =>
    record({
      format: fc.constant(format),
      packet: fc.constant(packet),
      totalLen: fc.constant(packet.length),
      bufferId: fc.constant(NO_BUFFER),
      metadata: inPortMatch,
      reason: oneOf(0, 1),
      tableId: table,
      cookie: version >= 4 ? u64 : fc.constant(5n),
      userdata: format === 'nxt_packet_in2' ? data : fc.constant(new Uint8Array(0)),
      ...(format === 'nxt_packet_in2' && paused ? { continuation: continuation(version) } : {}),
    }),
  );

export const continuation = (version: number): fc.Arbitrary<Continuation> =>
  record({
    bridge: fc.uuid(),
    stack: few(fc.uint8Array({ minLength: 1, maxLength: 16 })),
    mirrors: u32,
    conntracked: fc.boolean(),
    // A conjunction goes with no other action, and the place where the actions belong is one here.
    actions: actions(version).filter((acts) => acts.every(({ kind }) => kind !== 'conjunction')),
    actionSet: fc.constant([]),
    odpPort: oneOf(undefined, 7),
  });

export /** Before OpenFlow 1.3 the update has actions only. */
const updatedFlow = (version: number): fc.Arbitrary<Pick<FlowMod, 'match' | 'actions'>> =>
  version >= 4 ? flow(version) : record({ match: match(version), actions: actions(version) });

export const flowUpdate = (version: number): fc.Arbitrary<FlowUpdate> =>
  fc.oneof(
    fc
      .tuple(
        updatedFlow(version),
        record({
          event:
            version >= 5
              ? oneOf('initial', 'added', 'removed', 'modified')
              : oneOf('added', 'removed', 'modified'),
          reason: oneOf(0, 1, 2),
          idleTimeout: u16,
          hardTimeout: u16,
          tableId: table,
          priority: u16,
          cookie: u64,
        }),
      )
      .map(([f, rest]) => ({ ...rest, ...f })),
    record({ event: fc.constant('abbrev' as const), xid: u32 }),
    ...(version >= 5
      ? [fc.constant({ event: 'paused' } as const), fc.constant({ event: 'resumed' } as const)]
      : []),
  );

const fieldSet = fc
  .subarray<FieldName>(['in_port', 'eth_src', 'eth_type', 'vlan_vid', 'ip_src', 'tcp_dst'])
  .map((f) => new Set(f));

/** What a table can do, as the version says it. */
export const tableFeatures = (version: number, tableId: number): fc.Arbitrary<TableFeatures> =>
  record({
    name,
    metadataMatch: u64,
    metadataWrite: u64,
    maxEntries: u32,
    match: fieldSet,
    wildcard: fieldSet,
    instructions: fc
      .subarray(['apply_actions', 'goto_table', 'write_metadata'])
      .map((i) => new Set<string>(i)),
  }).map(({ instructions, ...rest }) => {
    const empty = emptyTableFeatures(tableId);
    return {
      ...empty,
      ...rest,
      anyProperties: version >= 4,
      nonmiss: { ...empty.nonmiss, instructions },
      miss: { ...empty.miss, instructions },
    };
  });
