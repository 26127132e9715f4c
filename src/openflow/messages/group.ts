/**
 * Groups: OFPT_GROUP_MOD, OFPST_GROUP, OFPST_GROUP_DESC, OFPST_GROUP_FEATURES. OpenFlow 1.0 has them as Nicira
 * extensions in the forms of OpenFlow 1.5. C counterpart: lib/ofp-group.c.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatPort, OFPP, portFromOf11 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { actionNamesFromBits, actionNamesText, actionNamesToBits } from './action-names.ts';
import { actionsText, putActions, readActions } from './body.ts';
import { type Codec, type DecodeContext, emptyCodec, type FormatContext } from './codec.ts';
import { fieldArrayText, putFieldArray, readFieldArray } from './field-array.ts';
import { OFPG_ANY } from './flow-mod.ts';
import {
  type Bucket,
  GROUP_TYPES,
  type GroupCommand,
  type GroupDesc,
  type GroupMod,
  type GroupProps,
  type GroupStats,
  type GroupType,
  UNKNOWN_COUNT,
  UNKNOWN_DURATION,
} from './message.ts';
import {
  eachProperty,
  type Property,
  propertyU16,
  propertyU32,
  putExperimenterProperty,
  putPropertyU16,
  putPropertyU32,
  unknownProperty,
} from './properties.ts';
import { durationText, fixedBytes, fixedString } from './text.ts';

const log = vlog('ofp_group');
const limit = new RateLimit(1, 5);

export const OFPG_MAX = 0xffff_ff00;
export const OFPG_ALL = 0xffff_fffc;

/** Numbers of buckets with a meaning of their own. */
export const BUCKET = { MAX: 0xffff_ff00, FIRST: 0xffff_fffd, LAST: 0xffff_fffe, ALL: 0xffff_ffff } as const;

const COMMANDS: Readonly<Record<GroupCommand, number>> = {
  add: 0,
  modify: 1,
  delete: 2,
  insert_bucket: 3,
  remove_bucket: 5,
  add_or_mod: 0x8000,
};
const COMMAND_TEXT: Readonly<Record<GroupCommand, string>> = {
  add: 'ADD',
  modify: 'MOD',
  delete: 'DEL',
  insert_bucket: 'INSERT_BUCKET',
  remove_bucket: 'REMOVE_BUCKET',
  add_or_mod: 'ADD_OR_MOD',
};

const WEIGHT = 0;
const WATCH_PORT = 1;
const WATCH_GROUP = 2;

const NTR_VENDOR = 0x154d;
/** What Open vSwitch 2.4 wrote by mistake. */
const NTR_VENDOR_24 = 0x1540;
const SELECTION_METHOD = 1;
const METHOD_LENGTH = 16;
const SELECTION_LENGTH = 40;

export const NO_GROUP_PROPS: GroupProps = { selectionMethod: '', selectionMethodParam: 0n, fields: [] };

/** OpenFlow 1.0 and 1.5 share forms that the versions between do not have. */
const isNewForm = (version: number): boolean => version === 1 || version >= 6;

export const groupIdText = (id: number): string =>
  id === OFPG_ALL ? 'ALL' : id === OFPG_ANY ? 'ANY' : String(id);

function groupType(n: number): GroupType {
  const type = GROUP_TYPES[n];
  if (type === undefined) throw new OfpError('OFPGMFC_BAD_TYPE');
  return type;
}

// Buckets.

function badBucket(text: string): never {
  log.warnRl(limit, text);
  throw new OfpError('OFPGMFC_BAD_BUCKET');
}

/** Takes the next bucket's bytes; its header of `header` bytes begins with its length. */
function bucketBytes(r: ByteReader, header: number): ByteReader {
  if (r.left < header) badBucket(`buckets end with ${r.left} leftover bytes`);
  const length = r.peekU16(0);
  if (length < header) badBucket(`OpenFlow message bucket length ${length} is not valid`);
  if (length > r.left) {
    badBucket(`OpenFlow message bucket length ${length} exceeds remaining buckets data size ${r.left}`);
  }
  return r.sub(length);
}

function watchPort(wire: number): number {
  const port = portFromOf11(wire);
  if (port === undefined) throw new OfpError('OFPGMFC_BAD_WATCH');
  return port;
}

function readBuckets11(r: ByteReader, c: DecodeContext): Bucket[] {
  const buckets: Bucket[] = [];
  while (r.left > 0) {
    const b = bucketBytes(r, 16);
    b.skip(2);
    const weight = b.u16();
    const port = b.u32();
    const watchGroup = b.u32();
    b.skip(4);
    const actions = readActions(b, b.left, c);
    buckets.push({ weight, watchPort: watchPort(port), watchGroup, bucketId: buckets.length, actions });
  }
  return buckets;
}

