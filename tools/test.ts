/**
 * `npm test`: builds, checks types, lint and format, then runs every test with Node's runner.
 * Arguments are paths of test files or folders; without any, everything is tested.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { buildAll } from './build.ts';
import { check } from './check.ts';

const root = path.resolve(import.meta.dirname, '..');
process.chdir(root);

const paths = process.argv.slice(2);
const files = (paths.length > 0 ? paths : ['src', 'test']).flatMap((p) =>
  fs.statSync(p).isDirectory()
    ? fs
        .readdirSync(p, { recursive: true, encoding: 'utf8' })
        .filter((f) => f.endsWith('.test.ts'))
        .map((f) => path.join(p, f))
    : [p],
);

await buildAll();
if (paths.length === 0 && !check()) process.exit(1);
const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-concurrency=2',
    '--test-timeout=300000',
    ...files.sort(),
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
