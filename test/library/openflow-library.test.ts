/**
 * The package as users get it: packed, installed into a project of its own, type-checked, run by this Node and by the
 * system's, and bundled for a browser. What is run are the examples of docs/openflow-library.md.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import vm from 'node:vm';
import { build, transformSync } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');
const project = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-ts-library-'));
after(() => fs.rmSync(project, { recursive: true, force: true }));

const run = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: 'utf8', timeout: 120_000, stdio: ['ignore', 'pipe', 'pipe'] });

const npm = (args: readonly string[], cwd: string): string =>
  run(
    'npm',
    [...args, '--ignore-scripts', '--offline', '--no-audit', '--no-fund', `--cache=${project}/.npm`],
    cwd,
  );

interface Example {
  readonly name: string;
  readonly source: string;
  /** What it prints, as its comments say. */
  readonly expected: string;
}

const examples: readonly Example[] = [
  ...fs.readFileSync(path.join(root, 'docs/openflow-library.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs),
].map(([, source], i) => ({
  name: `example-${i + 1}`,
  source: source!,
  expected: [...source!.matchAll(/\/\/ =>(?: (.*))?$/gm)].map((m) => `${m[1] ?? ''}\n`).join(''),
}));

/** Programs called `node` that are not the one that runs this. */
const otherNodes = [
  ...new Set(
    (process.env['PATH'] ?? '')
      .split(':')
      .map((dir) => path.join(dir, 'node'))
      .filter((file) => fs.existsSync(file))
      .map((file) => fs.realpathSync(file)),
  ),
].filter((file) => file !== fs.realpathSync(process.execPath) && !file.includes('node_modules'));

let installed = false;
/** Packs the package and installs it into the project, once. */
function install(): void {
  if (installed) return;
  const [packed] = JSON.parse(npm(['pack', '--json', `--pack-destination=${project}`], root)) as {
    filename: string;
    files: { path: string }[];
  }[];
  const foreign = packed!.files.map((f) => f.path).filter((f) => /\.ts$/.test(f) && !/\.d\.ts$/.test(f));
  assert.deepEqual(foreign, [], 'the package holds TypeScript sources');
  fs.writeFileSync(path.join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  npm(['install', path.join(project, packed!.filename)], project);
  for (const { name, source } of examples) {
    fs.writeFileSync(path.join(project, `${name}.ts`), source);
    const { code } = transformSync(source, { loader: 'ts', target: 'es2022' });
    fs.writeFileSync(path.join(project, `${name}.js`), code);
  }
  installed = true;
}

test('the examples type-check against the declarations of the package', () => {
  install();
  const config = {
    compilerOptions: {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'es2022',
      module: 'nodenext',
      lib: ['es2022', 'dom'],
      types: [],
    },
    files: examples.map(({ name }) => `${name}.ts`),
  };
  fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config));
  run(path.join(root, 'node_modules/.bin/tsc'), ['-p', project], project);
});

test('the examples print what they say', () => {
  install();
  assert.ok(examples.length >= 6);
  for (const node of [process.execPath, ...otherNodes]) {
    for (const { name, expected } of examples)
      assert.equal(run(node, [`${name}.js`], project), expected, `${name} with ${node}`);
  }
});

test('bundled for a browser the examples print the same, without anything of Node', async () => {
  install();
  for (const { name, expected } of examples) {
    const { metafile, outputFiles } = await build({
      entryPoints: [path.join(project, `${name}.ts`)],
      bundle: true,
      platform: 'browser',
      format: 'iife',
      metafile: true,
      write: false,
      logLevel: 'silent',
    });
    const imports = Object.values(metafile.outputs).flatMap((o) => o.imports);
    assert.deepEqual(imports, []);
    let printed = '';
    const console = { log: (...words: unknown[]) => (printed += `${words.join(' ')}\n`) };
    const browser = vm.createContext({ console, TextEncoder, TextDecoder });
    vm.runInContext(outputFiles[0]!.text, browser, { timeout: 20_000 });
    assert.equal(printed, expected, name);
  }
});
