/**
 * Matches as lists of NXM or OXM entries: what Nicira's extension of OpenFlow 1.0 and OpenFlow 1.2 and later send.
 *
 * Decoding checks each entry in turn - length, mask, value, prerequisites, no repetition - as C does, and writes
 * straight into the words of the match. The order of entries in what is encoded is that of the C implementation.
 * C counterpart: nx_pull_raw and nx_put_raw of lib/nx-match.c.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import {
  addEthernetPrereq,
  FIELD,
  type Field,
  fieldPrereqsOkInMatch,
  flowEthertype,
  isFieldValueValidU32,
  isFieldWild,
  isMplsEthertype,
  matchFieldMaskedU32,
  portToOf10,
} from '../fields.ts';
import { catchAllMatch, F, FLOW_WORDS, type Match, N_REGS, usesWords } from '../layout.ts';
import { matchTunOption, type TunTable, tunMatchOptions } from '../tun-metadata.ts';
import {
  checkPayload,
  HAS_MASK,
  isCookieHeader,
  log,
  NXM_NX_COOKIE,
  NXM_NX_COOKIE_W,
  newRawHeader,
  payloadBytes,
  peerLimit,
  pullRawHeader,
  putEntryBytes,
  putEntryU32,
  putEntryWords,
  type RawHeader,
  readBig,
} from './entry.ts';
import { MatchError } from './error.ts';
import type { MatchPool } from './pool.ts';

export interface DecodeMatchOptions {
  /** The bridge's tunnel options; without it a match gets its own table. */
  readonly tun?: TunTable | undefined;
  /** Skip entries that are unknown and ask for no prerequisites (packet-in metadata). */
  readonly loose?: boolean;
  /** A cookie may be among the entries. */
  readonly allowCookie?: boolean;
  /** Anything but metadata, registers and the like is an error (OpenFlow 1.5 packet-out). */
  readonly pipelineFieldsOnly?: boolean;
  /** Where the match comes from; without it, it is a new one. */
  readonly pool?: MatchPool | undefined;
}

export interface DecodedMatch {
  readonly match: Match;
  readonly cookie: bigint;
  readonly cookieMask: bigint;
}

/** Fields that a packet carries through the pipeline besides its headers. */
export function isPipelineField(field: Field): boolean {
  const name = field.name;
  if (name === 'tun_ttl' || name === 'tun_tos') return false;
  return (
    name.startsWith('tun_') ||
    /^x{0,2}reg\d/.test(name) ||
    name === 'metadata' ||
    name === 'in_port' ||
    name === 'in_port_oxm' ||
    name === 'packet_type'
  );
}

const raw: RawHeader = newRawHeader();
const U64_MAX = 0xffffffffffffffffn;

