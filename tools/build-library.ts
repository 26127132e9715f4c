/**
 * Makes what `import ... from 'ovs-ts/openflow'` finds: one module without imports, and its types.
 *
 * The module is for any engine of ES2022, in Node and elsewhere. The types are the declarations of the files that the
 * module's own declarations lead to; the compiler writes many more.
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
const ENTRY = 'api/openflow/index';

async function buildModule(out: string): Promise<void> {
  await build({
    entryPoints: [path.join(root, `src/${ENTRY}.ts`)],
    outfile: path.join(out, 'openflow.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'error',
  });
}

/** Declarations are all in one tree, and import each other by the names of their sources. */
async function buildTypes(out: string): Promise<void> {
  const all = `${out}.types`;
  const tsc = path.join(root, 'node_modules/.bin/tsc');
  await promisify(execFile)(tsc, ['-p', 'tsconfig.lib.json', '--outDir', all], { cwd: root });
  const wanted = new Set([`${ENTRY}.d.ts`]);
  for (const file of wanted) {
    const text = fs
      .readFileSync(path.join(all, file), 'utf8')
      .replaceAll(
        /(from |import\()(['"])(\.[^'"]*)\.ts\2/g,
        (_, before: string, quote: string, to: string) => {
          wanted.add(path.join(path.dirname(file), `${to}.d.ts`));
          return `${before}${quote}${to}.js${quote}`;
        },
      );
    const target = path.join(out, 'types', file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }
  fs.rmSync(all, { recursive: true });
}

/** @param out the directory to make, `dist/lib` */
export async function buildLibrary(out: string): Promise<void> {
  await Promise.all([buildModule(out), buildTypes(out)]);
}
