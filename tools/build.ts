/**
 * Bundles every program of src/node/main/ into dist/PROGRAM.cjs. A tool starts two to three times faster from
 * its bundle than from the source; what it imports lazily stays in the file and is evaluated when needed.
 *
 * Even so most of a tool's time would be V8 compiling functions as they are first called, which Node's own compile
 * cache leaves out. So the bundle of a tool is run once for a typical use and the code that this needed is kept
 * beside it: see loadTool.
 *
 * Writes the schema files of dist/share from the schema constants beside them, and the library of build-library.ts to
 * dist/lib.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { hardwareVtepSchema } from '../src/ovsdb/schemas/hardware-vtep.ts';
import { openVswitchSchema } from '../src/ovsdb/schemas/open-vswitch.ts';
import { schemaJson } from '../src/ovsdb/schemas/schema-json.ts';
import { buildLibrary } from './build-library.ts';

const root = path.resolve(import.meta.dirname, '..');

const SCHEMA_FILES = { 'vswitch.ovsschema': openVswitchSchema, 'vtep.ovsschema': hardwareVtepSchema };

/** Uses of tools that need no server and call most of what other uses call. */
const TYPICAL_USES: Readonly<Record<string, readonly string[]>> = {
  'ovs-appctl': ['--target=/dev/null', 'version'],
  'ovs-dpctl': ['parse-actions', 'push_vlan(vid=1,pcp=0),1'],
  'ovs-ofctl': ['parse-flow', 'in_port=1,ip,nw_dst=10.0.0.0/8,actions=set_field:1->reg0,output:2'],
  'ovs-vsctl': ['--db=unix:/dev/null', 'get', 'Open_vSwitch', '.', 'ovs_version'],
  'ovsdb-client': ['list-dbs', 'unix:/dev/null'],
  'ovsdb-tool': ['db-version', '/dev/null'],
  'vtep-ctl': ['--db=unix:/dev/null', 'list-ps'],
};

/**
 * esbuild copies all properties of each of Node's modules for each file that imports it, to be able to add a `default`:
 * a sixth of a tool's start. Objects that inherit from the modules do as well.
 */
const NODE_MODULES = {
  banner: 'var __node=(n,m=require(n))=>Object.create(m,{default:{value:m}});',
  copied: /__toESM\(require\("(node:[^"]+)"\),1\)/g,
  inherited: '__node("$1")',
} as const;

function inheritNodeModules(file: string): void {
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace(NODE_MODULES.copied, NODE_MODULES.inherited));
}

/**
 * Becomes the program that runs a tool's bundle, PROGRAM.js, with the code in PROGRAM.code. V8 refuses code of another
 * version of itself or with other flags; the tool starts a little slower then.
 */
function loadTool(require: NodeJS.Require, module: NodeJS.Module, directory: string, program: string): void {
  const fs: typeof import('node:fs') = require('node:fs');
  const vm: typeof import('node:vm') = require('node:vm');
  const base = `${directory}/${program}`;
  let cachedData: Buffer | undefined;
  try {
    cachedData = fs.readFileSync(`${base}.code`);
  } catch {
    // Not recorded.
  }
  // esbuild writes nothing but ASCII.
  const source = fs.readFileSync(`${base}.js`, 'latin1');
  const script = new vm.Script(`(function(exports,require,module){${source}\n})`, {
    filename: `${base}.js`,
    ...(cachedData && { cachedData }),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const record = process.env['OVS_TS_RECORD_CODE'];
  if (record !== undefined) process.on('exit', () => fs.writeFileSync(record, script.createCachedData()));
  script.runInThisContext()(module.exports, require, module);
}

/** Options that bin/launch.sh runs tools with. */
export function toolOptions(): string[] {
  const launcher = fs.readFileSync(path.join(root, 'bin/launch.sh'), 'utf8');
  return /^tool_options='([^']*)'$/m.exec(launcher)![1]!.split(' ');
}

/** Puts that program in the place of a tool's bundle, and records its code. */
function recordTool(dist: string, program: string, args: readonly string[]): void {
  const base = path.join(dist, program);
  fs.renameSync(`${base}.cjs`, `${base}.js`);
  fs.writeFileSync(`${base}.cjs`, `(${loadTool})(require, module, __dirname, ${JSON.stringify(program)});\n`);
  const { NODE_OPTIONS: _, ...env } = process.env;
  spawnSync(process.execPath, [...toolOptions(), `${base}.cjs`, ...args], {
    env: { ...env, OVS_TS_ROOT: root, OVS_TS_RECORD_CODE: `${base}.code` },
    timeout: 10_000,
  });
}

export async function buildAll(): Promise<void> {
  const mains = path.join(root, 'src/node/main');
  const dist = path.join(root, `dist.${process.pid}`);
  const programs = fs.readdirSync(mains).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
  await Promise.all([
    buildLibrary(path.join(dist, 'lib')),
    ...programs.map((file) =>
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
        banner: { js: NODE_MODULES.banner },
        logLevel: 'error',
        logOverride: { 'empty-import-meta': 'silent' },
      }),
    ),
  ]);
  for (const file of programs) inheritNodeModules(path.join(dist, `${path.basename(file, '.ts')}.cjs`));
  for (const [program, args] of Object.entries(TYPICAL_USES)) recordTool(dist, program, args);
  fs.mkdirSync(path.join(dist, 'share'));
  for (const [file, schema] of Object.entries(SCHEMA_FILES))
    fs.writeFileSync(path.join(dist, 'share', file), `${JSON.stringify(schemaJson(schema), null, 2)}\n`);
  // All or nothing: a build that fails leaves the last one in place.
  replaceDirectory(path.join(root, 'dist'), dist);
}

/** Puts `by` in the place of `directory`, even where another build does the same. */
function replaceDirectory(directory: string, by: string): void {
  for (let tries = 1; ; tries++) {
    fs.rmSync(directory, { recursive: true, force: true });
    try {
      fs.renameSync(by, directory);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || tries === 10) throw error;
    }
  }
}

if (import.meta.main) await buildAll();
