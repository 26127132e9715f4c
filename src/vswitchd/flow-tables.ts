/** Flow_Table rows as settings of a bridge's tables: names, limits, eviction, prefix lookup. */
import { RateLimit, vlog } from '../base/vlog.ts';
import { DEFAULT_PREFIX_FIELDS, MAX_TRIES } from '../classifier/classifier.ts';
import { type Field, fieldByName } from '../flow/fields.ts';
import { parseSubfield, type Subfield, SubfieldError } from '../flow/subfield.ts';
import { Eviction } from '../ofproto/eviction.ts';
import type { Ofproto } from '../ofproto/ofproto.ts';
import type { OvsRow } from './configuration.ts';

const log = vlog('bridge');
const rl = new RateLimit(1, 5);

export function configureTables(ofproto: Ofproto, row: OvsRow<'Bridge'>): void {
  const { tables } = ofproto.flows;
  tables.forEach((table, id) => {
    if (table.isHidden) return;
    const config = row.flow_tables.get(id);
    table.setName(config?.name, 'database');
    const limit = config?.flow_limit;
    const maxFlows = limit !== undefined && limit < 0xffff_ffff ? limit : Number.POSITIVE_INFINITY;
    const fields = config ? groupFields(row.name, id, config) : [];
    table.setEviction('database', config?.overflow_policy === 'evict', () => new Eviction(fields));
    const current = table.eviction?.fields ?? fields;
    if (JSON.stringify(current) !== JSON.stringify(fields)) table.replaceEviction(new Eviction(fields));
    if (table.maxFlows !== maxFlows) ofproto.setMaxFlows(table, maxFlows);
    if (table.classifier.setPrefixFields(prefixFields(row.name, config?.prefixes ?? [])))
      ofproto.lookupsChanged();
  });
  for (const id of row.flow_tables.keys())
    if (!tables[id] || tables[id].isHidden)
      log.warnRl(
        rl,
        `bridge ${row.name}: ignoring configuration for flow table ${id} not supported by this datapath`,
      );
}

/** The fields for which lookups try prefixes; the default ones unless the row names some, or 'none'. */
function prefixFields(bridge: string, names: Iterable<string>): readonly Field[] {
  const fields = new Set<Field>();
  for (const name of names) {
    if (name === 'none') return [];
    const field = fieldByName(name);
    const problem = !field
      ? `'prefixes' with unknown field: ${name}`
      : !field.prefix
        ? `'prefixes' with incompatible field: ${name}`
        : fields.size >= MAX_TRIES
          ? `'prefixes' with too many fields, field not used: ${name}`
          : undefined;
    if (problem) log.warnRl(rl, `bridge ${bridge}: ${problem}`);
    else fields.add(field!);
  }
  return fields.size > 0 ? [...fields] : DEFAULT_PREFIX_FIELDS;
}

/** The fields whose values tell groups of flows apart when one has to go. */
function groupFields(bridge: string, id: number, config: OvsRow<'Flow_Table'>): Subfield[] {
  const fields: Subfield[] = [];
  for (const text of config.groups) {
    try {
      fields.push(parseSubfield(text));
    } catch (error) {
      if (!(error instanceof SubfieldError)) throw error;
      log.warnRl(rl, `bridge ${bridge} table ${id}: error parsing 'groups' (${error.message})`);
    }
  }
  return fields;
}