function readU32(b: Uint8Array, at: number, bytes: number): number {
  if (bytes === 1) return b[at]!;
  if (bytes === 2) return (b[at]! << 8) | b[at + 1]!;
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

/** Puts an entry whose header was checked into a match. @throws MatchError */
function applyEntry(
  match: Match,
  field: Field,
  b: Uint8Array,
  at: number,
  width: number,
  masked: boolean,
): void {
  if (field.tunIndex >= 0) {
    const value = readBig(b, at, width);
    const full = (1n << BigInt(field.bytes * 8)) - 1n;
    const error = matchTunOption(match, field, value, masked ? readBig(b, at + width, width) : full);
    if (error === undefined) return;
    log.dbgRl(peerLimit, () => `error parsing OXM (${error})`);
    throw new MatchError('OFPBMC_BAD_VALUE', error);
  }
  if (field.words === 1) {
    const mask = masked ? readU32(b, at + width, width) : 0xffffffff;
    matchFieldMaskedU32(match, field, readU32(b, at, width), mask);
    return;
  }
  const { word, words } = field;
  const partial = width & 3;
  for (let i = 0; i < words; i++) {
    const bytes = i === 0 && partial ? partial : 4;
    const value = readU32(b, at, bytes);
    const mask = masked ? readU32(b, at + width, bytes) : bytes === 4 ? 0xffffffff : 0xffff;
    match.mask[word + i] = mask;
    match.flow[word + i] = value & mask;
    at += bytes;
  }
}

/** Checks of mask and value that each field has of its own. @throws MatchError */
function checkEntry(field: Field, b: Uint8Array, at: number, width: number, masked: boolean): void {
  if (field.words !== 1 || field.tunIndex >= 0) return;
  if (masked && !field.maskable) {
    const mask = readU32(b, at + width, width);
    if (mask !== 0 && mask !== (width === 4 ? 0xffffffff : 2 ** (8 * width) - 1)) {
      log.dbgRl(peerLimit, () => `bad mask for field ${field.name}`);
      throw new MatchError('OFPBMC_BAD_MASK');
    }
  }
  if (!isFieldValueValidU32(field, readU32(b, at, width))) {
    log.dbgRl(peerLimit, () => `bad value for field ${field.name}`);
    throw new MatchError('OFPBMC_BAD_VALUE');
  }
}

function badEntry(at: number, name: ConstructorParameters<typeof MatchError>[0]): MatchError {
  log.dbgRl(peerLimit, () => `error parsing OXM at offset ${at} within match (${name})`);
  return new MatchError(name);
}

/** Reads entries up to the end of the reader. @throws MatchError */
export function decodeEntries(r: ByteReader, options: DecodeMatchOptions = {}): DecodedMatch {
  const match = options.pool?.next() ?? catchAllMatch();
  if (options.tun) match.tun = options.tun;
  const strict = !options.loose;
  const start = r.pos;
  let cookie = 0n;
  let cookieMask = 0n;
  while (r.left > 0) {
    const entryAt = r.pos - start;
    const unknown = pullRawHeader(r, raw, options);
    const { header, field } = raw;
    const isCookie = field === undefined && isCookieHeader(raw);
    const masked = (header & HAS_MASK) !== 0;
    const width = checkPayload(r, raw);
    const at = r.pos;
    r.skip(payloadBytes(header));
    if (isCookie && options.allowCookie) {
      if (cookieMask !== 0n) throw badEntry(entryAt, 'OFPBMC_DUP_FIELD');
      cookie = readBig(r.bytes, at, 8);
      cookieMask = masked ? readBig(r.bytes, at + 8, 8) : U64_MAX;
      continue;
    }
    if (unknown || !field) {
      if (options.loose) continue;
      throw badEntry(entryAt, 'OFPBMC_BAD_FIELD');
    }
    checkEntry(field, r.bytes, at, width, masked);
    if (strict && !fieldPrereqsOkInMatch(field, match)) throw badEntry(entryAt, 'OFPBMC_BAD_PREREQ');
    if (!isFieldWild(match.mask, field)) throw badEntry(entryAt, 'OFPBMC_DUP_FIELD');
    if (options.pipelineFieldsOnly && !isPipelineField(field))
      throw badEntry(entryAt, 'OFPBRC_PIPELINE_FIELDS_ONLY');
    applyEntry(match, field, r.bytes, at, width, masked);
    addEthernetPrereq(match, field);
  }
  return { match, cookie, cookieMask };
}

const roundUp8 = (n: number): number => (n + 7) & ~7;

/** Reads an NXM match of `length` bytes, and the padding after it. @throws MatchError */
export function decodeNxMatch(r: ByteReader, length: number, options: DecodeMatchOptions = {}): DecodedMatch {
  if (roundUp8(length) > r.left) {
    log.dbgRl(
      peerLimit,
      () =>
        `nx_match length ${length}, rounded up to a multiple of 8, is longer than space in message (max length ${r.left})`,
    );
    throw new MatchError('OFPBMC_BAD_LEN');
  }
  const at = r.pos;
  r.skip(roundUp8(length));
  return decodeEntries(new ByteReader(r.bytes, at, at + length), options);
}

export const OFPMT_STANDARD = 0;
export const OFPMT_OXM = 1;

/** Reads an OXM match: its own header, entries, padding. @throws MatchError */
export function decodeOxmMatch(r: ByteReader, options: DecodeMatchOptions = {}): Match {
  if (r.left < 4) throw new MatchError('OFPBMC_BAD_LEN');
  const at = r.pos;
  const length = r.peekU16(2);
  if (length < 4) throw new MatchError('OFPBMC_BAD_LEN');
  if (r.peekU16(0) !== OFPMT_OXM) throw new MatchError('OFPBMC_BAD_TYPE');
  if (roundUp8(length) > r.left) {
    log.dbgRl(
      peerLimit,
      () =>
        `oxm length ${length}, rounded up to a multiple of 8, is longer than space in message (max length ${r.left})`,
    );
    throw new MatchError('OFPBMC_BAD_LEN');
  }
  r.skip(roundUp8(length));
  return decodeEntries(new ByteReader(r.bytes, at + 4, at + length), options).match;
}

// --- encoding -----------------------------------------------------------------------------------------------

const OF15 = 6;

// Taken out of FIELD once: it is too large for V8 to find a property in it quickly.
const {
  actset_output,
  arp_op,
  arp_sha,
  arp_spa,
  arp_tha,
  arp_tpa,
  conj_id,
  ct_ipv6_dst,
  ct_ipv6_src,
  ct_label,
  ct_mark,
  ct_nw_dst,
  ct_nw_proto,
  ct_nw_src,
  ct_state,
  ct_tp_dst,
  ct_tp_src,
  ct_zone,
  dp_hash,
  eth_dst,
  eth_src,
  eth_type,
  icmp_code,
  icmp_type,
  icmpv6_code,
  icmpv6_type,
  in_port,
  in_port_oxm,
  ip_dscp,
  ip_dst,
  ip_frag,
  ip_src,
  ipv6_dst,
  ipv6_label,
  ipv6_src,
  metadata,
  mpls_bos,
  mpls_label,
  mpls_tc,
  mpls_ttl,
  nd_options_type,
  nd_reserved,
  nd_sll,
  nd_target,
  nd_tll,
  nsh_c1,
  nsh_c2,
  nsh_c3,
  nsh_c4,
  nsh_flags,
  nsh_mdtype,
  nsh_np,
  nsh_si,
  nsh_spi,
  nsh_ttl,
  nw_ecn,
  nw_proto,
  nw_tos,
  nw_ttl,
  packet_type,
  pkt_mark,
  recirc_id,
  sctp_dst,
  sctp_src,
  tcp_dst,
  tcp_flags,
  tcp_src,
  tun_dst,
  tun_erspan_dir,
  tun_erspan_hwid,
  tun_erspan_idx,
  tun_erspan_ver,
  tun_flags,
  tun_gbp_flags,
  tun_gbp_id,
  tun_gtpu_flags,
  tun_gtpu_msgtype,
  tun_id,
  tun_ipv6_dst,
  tun_ipv6_src,
  tun_src,
  udp_dst,
  udp_src,
  vlan_pcp,
  vlan_tci,
  vlan_vid,
} = FIELD;

const NSH_C = [nsh_c1, nsh_c2, nsh_c3, nsh_c4];
const REGS = Array.from({ length: N_REGS }, (_, i) => FIELD[`reg${i}` as 'reg0']);
const XREGS = Array.from({ length: N_REGS / 2 }, (_, i) => FIELD[`xreg${i}` as 'xreg0']);

/** Writes entries of one match and remembers whether any of them implies an Ethernet header. */
class EntryWriter {
  readonly w: ByteWriter;
  readonly match: Match;
  readonly version: number;
  impliesEthernet = false;

  constructor(w: ByteWriter, match: Match, version: number) {
    this.w = w;
    this.match = match;
    this.version = version;
  }

  #wrote(field: Field): void {
    if (field.requires !== 'none') this.impliesEthernet = true;
  }
  /** A value without mask. */
  exact(field: Field, value: number): void {
    putEntryU32(this.w, field, this.version, value, 0xffffffff >>> (32 - field.bytes * 8));
    this.#wrote(field);
  }
  /** A value under a mask, in the field's own bits; nothing if the mask is zero. */
  masked(field: Field, value: number, mask: number): void {
    if (mask === 0) return;
    putEntryU32(this.w, field, this.version, value, mask);
    this.#wrote(field);
  }
  /** A field that has a word of its own, under the word's mask. */
  word(field: Field): void {
    const mask = this.match.mask[field.word]!;
    if (mask !== 0) this.masked(field, this.match.flow[field.word]!, mask);
  }
  /** As {@link word}, but all the bits of the field that its word keeps count as a whole mask. */
  wholeWord(field: Field): void {
    const mask = this.match.mask[field.word]!;
    this.masked(
      field,
      this.match.flow[field.word]!,
      mask === field.full ? 0xffffffff >>> (32 - field.bytes * 8) : mask,
    );
  }
  /** A field that is written without mask as soon as any of its bits is matched. */
  exactIfMatched(field: Field): void {
    const { flow, mask } = this.match;
    if (mask[field.word]! & field.full) this.exact(field, (flow[field.word]! & field.full) >>> field.shift);
  }
  /** A field of several words. */
  wide(field: Field): void {
    if (putEntryWords(this.w, field, this.version, this.match.flow, this.match.mask)) this.#wrote(field);
  }
}

