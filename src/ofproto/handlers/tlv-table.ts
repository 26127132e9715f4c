/** NXT_TLV_TABLE_MOD and _REQUEST: which tunnel options the tun_metadata fields stand for. */
import { TUN_METADATA_OPTIONS, TUN_METADATA_WORDS, type TunTable } from '../../flow/tun-metadata.ts';
import { OfpError } from '../../openflow/errors.ts';
import type { TlvMap } from '../../openflow/messages/message.ts';
import type { Ofproto } from '../ofproto.ts';
import type { Handler } from './handler.ts';

/** A mapping may go or change only while no flow uses it. */
function isUsed({ flows }: Ofproto, index: number): boolean {
  for (const table of flows.tables) {
    for (const rule of table.classifier.rules()) if (rule.match.tun?.entries[index]) return true;
  }
  return false;
}

function withAdded(old: TunTable, mappings: readonly TlvMap[]): TunTable {
  const table = old.clone();
  for (const { index, optionClass, optionType, optionLen } of mappings) {
    const option = optionClass * 0x10000 + optionType;
    if (table.entries[index]) throw new OfpError('NXTTMFC_ALREADY_MAPPED');
    if (table.byOption(option)) throw new OfpError('NXTTMFC_DUP_ENTRY');
    if (!table.add(index, option, optionLen)) throw new OfpError('NXTTMFC_TABLE_FULL');
  }
  return table;
}

function withoutAny(ofproto: Ofproto, indexes: readonly number[]): TunTable {
  const table = ofproto.tunTable.clone();
  for (const index of indexes) {
    if (!table.entries[index]) continue;
    if (isUsed(ofproto, index)) throw new OfpError('NXTTMFC_INVALID_TLV_DEL');
    table.remove(index);
  }
  return table;
}

export const handleTlvTableMod: Handler<'nxt_tlv_table_mod'> = (m, r) => {
  r.rejectSecondary();
  const { ofproto } = r;
  if (m.command === 'add') ofproto.tunTable = withAdded(ofproto.tunTable, m.mappings);
  else {
    const all = ofproto.tunTable.entries.flatMap((e) => (e ? [e.index] : []));
    ofproto.tunTable = withoutAny(ofproto, m.command === 'clear' ? all : m.mappings.map((e) => e.index));
  }
};

export const handleTlvTableRequest: Handler<'nxt_tlv_table_request'> = (_, r) =>
  r.reply({
    kind: 'nxt_tlv_table_reply',
    maxOptionSpace: TUN_METADATA_WORDS * 4,
    maxFields: TUN_METADATA_OPTIONS,
    mappings: r.ofproto.tunTable.entries.flatMap((e) =>
      e
        ? [
            {
              optionClass: e.option >>> 16,
              optionType: e.option & 0xffff,
              optionLen: e.bytes,
              index: e.index,
            },
          ]
        : [],
    ),
  });
