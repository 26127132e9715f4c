/**
 * The order of the layers: a file may import from its own folder and from those above it in the list. Core
 * folders may not import from hosts, nor from Node. Type-level rules are tsconfig.core.json's.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const LAYERS = [
  'base',
  'packet',
  'flow',
  'jsonrpc',
  'openflow',
  'odp',
  'classifier',
  'ovsdb',
  'datapath',
  'ofproto',
  'vswitchd',
  'ctl',
  'api',
  'node',
  'sim',
  'web',
  'console',
];
const HOSTS = new Set(['node', 'web', 'sim', 'console']);
const src = path.resolve(import.meta.dirname, '../src');

const sources = fs
  .readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.ts') && !f.endsWith('.d.ts'));

function importsOf(file: string): string[] {
  const text = fs.readFileSync(path.join(src, file), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import\s+'([^']+)'/g,
  );
  return [...found].map((m) => m[1] ?? m[2] ?? m[3]!);
}

test('every folder of src/ is a known layer', () => {
  for (const file of sources) assert.ok(LAYERS.includes(file.split('/')[0]!), file);
});

test('imports go down only', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const layer = file.split('/')[0]!;
    if (file.endsWith('.test.ts')) continue;
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) continue;
      const other = path.relative(src, path.resolve(src, path.dirname(file), target)).split('/')[0]!;
      if (LAYERS.indexOf(other) > LAYERS.indexOf(layer)) wrong.push(`${file} imports ${target}`);
      if (HOSTS.has(layer) && HOSTS.has(other) && other !== layer)
        wrong.push(`${file} imports another host: ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('core files import nothing from outside of src/', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    if (HOSTS.has(file.split('/')[0]!) || file.endsWith('.test.ts')) continue;
    for (const target of importsOf(file))
      if (!target.startsWith('.')) wrong.push(`${file} imports ${target}`);
  }
  assert.deepEqual(wrong, []);
});