function putVlan(e: EntryWriter): void {
  const tci = e.match.flow[F.VLAN_TCI0]!;
  const mask = e.match.mask[F.VLAN_TCI0]!;
  if (e.version === 0) {
    e.masked(vlan_tci, tci, mask);
    return;
  }
  const vidMask = mask & 0x1fff;
  const vid = tci & 0x1fff;
  if (vidMask === 0x1fff) e.exact(vlan_vid, vid);
  else e.masked(vlan_vid, vid, vidMask);
  if (vid && mask & 0xe000) e.exact(vlan_pcp, tci >>> 13);
}

function putIp(e: EntryWriter, type: number): void {
  const { flow, mask } = e.match;
  if (type === 0x0800) {
    e.word(ip_src);
    e.word(ip_dst);
  } else {
    e.wide(ipv6_src);
    e.wide(ipv6_dst);
  }
  e.wholeWord(ip_frag);
  e.exactIfMatched(e.version === 0 ? nw_tos : ip_dscp);
  e.exactIfMatched(nw_ecn);
  e.exactIfMatched(nw_ttl);
  e.word(ipv6_label);
  if (!mask[F.NW_PROTO]) return;
  e.exact(nw_proto, flow[F.NW_PROTO]!);
  switch (flow[F.NW_PROTO]) {
    case 6:
      e.word(tcp_src);
      e.word(tcp_dst);
      e.word(tcp_flags);
      break;
    case 17:
      e.word(udp_src);
      e.word(udp_dst);
      break;
    case 132:
      e.word(sctp_src);
      e.word(sctp_dst);
      break;
    case 1:
      if (type !== 0x0800) break;
      e.exactIfMatched(icmp_type);
      e.exactIfMatched(icmp_code);
      break;
    case 58:
      if (type !== 0x86dd) break;
      e.exactIfMatched(icmpv6_type);
      e.exactIfMatched(icmpv6_code);
      if (!fieldPrereqsOkInMatch(nd_target, e.match)) break;
      e.exactIfMatched(nd_reserved);
      e.wide(nd_target);
      e.exactIfMatched(nd_options_type);
      e.wide(flow[F.TP_SRC] === 135 ? nd_sll : nd_tll);
      break;
  }
}