function readBuckets15(r: ByteReader, type: GroupDesc['type'] | undefined, c: DecodeContext): Bucket[] {
  const buckets: Bucket[] = [];
  while (r.left > 0) {
    const b = bucketBytes(r, 8);
    b.skip(2);
    const actionsLength = b.u16();
    const bucketId = b.u32();
    if (actionsLength > b.left) {
      badBucket(
        `OpenFlow message bucket actions length ${actionsLength} exceeds remaining bucket data size ${b.left}`,
      );
    }
    const actions = readActions(b, actionsLength, c);
    let weight = type === 'select' ? 1 : 0;
    let port: number = OFPP.NONE;
    let watchGroup = OFPG_ANY;
    eachProperty(b, (p) => {
      if (p.type === WEIGHT && !p.experimenter) weight = propertyU16(p);
      else if (p.type === WATCH_PORT && !p.experimenter) port = propertyU32(p);
      else if (p.type === WATCH_GROUP && !p.experimenter) watchGroup = propertyU32(p);
      else unknownProperty(log, false, 'group bucket', p);
    });
    const bucket = { weight, watchPort: watchPort(port), watchGroup, bucketId, actions };
    if (bucketId > BUCKET.MAX) badBucket(`bucket id (${bucketId}) is out of range`);
    buckets.push(bucket);
  }
  if (new Set(buckets.map((b) => b.bucketId)).size < buckets.length) badBucket('Duplicate bucket id');
  return buckets;
}

function putBuckets11(w: ByteWriter, buckets: readonly Bucket[], version: number): void {
  for (const b of buckets) {
    const start = w.length;
    w.u16(0).u16(b.weight).u32(b.watchPort).u32(b.watchGroup).u32(0);
    putActions(w, b.actions, version);
    w.patchU16(start, w.length - start);
  }
}

/**
 * Buckets without a number get the lowest that is free. As in the C tools "free" is only about the buckets that come
 * after the first one without: what ones before it have is the user's mistake, which the switch will refuse.
 */
function putBuckets15(
  w: ByteWriter,
  buckets: readonly Bucket[],
  type: GroupDesc['type'],
  version: number,
): void {
  const first = buckets.findIndex((b) => b.bucketId > BUCKET.MAX);
  const used = new Set(buckets.slice(first + 1).map((b) => b.bucketId));
  let next = 0;
  for (const b of buckets) {
    let id = b.bucketId;
    if (id > BUCKET.MAX) {
      while (used.has(next)) next++;
      id = next++;
    }
    const start = w.length;
    w.u32(0).u32(id);
    putActions(w, b.actions, version);
    w.patchU16(start + 2, w.length - start - 8);
    if (type === 'select' || b.weight) putPropertyU16(w, WEIGHT, b.weight);
    if (b.watchPort !== OFPP.NONE) putPropertyU32(w, WATCH_PORT, b.watchPort);
    if (b.watchGroup !== OFPG_ANY) putPropertyU32(w, WATCH_GROUP, b.watchGroup);
    w.patchU16(start, w.length - start);
  }
}

function bucketIdText(label: string, id: number, version: number): string {
  if (!isNewForm(version)) return '';
  const name =
    id === BUCKET.FIRST ? 'first' : id === BUCKET.LAST ? 'last' : id === BUCKET.ALL ? 'all' : String(id);
  return `${label}${name},`;
}

function bucketText(b: Bucket, type: GroupDesc['type'], f: FormatContext): string {
  let s = `bucket=${bucketIdText('bucket_id:', b.bucketId, f.version)}`;
  if (b.weight !== (type === 'select' ? 1 : 0)) s += `weight:${b.weight},`;
  if (b.watchPort !== OFPP.NONE) s += `watch_port:${formatPort(b.watchPort, f.portNames)},`;
  if (b.watchGroup !== OFPG_ANY) s += `watch_group:${b.watchGroup},`;
  return `${s}actions=${actionsText(b.actions, f)}`;
}

// Properties.

function badMethod(text: string): never {
  log.warnRl(limit, text);
  throw new OfpError('OFPBPC_BAD_VALUE');
}

