/** Messages about tables, except for their features. */
import { OfpError } from '../../openflow/errors.ts';
import type { TableMod } from '../../openflow/messages/message.ts';
import { Eviction } from '../eviction.ts';
import { EVICTION_FLAGS, OFPTT_ALL, type Table } from '../table.ts';
import type { Handler } from './handler.ts';
import { describeTableFeatures } from './table-features.ts';

function modify(table: Table, mod: TableMod): void {
  if (mod.miss !== 'default') table.missConfig = mod.miss;
  if (mod.eviction !== undefined) table.setEviction('openflow', mod.eviction, () => new Eviction([]));
  table.configureVacancy(mod);
}

export const handleTableMod: Handler<'table_mod'> = (m, r) => {
  r.rejectSecondary();
  const { tables } = r.ofproto.flows;
  // How flows are chosen for eviction is the switch's business.
  const table = tables[m.tableId];
  if (!table && m.tableId !== OFPTT_ALL) throw new OfpError('OFPTMFC_BAD_TABLE');
  if (m.evictionFlags !== undefined && m.evictionFlags !== EVICTION_FLAGS)
    throw new OfpError('OFPTMFC_BAD_CONFIG');
  if (!table) {
    for (const t of tables) if (!t.isReadOnly) modify(t, m);
    return;
  }
  if (table.isReadOnly) throw new OfpError('OFPTMFC_EPERM');
  modify(table, m);
};

export const handleTableStatsRequest: Handler<'table_stats_request'> = (_, r) => {
  const { ofproto } = r;
  const visible = ofproto.flows.tables.filter((t) => !t.isHidden);
  r.reply({
    kind: 'table_stats_reply',
    tables: visible.map((t) => ({
      tableId: t.id,
      activeCount: t.flowCount - (t.id === 0 ? ofproto.countHiddenRules() : 0),
      lookupCount: BigInt(t.matched + t.missed),
      matchedCount: BigInt(t.matched),
      // Later versions have messages of their own for them.
      ...(r.version < 4 ? { features: describeTableFeatures(ofproto, t) } : {}),
    })),
  });
};

export const handleTableDescRequest: Handler<'table_desc_request'> = (_, r) =>
  r.reply({
    kind: 'table_desc_reply',
    tables: r.ofproto.flows.tables.filter((t) => !t.isHidden).map((t) => t.describe()),
  });