function putTunnel(e: EntryWriter): void {
  e.wide(tun_id);
  e.word(tun_flags);
  e.word(tun_src);
  e.word(tun_dst);
  e.wide(tun_ipv6_src);
  e.wide(tun_ipv6_dst);
  e.word(tun_gbp_id);
  e.word(tun_gbp_flags);
  for (const o of tunMatchOptions(e.match)) {
    const field = FIELD[`tun_metadata${o.index}` as 'tun_metadata0'];
    putEntryBytes(e.w, field, e.version, o.value, o.masked ? o.mask : undefined, o.bytes);
  }
  e.word(tun_erspan_idx);
  e.word(tun_erspan_ver);
  e.word(tun_erspan_dir);
  e.word(tun_erspan_hwid);
  e.word(tun_gtpu_flags);
  e.word(tun_gtpu_msgtype);
}

function putNsh(e: EntryWriter): void {
  e.word(nsh_flags);
  e.word(nsh_ttl);
  e.word(nsh_mdtype);
  e.word(nsh_np);
  e.wholeWord(nsh_spi);
  e.word(nsh_si);
  for (const field of NSH_C) e.word(field);
}

function putRegisters(e: EntryWriter): void {
  if (e.version < OF15) for (const field of REGS) e.word(field);
  else for (const field of XREGS) e.wide(field);
}