function readSelectionMethod(p: Property, type: GroupDesc['type'], command: GroupCommand): GroupProps {
  if (typeof type === 'number') throw new OfpError('OFPGMFC_BAD_TYPE');
  if (type !== 'select') badMethod('ntr selection method property is only allowed for select groups');
  if (command !== 'add' && command !== 'modify' && command !== 'add_or_mod') {
    badMethod('ntr selection method property is only allowed for add and delete group modifications');
  }
  if (p.bytes.length < SELECTION_LENGTH) {
    log.warnRl(limit, `ntr selection method property length ${p.bytes.length} is not valid`);
    throw new OfpError('OFPBPC_BAD_LEN');
  }
  const r = new ByteReader(p.bytes, 16);
  const name = r.take(METHOD_LENGTH);
  if (!name.includes(0)) badMethod('ntr selection method is not null terminated');
  const selectionMethod = fixedString(name);
  if (selectionMethod !== 'hash' && selectionMethod !== 'dp_hash') {
    badMethod(`ntr selection method '${selectionMethod}' is not supported`);
  }
  const selectionMethodParam = r.u64();
  if (r.left && selectionMethod !== 'hash')
    badMethod(`ntr selection method ${selectionMethod} does not support fields`);
  return { selectionMethod, selectionMethodParam, fields: readFieldArray(r) };
}

function readProps(r: ByteReader, type: GroupDesc['type'], command: GroupCommand): GroupProps {
  let props = NO_GROUP_PROPS;
  eachProperty(r, (p) => {
    const ours = p.experimenter === NTR_VENDOR || p.experimenter === NTR_VENDOR_24;
    if (ours && p.expType === SELECTION_METHOD) props = readSelectionMethod(p, type, command);
    else unknownProperty(log, false, 'group', p);
  });
  return props;
}

function putProps(w: ByteWriter, props: GroupProps, version: number): void {
  if (props.selectionMethod === '') return;
  putExperimenterProperty(w, NTR_VENDOR, SELECTION_METHOD, () => {
    w.u32(0).put(fixedBytes(props.selectionMethod, METHOD_LENGTH)).u64(props.selectionMethodParam);
    putFieldArray(w, props.fields, version);
  });
}

function propsText(props: GroupProps): string {
  if (props.selectionMethod === '') return '';
  let s = `,selection_method=${props.selectionMethod}`;
  if (props.selectionMethodParam) s += `,selection_method_param=${props.selectionMethodParam}`;
  if (props.fields.length === 1) s += `,fields=${fieldArrayText(props.fields)}`;
  else if (props.fields.length > 1) s += `,fields(${fieldArrayText(props.fields)})`;
  return s;
}

function groupText(g: GroupDesc, withType: boolean, f: FormatContext): string {
  const type = typeof g.type === 'number' ? 'unknown' : g.type;
  const head = `group_id=${g.groupId}${withType ? `,type=${type}` : ''}${propsText(g.props)}`;
  return [head, ...g.buckets.map((b) => bucketText(b, g.type, f))].join(',');
}

// GROUP_MOD.

function commandOf(n: number): GroupCommand {
  const found = (Object.keys(COMMANDS) as GroupCommand[]).find((name) => COMMANDS[name] === n);
  if (found === undefined) throw new OfpError('OFPGMFC_BAD_COMMAND');
  return found;
}

function checkCommandBucket(command: number, bucketId: number): void {
  const isOne = bucketId <= BUCKET.MAX || bucketId === BUCKET.FIRST || bucketId === BUCKET.LAST;
  const isAll = bucketId === BUCKET.ALL;
  const ok =
    command === COMMANDS.remove_bucket ? isOne || isAll : command === COMMANDS.insert_bucket ? isOne : isAll;
  if (!ok) badBucket(`group command bucket id (${bucketId}) is out of range`);
}

const hasLiveness = (b: Bucket): boolean => b.watchPort !== OFPP.NONE || b.watchGroup !== OFPG_ANY;

/** What holds for every GROUP_MOD whatever its form. @throws OfpError OFPGMFC_* */
function checkGroupMod(type: GroupType, command: GroupCommand, buckets: readonly Bucket[]): void {
  if (type === 'indirect' && command !== 'delete' && buckets.length !== 1)
    throw new OfpError('OFPGMFC_INVALID_GROUP');
  if (command === 'remove_bucket' && buckets.length) throw new OfpError('OFPGMFC_BAD_BUCKET');
  for (const b of buckets) {
    if (b.weight && type !== 'select' && command !== 'insert_bucket')
      throw new OfpError('OFPGMFC_INVALID_GROUP');
    if ((type === 'all' || type === 'indirect') && hasLiveness(b))
      throw new OfpError('OFPGMFC_WATCH_UNSUPPORTED');
    if (type === 'ff' && !hasLiveness(b)) throw new OfpError('OFPGMFC_INVALID_GROUP');
  }
}

