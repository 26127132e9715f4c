/**
 * `npm run bench [-- GROUP...] [--json FILE] [--runs N] [--quick] [--only REGEXP]`: measures this implementation and Debian's
 * C daemons side by side and prints the ratios. Needs root and the Debian packages openvswitch-switch, iperf3.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildAll } from '../tools/build.ts';
import type { Group, Row } from './row.ts';

const GROUPS = ['forwarding', 'openflow', 'openflow-codec', 'ovsdb', 'tools', 'classifier'] as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    runs: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
const chosen = positionals.length > 0 ? positionals : [...GROUPS];
for (const name of chosen) {
  if (!(GROUPS as readonly string[]).includes(name)) {
    console.error(`bench: no group '${name}'; there are ${GROUPS.join(', ')}`);
    process.exit(2);
  }
}

const number = (n: number | undefined): string =>
  n === undefined ? '-' : n >= 100 ? n.toFixed(0) : n >= 1 ? n.toFixed(2) : n.toPrecision(3);

await buildAll();
const rows: Row[] = [];
console.log(
  `${'group'.padEnd(11)} ${'name'.padEnd(56)} ${'unit'.padEnd(10)} ${'ours'.padStart(10)} ${'C'.padStart(10)} ${'ratio'.padStart(7)}`,
);
for (const name of chosen) {
  const { run } = (await import(path.join(import.meta.dirname, `${name}.ts`))) as { run: Group };
  const options = { runs: Number(values.runs), quick: values.quick, only: new RegExp(values.only) };
  for await (const row of await run(options)) {
    rows.push(row);
    console.log(
      `${row.group.padEnd(11)} ${row.name.padEnd(56)} ${row.unit.padEnd(10)} ${number(row.ours).padStart(10)} ${number(row.theirs).padStart(10)} ${number(row.ratio).padStart(7)}`,
    );
  }
}
if (values.json) fs.writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(0);
