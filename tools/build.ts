/**
 * Bundles every program of src/node/main/ into dist/PROGRAM/main.js: one file a program, plus what it loads
 * lazily. A tool starts two to three times faster from its bundle than from the source.
 */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');

export async function buildAll(): Promise<void> {
  const mains = path.join(root, 'src/node/main');
  const dist = path.join(root, 'dist');
  fs.rmSync(dist, { recursive: true, force: true });
  const programs = fs.readdirSync(mains).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
  await Promise.all(
    programs.map((file) =>
      build({
        entryPoints: { main: path.join(mains, file) },
        outdir: path.join(dist, path.basename(file, '.ts')),
        bundle: true,
        splitting: true,
        minifySyntax: true,
        minifyWhitespace: true,
        format: 'esm',
        platform: 'node',
        target: 'node26',
        logLevel: 'error',
        chunkNames: '[name]-[hash]',
      }),
    ),
  );
}

if (import.meta.main) await buildAll();
