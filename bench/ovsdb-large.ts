/** A database of many rows, such as a controller of virtual networks keeps. */
import fs from 'node:fs';
import { composeRecord, OVSDB_MAGIC } from '../src/ovsdb/log.ts';

const strings = { key: 'string', min: 0, max: 'unlimited' };
const map = { key: 'string', value: 'string', min: 0, max: 'unlimited' };
const optional = (type: string): object => ({ key: type, min: 0, max: 1 });

export const LARGE_SCHEMA = {
  name: 'Large',
  version: '1.0.0',
  tables: {
    Port: {
      columns: {
        name: { type: 'string' },
        type: { type: 'string' },
        addresses: { type: strings },
        port_security: { type: strings },
        options: { type: map },
        parent_name: { type: optional('string') },
        tag: { type: optional('integer') },
        up: { type: optional('boolean') },
        enabled: { type: optional('boolean') },
        external_ids: { type: map },
      },
      indexes: [['name']],
      isRoot: true,
    },
  },
};

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');

/** Row `i`, as JSON. */
export function largeRow(i: number): object {
  const address = `0a:00:00:${hex((i >> 16) & 255, 2)}:${hex((i >> 8) & 255, 2)}:${hex(i & 255, 2)} 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
  return {
    name: `port-${i}`,
    addresses: address,
    port_security: address,
    up: i % 3 !== 0,
    options: ['map', [['requested-chassis', `host-${i % 500}.example.net`]]],
    external_ids: [
      'map',
      [
        ['device', `vm-${i >> 1}`],
        ['project', `project-${i % 100}`],
        ['revision', String(i % 7)],
      ],
    ],
  };
}

/** Writes a database file with `rows` rows, as a compaction leaves it. */
export function largeFile(file: string, rows: number): void {
  const records = [composeRecord(OVSDB_MAGIC, JSON.stringify(LARGE_SCHEMA)).slice()];
  if (rows > 0) {
    const table: Record<string, object> = {};
    for (let i = 0; i < rows; i++) table[`${hex(i, 8)}-0000-4000-8000-000000000000`] = largeRow(i);
    records.push(composeRecord(OVSDB_MAGIC, JSON.stringify({ Port: table, _date: 0 })).slice());
  }
  fs.writeFileSync(file, Buffer.concat(records));
}