function putConntrack(e: EntryWriter): void {
  e.word(ct_state);
  e.word(ct_zone);
  e.word(ct_mark);
  e.wide(ct_label);
  e.word(ct_nw_src);
  e.wide(ct_ipv6_src);
  e.word(ct_nw_dst);
  e.wide(ct_ipv6_dst);
  if (e.match.flow[F.CT_NW_PROTO]) {
    e.word(ct_nw_proto);
    e.word(ct_tp_src);
    e.word(ct_tp_dst);
  }
}

/**
 * Writes a match's entries, without header or padding.
 * @param version OpenFlow wire version, or 0 for NXM
 * @returns bytes written
 */
export function encodeEntries(
  w: ByteWriter,
  match: Match,
  version: number,
  cookie = 0n,
  cookieMask = 0n,
): number {
  const start = w.length;
  const e = new EntryWriter(w, match, version);
  const { flow, mask } = match;
  const type = flowEthertype(flow);
  const isEthernet = flow[F.PACKET_TYPE] === 0 && mask[F.PACKET_TYPE] === 0xffffffff;
  if (!isEthernet) e.word(packet_type);
  e.word(dp_hash);
  e.exactIfMatched(recirc_id);
  e.exactIfMatched(conj_id);
  if (mask[F.IN_PORT]) {
    if (version === 0) e.exact(in_port, portToOf10(flow[F.IN_PORT]!));
    else e.exact(in_port_oxm, flow[F.IN_PORT]!);
  }
  e.exactIfMatched(actset_output);
  e.wide(eth_src);
  e.wide(eth_dst);
  e.word(eth_type);
  putVlan(e);
  if (isMplsEthertype(type)) {
    e.exactIfMatched(mpls_tc);
    e.exactIfMatched(mpls_bos);
    e.exactIfMatched(mpls_ttl);
    e.exactIfMatched(mpls_label);
  }
  if (type === 0x0800 || type === 0x86dd) putIp(e, type);
  else if (type === 0x0806 || type === 0x8035) {
    e.exactIfMatched(arp_op);
    e.word(arp_spa);
    e.word(arp_tpa);
    e.wide(arp_sha);
    e.wide(arp_tha);
  }
  // Most matches are of headers alone: whole groups of fields are passed over at a glance.
  if (usesWords(mask, F.TUN_ID, F.METADATA)) putTunnel(e);
  if (usesWords(mask, F.NSH_FLAGS, FLOW_WORDS)) putNsh(e);
  if (usesWords(mask, F.REG0, F.REG0 + N_REGS)) putRegisters(e);
  e.word(pkt_mark);
  if (usesWords(mask, F.CT_STATE, F.CONJ_ID)) putConntrack(e);
  e.wide(metadata);
  if (cookieMask !== 0n) {
    const masked = cookieMask !== U64_MAX;
    w.u32(masked ? NXM_NX_COOKIE_W : NXM_NX_COOKIE).u64(cookie & cookieMask);
    if (masked) w.u64(cookieMask);
  }
  if (isEthernet && !e.impliesEthernet) {
    // Only now is it known that nothing else says that this is about Ethernet packets, and it has to come first.
    const entries = w.view().slice(start);
    w.truncate(start);
    e.exact(packet_type, 0);
    w.put(entries);
  }
  return w.length - start;
}

/** Writes an NXM match with its padding. @returns its length without padding */
export function encodeNxMatch(w: ByteWriter, match: Match, cookie = 0n, cookieMask = 0n): number {
  const start = w.length;
  const length = encodeEntries(w, match, 0, cookie, cookieMask);
  w.align(8, start);
  return length;
}

/** Writes an OXM match with header and padding. @returns its length without padding */
export function encodeOxmMatch(w: ByteWriter, match: Match, version: number): number {
  const start = w.length;
  w.u16(OFPMT_OXM).u16(0);
  const length = encodeEntries(w, match, version) + 4;
  w.patchU16(start + 2, length);
  w.align(8, start);
  return length;
}
