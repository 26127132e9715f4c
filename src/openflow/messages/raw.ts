/**
 * Wire forms of all messages: which header stands for which message, and how long it may be.
 *
 * A form ("raw" in C) is one layout of one message; a message has several where versions or vendors differ.
 * Its name is C's OFPRAW_ constant; the prefix says what kind of header it has: OFPT standard, OFPST standard
 * multipart, NXT and NXST the same of Nicira, ONFT and ONFST of the ONF.
 * C counterpart: include/openvswitch/ofp-msgs.h, lib/ofp-msgs.c.
 */
import type { ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { OFP10 } from '../version.ts';
import type { OfpKind } from './message.ts';

const log = vlog('ofp_msgs');
const badVendorLimit = new RateLimit(1, 1);
const badLengthLimit = new RateLimit(1, 5);
const unknownLimit = new RateLimit(1, 1);

const NX_VENDOR = 0x2320;
const ONF_VENDOR = 0x4f4e4600;
const OFPT_VENDOR = 4;
const OFPST_VENDOR = 0xffff;
const ANY_VERSION = 255;

/** [kind, form, first version, last version, number, length of the fixed body, unit of what may follow (0: nothing)] */
const ROWS = [
  ['hello', 'OFPT_HELLO', 1, 255, 0, 0, 1],
  ['error', 'OFPT_ERROR', 1, 255, 1, 4, 1],
  ['echo_request', 'OFPT_ECHO_REQUEST', 1, 255, 2, 0, 1],
  ['echo_reply', 'OFPT_ECHO_REPLY', 1, 255, 3, 0, 1],
  ['features_request', 'OFPT_FEATURES_REQUEST', 1, 6, 5, 0, 0],
  ['features_reply', 'OFPT10_FEATURES_REPLY', 1, 1, 6, 24, 48],
  ['features_reply', 'OFPT11_FEATURES_REPLY', 2, 3, 6, 24, 64],
  ['features_reply', 'OFPT13_FEATURES_REPLY', 4, 6, 6, 24, 0],
  ['get_config_request', 'OFPT_GET_CONFIG_REQUEST', 1, 6, 7, 0, 0],
  ['get_config_reply', 'OFPT_GET_CONFIG_REPLY', 1, 6, 8, 4, 0],
  ['set_config', 'OFPT_SET_CONFIG', 1, 6, 9, 4, 0],
  ['packet_in', 'OFPT10_PACKET_IN', 1, 1, 10, 10, 1],
  ['packet_in', 'OFPT11_PACKET_IN', 2, 2, 10, 16, 1],
  ['packet_in', 'OFPT12_PACKET_IN', 3, 3, 10, 8, 1],
  ['packet_in', 'OFPT13_PACKET_IN', 4, 6, 10, 16, 1],
  ['packet_in', 'NXT_PACKET_IN', 1, 6, 17, 24, 1],
  ['packet_in', 'NXT_PACKET_IN2', 1, 6, 30, 0, 8],
  ['flow_removed', 'OFPT10_FLOW_REMOVED', 1, 1, 11, 80, 0],
  ['flow_removed', 'OFPT11_FLOW_REMOVED', 2, 5, 11, 40, 8],
  ['flow_removed', 'OFPT15_FLOW_REMOVED', 6, 6, 11, 16, 8],
  ['flow_removed', 'NXT_FLOW_REMOVED', 1, 6, 14, 40, 8],
  ['port_status', 'OFPT10_PORT_STATUS', 1, 1, 12, 56, 0],
  ['port_status', 'OFPT11_PORT_STATUS', 2, 4, 12, 72, 0],
  ['port_status', 'OFPT14_PORT_STATUS', 5, 6, 12, 48, 8],
  ['packet_out', 'OFPT10_PACKET_OUT', 1, 1, 13, 8, 1],
  ['packet_out', 'OFPT11_PACKET_OUT', 2, 5, 13, 16, 1],
  ['packet_out', 'OFPT15_PACKET_OUT', 6, 6, 13, 8, 1],
  ['flow_mod', 'OFPT10_FLOW_MOD', 1, 1, 14, 64, 8],
  ['flow_mod', 'OFPT11_FLOW_MOD', 2, 6, 14, 40, 8],
  ['flow_mod', 'NXT_FLOW_MOD', 1, 6, 13, 32, 8],
  ['group_mod', 'NXT_GROUP_MOD', 1, 1, 31, 16, 8],
  ['group_mod', 'OFPT11_GROUP_MOD', 2, 5, 15, 8, 8],
  ['group_mod', 'OFPT15_GROUP_MOD', 6, 6, 15, 16, 8],
  ['port_mod', 'OFPT10_PORT_MOD', 1, 1, 15, 24, 0],
  ['port_mod', 'OFPT11_PORT_MOD', 2, 4, 16, 32, 0],
  ['port_mod', 'OFPT14_PORT_MOD', 5, 6, 16, 24, 8],
  ['table_mod', 'OFPT11_TABLE_MOD', 2, 4, 17, 8, 0],
  ['table_mod', 'OFPT14_TABLE_MOD', 5, 6, 17, 8, 8],
  ['barrier_request', 'OFPT10_BARRIER_REQUEST', 1, 1, 18, 0, 0],
  ['barrier_request', 'OFPT11_BARRIER_REQUEST', 2, 6, 20, 0, 0],
  ['barrier_reply', 'OFPT10_BARRIER_REPLY', 1, 1, 19, 0, 0],
  ['barrier_reply', 'OFPT11_BARRIER_REPLY', 2, 6, 21, 0, 0],
  ['queue_get_config_request', 'OFPT10_QUEUE_GET_CONFIG_REQUEST', 1, 1, 20, 4, 0],
  ['queue_get_config_request', 'OFPT11_QUEUE_GET_CONFIG_REQUEST', 2, 4, 22, 8, 0],
  ['queue_get_config_reply', 'OFPT10_QUEUE_GET_CONFIG_REPLY', 1, 1, 21, 8, 8],
  ['queue_get_config_reply', 'OFPT11_QUEUE_GET_CONFIG_REPLY', 2, 4, 23, 8, 8],
  ['role_request', 'OFPT12_ROLE_REQUEST', 3, 6, 24, 16, 0],
  ['role_request', 'NXT_ROLE_REQUEST', 1, 6, 10, 4, 0],
  ['role_reply', 'OFPT12_ROLE_REPLY', 3, 6, 25, 16, 0],
  ['role_reply', 'NXT_ROLE_REPLY', 1, 6, 11, 4, 0],
  ['get_async_request', 'OFPT13_GET_ASYNC_REQUEST', 4, 4, 26, 0, 0],
  ['get_async_request', 'OFPT14_GET_ASYNC_REQUEST', 5, 6, 26, 0, 0],
  ['get_async_reply', 'OFPT13_GET_ASYNC_REPLY', 4, 4, 27, 24, 0],
  ['get_async_reply', 'OFPT14_GET_ASYNC_REPLY', 5, 6, 27, 0, 8],
  ['set_async_config', 'OFPT13_SET_ASYNC', 4, 4, 28, 24, 0],
  ['set_async_config', 'NXT_SET_ASYNC_CONFIG', 1, 6, 19, 24, 0],
  ['set_async_config', 'NXT_SET_ASYNC_CONFIG2', 1, 4, 27, 0, 8],
  ['set_async_config', 'OFPT14_SET_ASYNC', 5, 6, 28, 0, 8],
  ['meter_mod', 'OFPT13_METER_MOD', 4, 6, 29, 8, 8],
  ['role_status', 'ONFT13_ROLE_STATUS', 4, 4, 1911, 16, 8],
  ['role_status', 'OFPT14_ROLE_STATUS', 5, 6, 30, 16, 8],
  ['table_status', 'OFPT14_TABLE_STATUS', 5, 6, 31, 8, 8],
  ['requestforward', 'NXT_REQUESTFORWARD', 1, 3, 132, 8, 8],
  ['requestforward', 'ONFT13_REQUESTFORWARD', 4, 4, 2350, 8, 8],
  ['requestforward', 'OFPT14_REQUESTFORWARD', 5, 6, 32, 8, 8],
  ['bundle_control', 'OFPT14_BUNDLE_CONTROL', 5, 6, 33, 8, 8],
  ['bundle_control', 'ONFT13_BUNDLE_CONTROL', 4, 4, 2300, 8, 8],
  ['bundle_add_message', 'OFPT14_BUNDLE_ADD_MESSAGE', 5, 6, 34, 8, 1],
  ['bundle_add_message', 'ONFT13_BUNDLE_ADD_MESSAGE', 4, 4, 2301, 8, 1],
  ['desc_stats_request', 'OFPST_DESC_REQUEST', 1, 6, 0, 0, 0],
  ['desc_stats_reply', 'OFPST_DESC_REPLY', 1, 6, 0, 1056, 0],
  ['flow_stats_request', 'OFPST10_FLOW_REQUEST', 1, 1, 1, 44, 0],
  ['flow_stats_request', 'OFPST11_FLOW_REQUEST', 2, 6, 1, 32, 8],
  ['flow_stats_request', 'NXST_FLOW_REQUEST', 1, 1, 0, 8, 8],
  ['flow_stats_reply', 'OFPST10_FLOW_REPLY', 1, 1, 1, 0, 1],
  ['flow_stats_reply', 'OFPST11_FLOW_REPLY', 2, 3, 1, 0, 1],
  ['flow_stats_reply', 'OFPST13_FLOW_REPLY', 4, 5, 1, 0, 1],
  ['flow_stats_reply', 'OFPST15_FLOW_REPLY', 6, 6, 1, 0, 1],
  ['flow_stats_reply', 'NXST_FLOW_REPLY', 1, 1, 0, 0, 1],
  ['aggregate_stats_request', 'OFPST10_AGGREGATE_REQUEST', 1, 1, 2, 44, 0],
  ['aggregate_stats_request', 'OFPST11_AGGREGATE_REQUEST', 2, 5, 2, 32, 8],
  ['aggregate_stats_request', 'OFPST15_AGGREGATE_REQUEST', 6, 6, 2, 32, 8],
  ['aggregate_stats_request', 'NXST_AGGREGATE_REQUEST', 1, 1, 1, 8, 8],
  ['aggregate_stats_reply', 'OFPST_AGGREGATE_REPLY', 1, 5, 2, 24, 0],
  ['aggregate_stats_reply', 'OFPST15_AGGREGATE_REPLY', 6, 6, 2, 0, 1],
  ['aggregate_stats_reply', 'NXST_AGGREGATE_REPLY', 1, 1, 1, 24, 0],
  ['table_stats_request', 'OFPST_TABLE_REQUEST', 1, 6, 3, 0, 0],
  ['table_stats_reply', 'OFPST10_TABLE_REPLY', 1, 1, 3, 0, 64],
  ['table_stats_reply', 'OFPST11_TABLE_REPLY', 2, 2, 3, 0, 88],
  ['table_stats_reply', 'OFPST12_TABLE_REPLY', 3, 3, 3, 0, 128],
  ['table_stats_reply', 'OFPST13_TABLE_REPLY', 4, 6, 3, 0, 24],
  ['port_stats_request', 'OFPST10_PORT_REQUEST', 1, 1, 4, 8, 0],
  ['port_stats_request', 'OFPST11_PORT_REQUEST', 2, 6, 4, 8, 0],
  ['port_stats_reply', 'OFPST10_PORT_REPLY', 1, 1, 4, 0, 104],
  ['port_stats_reply', 'OFPST11_PORT_REPLY', 2, 3, 4, 0, 104],
  ['port_stats_reply', 'OFPST13_PORT_REPLY', 4, 4, 4, 0, 112],
  ['port_stats_reply', 'OFPST14_PORT_REPLY', 5, 6, 4, 0, 8],
  ['queue_stats_request', 'OFPST10_QUEUE_REQUEST', 1, 1, 5, 8, 0],
  ['queue_stats_request', 'OFPST11_QUEUE_REQUEST', 2, 6, 5, 8, 0],
  ['queue_stats_reply', 'OFPST10_QUEUE_REPLY', 1, 1, 5, 0, 32],
  ['queue_stats_reply', 'OFPST11_QUEUE_REPLY', 2, 3, 5, 0, 32],
  ['queue_stats_reply', 'OFPST13_QUEUE_REPLY', 4, 4, 5, 0, 40],
  ['queue_stats_reply', 'OFPST14_QUEUE_REPLY', 5, 6, 5, 0, 8],
  ['group_stats_request', 'NXST_GROUP_REQUEST', 1, 1, 7, 8, 0],
  ['group_stats_request', 'OFPST11_GROUP_REQUEST', 2, 6, 6, 8, 0],
  ['group_stats_reply', 'NXST_GROUP_REPLY', 1, 1, 7, 0, 8],
  ['group_stats_reply', 'OFPST11_GROUP_REPLY', 2, 3, 6, 0, 8],
  ['group_stats_reply', 'OFPST13_GROUP_REPLY', 4, 6, 6, 0, 8],
  ['group_desc_stats_request', 'NXST_GROUP_DESC_REQUEST', 1, 1, 8, 8, 0],
  ['group_desc_stats_request', 'OFPST11_GROUP_DESC_REQUEST', 2, 5, 7, 0, 0],
  ['group_desc_stats_request', 'OFPST15_GROUP_DESC_REQUEST', 6, 6, 7, 8, 0],
  ['group_desc_stats_reply', 'NXST_GROUP_DESC_REPLY', 1, 1, 8, 0, 8],
  ['group_desc_stats_reply', 'OFPST11_GROUP_DESC_REPLY', 2, 6, 7, 0, 8],
  ['group_features_stats_request', 'NXST_GROUP_FEATURES_REQUEST', 1, 2, 9, 0, 0],
  ['group_features_stats_request', 'OFPST12_GROUP_FEATURES_REQUEST', 3, 6, 8, 0, 0],
  ['group_features_stats_reply', 'NXST_GROUP_FEATURES_REPLY', 1, 2, 9, 40, 0],
  ['group_features_stats_reply', 'OFPST12_GROUP_FEATURES_REPLY', 3, 6, 8, 40, 0],
  ['meter_stats_request', 'OFPST13_METER_REQUEST', 4, 6, 9, 8, 0],
  ['meter_stats_reply', 'OFPST13_METER_REPLY', 4, 6, 9, 0, 8],
  ['meter_config_stats_request', 'OFPST13_METER_CONFIG_REQUEST', 4, 6, 10, 8, 0],
  ['meter_config_stats_reply', 'OFPST13_METER_CONFIG_REPLY', 4, 6, 10, 0, 8],
  ['meter_features_stats_request', 'OFPST13_METER_FEATURES_REQUEST', 4, 6, 11, 0, 0],
  ['meter_features_stats_reply', 'OFPST13_METER_FEATURES_REPLY', 4, 6, 11, 16, 0],
  ['table_features_stats_request', 'OFPST13_TABLE_FEATURES_REQUEST', 4, 6, 12, 0, 8],
  ['table_features_stats_reply', 'OFPST13_TABLE_FEATURES_REPLY', 4, 6, 12, 64, 8],
  ['table_desc_request', 'OFPST14_TABLE_DESC_REQUEST', 5, 6, 14, 0, 0],
  ['table_desc_reply', 'OFPST14_TABLE_DESC_REPLY', 5, 6, 14, 8, 8],
  ['port_desc_stats_request', 'OFPST10_PORT_DESC_REQUEST', 1, 5, 13, 0, 0],
  ['port_desc_stats_request', 'OFPST15_PORT_DESC_REQUEST', 6, 6, 13, 8, 0],
  ['port_desc_stats_reply', 'OFPST10_PORT_DESC_REPLY', 1, 1, 13, 0, 48],
  ['port_desc_stats_reply', 'OFPST11_PORT_DESC_REPLY', 2, 4, 13, 0, 64],
  ['port_desc_stats_reply', 'OFPST14_PORT_DESC_REPLY', 5, 6, 13, 0, 8],
  ['queue_get_config_request', 'OFPST14_QUEUE_DESC_REQUEST', 5, 6, 15, 8, 0],
  ['queue_get_config_reply', 'OFPST14_QUEUE_DESC_REPLY', 5, 6, 15, 0, 8],
  ['flow_monitor_stats_request', 'OFPST14_FLOW_MONITOR_REQUEST', 5, 6, 16, 0, 8],
  ['flow_monitor_stats_request', 'ONFST13_FLOW_MONITOR_REQUEST', 4, 4, 1870, 0, 8],
  ['flow_monitor_stats_request', 'NXST_FLOW_MONITOR_REQUEST', 1, 3, 2, 0, 8],
  ['flow_monitor_stats_reply', 'OFPST14_FLOW_MONITOR_REPLY', 5, 6, 16, 0, 8],
  ['flow_monitor_stats_reply', 'ONFST13_FLOW_MONITOR_REPLY', 4, 4, 1870, 0, 8],
  ['flow_monitor_stats_reply', 'NXST_FLOW_MONITOR_REPLY', 1, 3, 2, 0, 8],
  ['flow_monitor_cancel', 'ONFT13_FLOW_MONITOR_CANCEL', 4, 4, 1870, 4, 0],
  ['flow_monitor_cancel', 'NXT_FLOW_MONITOR_CANCEL', 1, 3, 21, 4, 0],
  ['flow_monitor_paused', 'ONFT13_FLOW_MONITOR_PAUSED', 4, 4, 1871, 0, 0],
  ['flow_monitor_paused', 'NXT_FLOW_MONITOR_PAUSED', 1, 3, 22, 0, 0],
  ['flow_monitor_resumed', 'ONFT13_FLOW_MONITOR_RESUMED', 4, 4, 1872, 0, 0],
  ['flow_monitor_resumed', 'NXT_FLOW_MONITOR_RESUMED', 1, 3, 23, 0, 0],
  ['set_flow_format', 'NXT_SET_FLOW_FORMAT', 1, 1, 12, 4, 0],
  ['flow_mod_table_id', 'NXT_FLOW_MOD_TABLE_ID', 1, 6, 15, 8, 0],
  ['set_packet_in_format', 'NXT_SET_PACKET_IN_FORMAT', 1, 6, 16, 4, 0],
  ['flow_age', 'NXT_FLOW_AGE', 1, 6, 18, 0, 0],
  ['set_controller_id', 'NXT_SET_CONTROLLER_ID', 1, 6, 20, 8, 0],
  ['nxt_tlv_table_mod', 'NXT_TLV_TABLE_MOD', 1, 6, 24, 8, 8],
  ['nxt_tlv_table_request', 'NXT_TLV_TABLE_REQUEST', 1, 6, 25, 0, 0],
  ['nxt_tlv_table_reply', 'NXT_TLV_TABLE_REPLY', 1, 6, 26, 16, 8],
  ['nxt_resume', 'NXT_RESUME', 1, 6, 28, 0, 8],
  ['ct_flush_zone', 'NXT_CT_FLUSH_ZONE', 1, 6, 29, 8, 0],
  ['ct_flush', 'NXT_CT_FLUSH', 1, 6, 32, 8, 8],
  ['ipfix_bridge_stats_request', 'NXST_IPFIX_BRIDGE_REQUEST', 1, 6, 3, 0, 0],
  ['ipfix_bridge_stats_reply', 'NXST_IPFIX_BRIDGE_REPLY', 1, 6, 3, 88, 0],
  ['ipfix_flow_stats_request', 'NXST_IPFIX_FLOW_REQUEST', 1, 6, 4, 0, 0],
  ['ipfix_flow_stats_reply', 'NXST_IPFIX_FLOW_REPLY', 1, 6, 4, 0, 88],
] as const satisfies readonly (readonly [OfpKind, string, number, number, number, number, number])[];

export type RawName = (typeof ROWS)[number][1];

export interface Raw {
  readonly kind: OfpKind;
  readonly id: RawName;
  /** As printed, e.g. 'OFPT_FLOW_MOD', 'OFPST_FLOW reply'. */
  readonly name: string;
  readonly firstVersion: number;
  readonly lastVersion: number;
  readonly vendor: number;
  readonly multipart: boolean;
  readonly reply: boolean;
  readonly number: number;
  /** A form with an extensible match of a message that OpenFlow 1.0 has in a form of its own too. */
  readonly nxm: boolean;
  readonly minBody: number;
  readonly multiple: number;
}

const CLASSES = /^(OFPT|OFPST|NXT|NXST|ONFT|ONFST)\d*_(.*?)(_REQUEST|_REPLY)?$/;

/** All of them. */
export const RAWS: readonly Raw[] = ROWS.map(
  ([kind, id, firstVersion, lastVersion, number, minBody, multiple]) => {
    const [, cls, base, suffix = ''] = CLASSES.exec(id)!;
    const multipart = cls!.endsWith('ST');
    return {
      kind,
      id,
      name: `${cls}_${base}${multipart ? suffix.replace('_', ' ').toLowerCase() : suffix}`,
      firstVersion,
      lastVersion,
      vendor: cls!.startsWith('NX') ? NX_VENDOR : cls!.startsWith('ONF') ? ONF_VENDOR : 0,
      multipart,
      reply: suffix === '_REPLY',
      number,
      // A packet-in says in which format it is.
      nxm:
        cls!.startsWith('NX') &&
        kind !== 'packet_in' &&
        ROWS.some((row) => row[0] === kind && row[1].startsWith('OFP') && row[2] === OFP10),
      minBody,
      multiple,
    };
  },
);

/** Forms by version, vendor, multipart request or reply, number. */
const byHeader = new Map<number, Raw>();
const byId = new Map<RawName, Raw>();

/** What tells a header apart, packed; numbers of vendors' subtypes stay below 2**16 in all forms we know. */
function headerKey(version: number, vendor: number, part: number, number: number): number {
  const v = vendor === 0 ? 0 : vendor === NX_VENDOR ? 1 : 2;
  return (((version * 3 + v) * 3 + part) * 0x10000 + number) | 0;
}

const partOf = (raw: Raw): number => (raw.multipart ? (raw.reply ? 2 : 1) : 0);

for (const raw of RAWS) {
  byId.set(raw.id, raw);
  for (let v = raw.firstVersion; v <= Math.min(raw.lastVersion, 6); v++) {
    byHeader.set(headerKey(v, raw.vendor, partOf(raw), raw.number), raw);
  }
}
const immutable = RAWS.filter((r) => r.lastVersion === ANY_VERSION);

/** The form of that name. */
export const rawOf = (id: RawName): Raw => byId.get(id)!;

/** The forms of a message in a version, in the order of the table. */
export const rawsFor = (kind: OfpKind, version: number): readonly Raw[] =>
  RAWS.filter((r) => r.kind === kind && version >= r.firstVersion && version <= r.lastVersion);

const multipartType = (version: number): number => (version === 1 ? 16 : 18);

/** Whether the header is that of a multipart request or reply. */
export function isMultipart(bytes: Uint8Array): boolean {
  const version = bytes[0]!;
  const first = multipartType(version);
  return version >= 1 && version <= 6 && (bytes[1] === first || bytes[1] === first + 1);
}

/** Whether it is the header of a multipart request. */
export const isMultipartRequest = (bytes: Uint8Array): boolean =>
  isMultipart(bytes) && bytes[1] === multipartType(bytes[0]!);

/** Flags of a multipart header. */
export const multipartFlags = (bytes: Uint8Array): number => (bytes[10]! << 8) | bytes[11]!;

/** Length of all the headers of a form. */
export function headerLength(raw: Raw, version: number): number {
  if (!raw.multipart) return raw.vendor ? 16 : 8;
  if (version === 1) return raw.vendor ? 24 : 12;
  return raw.vendor ? 24 : 16;
}

const u32 = (b: Uint8Array, at: number): number =>
  ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;

function checkVendor(vendor: number, onfAllowed: boolean): void {
  if (vendor === NX_VENDOR || (vendor === ONF_VENDOR && onfAllowed)) return;
  log.warnRl(badVendorLimit, `OpenFlow message has unknown vendor 0x${vendor.toString(16)}`);
  throw new OfpError('OFPBRC_BAD_VENDOR');
}

/**
 * The form that the headers stand for. The length is not checked, so that the beginning of a message, as an
 * error carries it, will do.
 * @throws OfpError OFPBRC_BAD_LEN, _BAD_VENDOR, _BAD_SUBTYPE, _BAD_STAT, _BAD_TYPE
 */
export function identify(bytes: Uint8Array): Raw {
  const length = bytes.length;
  if (length < 8) throw new OfpError('OFPBRC_BAD_LEN');
  const version = bytes[0]!;
  const type = bytes[1]!;
  let vendor = 0;
  let part = 0;
  let number = type;
  if (type === OFPT_VENDOR) {
    if (length < 16) throw new OfpError('OFPBRC_BAD_LEN');
    vendor = u32(bytes, 8);
    checkVendor(vendor, true);
    number = u32(bytes, 12);
  } else if (version === 1 ? type === 16 || type === 17 : type === 18 || type === 19) {
    if (length < (version === 1 ? 12 : 16)) throw new OfpError('OFPBRC_BAD_LEN');
    part = type - (version === 1 ? 15 : 17);
    number = (bytes[8]! << 8) | bytes[9]!;
    if (number === OFPST_VENDOR) {
      const at = version === 1 ? 12 : 16;
      if (length < (version === 1 ? 16 : 24)) throw new OfpError('OFPBRC_BAD_LEN');
      vendor = u32(bytes, at);
      checkVendor(vendor, version !== 1);
      if (length < 24) throw new OfpError('OFPBRC_BAD_LEN');
      number = u32(bytes, at + 4);
    }
  }
  let raw = number <= 0xffff ? byHeader.get(headerKey(version, vendor, part, number)) : undefined;
  if (!raw && vendor === 0 && part === 0)
    raw = version > 0 ? immutable.find((r) => r.number === type) : undefined;
  if (raw) return raw;
  const stat = isMultipart(bytes);
  log.warnRl(
    unknownLimit,
    `unknown OpenFlow message (version ${version}, type ${type}` +
      (stat ? `, stat ${(bytes[8]! << 8) | bytes[9]!}` : '') +
      (vendor ? `, vendor 0x${vendor.toString(16)}, subtype ${number}` : '') +
      ')',
  );
  throw new OfpError(vendor ? 'OFPBRC_BAD_SUBTYPE' : stat ? 'OFPBRC_BAD_STAT' : 'OFPBRC_BAD_TYPE');
}

/** @throws OfpError OFPBRC_BAD_LEN when a whole message of this form cannot have that length */
export function checkLength(raw: Raw, version: number, length: number): void {
  const min = headerLength(raw, version) + raw.minBody;
  if (raw.multiple === 0 ? length === min : length >= min && (length - min) % raw.multiple === 0) return;
  const expected =
    raw.multiple === 0
      ? `expected length ${min}`
      : raw.multiple === 1
        ? `expected length at least ${min} bytes`
        : `must be exactly ${min} bytes or longer by an integer multiple of ${raw.multiple} bytes`;
  log.warnRl(badLengthLimit, `received ${raw.name} with incorrect length ${length} (${expected})`);
  throw new OfpError('OFPBRC_BAD_LEN');
}

/** Writes all the headers; the length must be patched in at byte 2 afterwards. */
export function putHeaders(w: ByteWriter, raw: Raw, version: number, xid: number, more: boolean): void {
  const type = raw.multipart
    ? multipartType(version) + (raw.reply ? 1 : 0)
    : raw.vendor
      ? OFPT_VENDOR
      : raw.number;
  w.u8(version).u8(type).u16(0).u32(xid);
  if (!raw.multipart) {
    if (raw.vendor) w.u32(raw.vendor).u32(raw.number);
    return;
  }
  w.u16(raw.vendor ? OFPST_VENDOR : raw.number).u16(more ? 1 : 0);
  if (version !== 1) w.u32(0);
  if (raw.vendor) w.u32(raw.vendor).u32(raw.number);
  if (raw.vendor && version === 1) w.u32(0);
}