/** Reads the body of a GROUP_MOD. */
export function readGroupMod(r: ByteReader, c: DecodeContext): GroupMod {
  const number = r.u16();
  const typeNumber = r.u8();
  r.skip(1);
  const groupId = r.u32();
  let commandBucketId: number = BUCKET.ALL;
  let buckets: Bucket[];
  let props = NO_GROUP_PROPS;
  if (isNewForm(c.version)) {
    const bucketsLength = r.u16();
    r.skip(2);
    commandBucketId = r.u32();
    checkCommandBucket(number, commandBucketId);
    if (bucketsLength > r.left) throw new OfpError('OFPBRC_BAD_LEN');
    buckets = readBuckets15(r.sub(bucketsLength), GROUP_TYPES[typeNumber], c);
    if (r.left) props = readProps(r, groupType(typeNumber), commandOf(number));
  } else {
    buckets = readBuckets11(r, c);
    if (c.version >= 4 && number === COMMANDS.delete && buckets.length)
      throw new OfpError('OFPGMFC_INVALID_GROUP');
  }
  const type = groupType(typeNumber);
  if (type === 'indirect' && number !== COMMANDS.delete && buckets.length !== 1) {
    throw new OfpError('OFPGMFC_INVALID_GROUP');
  }
  const command = commandOf(number);
  checkGroupMod(type, command, buckets);
  return { command, type, groupId, commandBucketId, buckets, props };
}

export function putGroupMod(w: ByteWriter, m: GroupMod, version: number): void {
  const newForm = isNewForm(version);
  if (!newForm && (m.command === 'insert_bucket' || m.command === 'remove_bucket')) {
    throw new OfpError('NXBRC_UNENCODABLE_ERROR', `${m.command} in OpenFlow 1.${version - 1}`);
  }
  const start = w.length;
  w.u16(COMMANDS[m.command]).u8(GROUP_TYPES.indexOf(m.type)).u8(0).u32(m.groupId);
  if (!newForm) {
    putBuckets11(w, m.buckets, version);
    return;
  }
  w.u32(0).u32(m.commandBucketId);
  putBuckets15(w, m.buckets, m.type, version);
  w.patchU16(start + 8, w.length - start - 16);
  putProps(w, m.props, version);
}

/** Text of a modification, from the line break on. */
export function groupModText(m: GroupMod, f: FormatContext): string {
  const onBucket = m.command === 'insert_bucket' || m.command === 'remove_bucket';
  const bucket = onBucket ? bucketIdText('command_bucket_id:', m.commandBucketId, f.version) : '';
  return `\n ${COMMAND_TEXT[m.command]} ${bucket}${groupText(m, !onBucket, f)}`;
}

export const groupMod: Codec<'group_mod'> = {
  decode: (r, c) => ({ kind: 'group_mod', ...readGroupMod(r, c) }),
  encode: (w, m) => putGroupMod(w, m, m.version),
  format: groupModText,
};

// Statistics and descriptions.

export const groupStatsRequest: Codec<'group_stats_request'> = {
  decode: (r) => ({ kind: 'group_stats_request', groupId: r.u32() }),
  encode: (w, m) => void w.u32(m.groupId).u32(0),
  format: (m) => ` group_id=${groupIdText(m.groupId)}`,
};

/** Versions 1.1 and 1.2 have no duration. */
const hasDuration = (version: number): boolean => version === 1 || version >= 4;

function readStats(r: ByteReader, version: number): GroupStats {
  const start = r.pos;
  const length = r.u16();
  r.skip(2);
  const groupId = r.u32();
  const refCount = r.u32();
  r.skip(4);
  const packetCount = r.u64();
  const byteCount = r.u64();
  const durationSec = hasDuration(version) ? r.u32() : UNKNOWN_DURATION;
  const durationNsec = hasDuration(version) ? r.u32() : UNKNOWN_DURATION;
  const left = length - (r.pos - start);
  const n = Math.floor(left / 16);
  if (left < 0 || n * 16 > r.left) throw new OfpError('OFPBRC_BAD_LEN');
  const buckets: { packetCount: bigint; byteCount: bigint }[] = [];
  for (let i = 0; i < n; i++) buckets.push({ packetCount: r.u64(), byteCount: r.u64() });
  return { groupId, refCount, packetCount, byteCount, durationSec, durationNsec, buckets };
}

