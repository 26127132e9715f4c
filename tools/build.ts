/**
 * Bundles every program of src/node/main/ into dist/PROGRAM.cjs. A tool starts two to three times faster from
 * its bundle than from the source; what it imports lazily stays in the file and is evaluated when needed.
 * Writes dist/share/vswitch.ovsschema from the schema constant beside them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { openVswitchSchema } from '../src/ovsdb/schemas/open-vswitch.ts';
import { schemaJson } from '../src/ovsdb/schemas/schema-json.ts';

const root = path.resolve(import.meta.dirname, '..');

export async function buildAll(): Promise<void> {
  const mains = path.join(root, 'src/node/main');
  const dist = path.join(root, `dist.${process.pid}`);
  const programs = fs.readdirSync(mains).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
  await Promise.all(
    programs.map((file) =>
      build({
        entryPoints: [path.join(mains, file)],
        outfile: path.join(dist, `${path.basename(file, '.ts')}.cjs`),
        bundle: true,
        minifySyntax: true,
        minifyWhitespace: true,
        // CommonJS: loading an ES module costs a tool 8 ms before its first line.
        format: 'cjs',
        platform: 'node',
        target: 'node26',
        logLevel: 'error',
        logOverride: { 'empty-import-meta': 'silent' },
      }),
    ),
  );
  fs.mkdirSync(path.join(dist, 'share'));
  const schema = JSON.stringify(schemaJson(openVswitchSchema), null, 2);
  fs.writeFileSync(path.join(dist, 'share/vswitch.ovsschema'), `${schema}\n`);
  // All or nothing: a build that fails leaves the last one in place.
  fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  fs.renameSync(dist, path.join(root, 'dist'));
}

if (import.meta.main) await buildAll();
