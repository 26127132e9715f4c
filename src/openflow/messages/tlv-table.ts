/** NXT_TLV_TABLE_MOD, _REQUEST and _REPLY: which tunnel options tun_metadataN stand for. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { type Codec, emptyCodec } from './codec.ts';
import type { TlvMap } from './message.ts';

const log = vlog('ofp_match');
const limit = new RateLimit(1, 5);

/** How many tun_metadata fields there are. */
const MAX_FIELDS = 64;
const MAX_OPTION_LENGTH = 124;
const COMMANDS = ['add', 'delete', 'clear'] as const;

function readMappings(r: ByteReader, maxFields: number): TlvMap[] {
  const mappings: TlvMap[] = [];
  while (r.left > 0) {
    const optionClass = r.u16();
    const optionType = r.u8();
    const optionLen = r.u8();
    const index = r.u16();
    r.skip(2);
    if (optionLen % 4 || optionLen > MAX_OPTION_LENGTH) {
      log.warnRl(limit, `tlv table option length (${optionLen}) is not a valid option size`);
      throw new OfpError('NXTTMFC_BAD_OPT_LEN');
    }
    if (index >= maxFields) {
      log.warnRl(limit, `tlv table field index (${index}) is too large (max ${maxFields - 1})`);
      throw new OfpError('NXTTMFC_BAD_FIELD_IDX');
    }
    mappings.push({ optionClass, optionType, optionLen, index });
  }
  return mappings;
}

function putMappings(w: ByteWriter, mappings: readonly TlvMap[]): void {
  for (const m of mappings) w.u16(m.optionClass).u8(m.optionType).u8(m.optionLen).u16(m.index).u16(0);
}

/** printf's %#x in a field of that width. */
const hex = (n: number, width: number): string => (n ? `0x${n.toString(16)}` : '0').padStart(width);

const tableText = (mappings: readonly TlvMap[]): string =>
  ' mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------' +
  mappings
    .map((m) => {
      const length = String(m.optionLen).padStart(6);
      return `\n ${hex(m.optionClass, 6)}  ${hex(m.optionType, 4)}  ${length}  tun_metadata${m.index}`;
    })
    .join('');

export const tlvTableMod: Codec<'nxt_tlv_table_mod'> = {
  decode(r) {
    const number = r.u16();
    const command = COMMANDS[number];
    if (command === undefined) {
      log.warnRl(limit, `tlv table mod command (${number}) is out of range`);
      throw new OfpError('NXTTMFC_BAD_COMMAND');
    }
    r.skip(6);
    return { kind: 'nxt_tlv_table_mod', command, mappings: readMappings(r, MAX_FIELDS) };
  },
  encode(w, m) {
    w.u16(COMMANDS.indexOf(m.command)).zero(6);
    putMappings(w, m.mappings);
  },
  format(m) {
    if (m.command === 'clear') return '\n CLEAR';
    return `\n ${m.command === 'add' ? 'ADD' : 'DEL'}${tableText(m.mappings)}`;
  },
};

export const tlvTableRequest = emptyCodec('nxt_tlv_table_request');

export const tlvTableReply: Codec<'nxt_tlv_table_reply'> = {
  decode(r) {
    const maxOptionSpace = r.u32();
    const maxFields = r.u16();
    r.skip(10);
    return { kind: 'nxt_tlv_table_reply', maxOptionSpace, maxFields, mappings: readMappings(r, maxFields) };
  },
  encode(w, m) {
    w.u32(m.maxOptionSpace).u16(m.maxFields).zero(10);
    putMappings(w, m.mappings);
  },
  format(m) {
    const used = m.mappings.reduce((sum, map) => sum + map.optionLen, 0);
    return (
      `\n max option space=${m.maxOptionSpace} max fields=${m.maxFields}\n` +
      ` allocated option space=${used}\n\n${tableText(m.mappings)}`
    );
  },
};