export const groupStatsReply: Codec<'group_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => readStats(one, c.version),
      (groups) => ({ kind: 'group_stats_reply', groups }),
    ),
  encode(w, m, c) {
    c.items(m.groups, (g) => {
      const start = w.length;
      w.u32(0).u32(g.groupId).u32(g.refCount).u32(0).u64(g.packetCount).u64(g.byteCount);
      if (hasDuration(m.version)) w.u32(g.durationSec).u32(g.durationNsec);
      for (const b of g.buckets) w.u64(b.packetCount).u64(b.byteCount);
      w.patchU16(start, w.length - start);
    });
  },
  format: (m) =>
    m.groups
      .map((g) => {
        const duration =
          g.durationSec === UNKNOWN_DURATION
            ? ''
            : `duration=${durationText(g.durationSec, g.durationNsec)},`;
        const buckets = g.buckets.map((b, i) =>
          b.packetCount === UNKNOWN_COUNT
            ? ''
            : `,bucket${i}:packet_count=${b.packetCount},byte_count=${b.byteCount}`,
        );
        return (
          `\n group_id=${g.groupId},${duration}ref_count=${g.refCount},packet_count=${g.packetCount},` +
          `byte_count=${g.byteCount}${buckets.join('')}`
        );
      })
      .join(''),
};

export const groupDescRequest: Codec<'group_desc_stats_request'> = {
  decode: (r, c) => ({
    kind: 'group_desc_stats_request',
    groupId: isNewForm(c.version) ? r.u32() : OFPG_ALL,
  }),
  encode(w, m) {
    if (isNewForm(m.version)) w.u32(m.groupId).u32(0);
  },
  format: (m) => ` group_id=${groupIdText(m.groupId)}`,
};

function readDesc(r: ByteReader, c: DecodeContext): GroupDesc {
  const start = r.pos;
  const length = r.u16();
  const typeNumber = r.u8();
  r.skip(1);
  const groupId = r.u32();
  let bucketsLength = 0;
  if (isNewForm(c.version)) {
    bucketsLength = r.u16();
    r.skip(6);
  }
  const left = length - (r.pos - start);
  if (left < bucketsLength || left > r.left) {
    log.warnRl(limit, `OFPST11_GROUP_DESC reply claims invalid length ${length}`);
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  const body = r.sub(left);
  const type = GROUP_TYPES[typeNumber] ?? typeNumber;
  if (!isNewForm(c.version)) return { type, groupId, buckets: readBuckets11(body, c), props: NO_GROUP_PROPS };
  const buckets = readBuckets15(body.sub(bucketsLength), type, c);
  return { type, groupId, buckets, props: readProps(body, type, 'add') };
}

export const groupDescReply: Codec<'group_desc_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => readDesc(one, c),
      (groups) => ({ kind: 'group_desc_stats_reply', groups }),
    ),
  encode(w, m, c) {
    c.items(m.groups, (g) => {
      const start = w.length;
      const type = typeof g.type === 'number' ? g.type : GROUP_TYPES.indexOf(g.type);
      w.u16(0).u8(type).u8(0).u32(g.groupId);
      if (isNewForm(m.version)) {
        w.zero(8);
        putBuckets15(w, g.buckets, g.type, m.version);
        w.patchU16(start + 8, w.length - start - 16);
        putProps(w, g.props, m.version);
      } else {
        putBuckets11(w, g.buckets, m.version);
      }
      w.patchU16(start, w.length - start);
    });
  },
  format: (m, f) => m.groups.map((g) => `\n ${groupText(g, true, f)}`).join(''),
};

const FEATURE_TYPES = ['all', 'select', 'indirect', 'fast failover'];

export const groupFeaturesRequest = emptyCodec('group_features_stats_request');

export const groupFeaturesReply: Codec<'group_features_stats_reply'> = {
  decode(r, c) {
    const types = r.u32();
    const capabilities = r.u32();
    const maxGroups = FEATURE_TYPES.map(() => r.u32());
    const actions = FEATURE_TYPES.map(() => actionNamesFromBits(r.u32(), c.version));
    return { kind: 'group_features_stats_reply', types, capabilities, maxGroups, actions };
  },
  encode(w, m) {
    w.u32(m.types).u32(m.capabilities);
    for (const n of m.maxGroups) w.u32(n);
    for (const names of m.actions) w.u32(actionNamesToBits(names, m.version));
  },
  format(m) {
    let s = `\n Group table:\n    Types:  0x${m.types.toString(16)}\n    Capabilities:  0x${m.capabilities.toString(16)}\n`;
    FEATURE_TYPES.forEach((name, i) => {
      if (!(m.types & (1 << i))) return;
      const max = m.maxGroups[i]!;
      s += `    ${name} group:\n       max_groups=${max ? `0x${max.toString(16)}` : '0'}\n`;
      s += `       actions: ${actionNamesText(m.actions[i]!)}\n`;
    });
    return s;
  },
};
