/** For tests: a database control tool (ovs-vsctl, vtep-ctl) and a database server in a simulated world. */
import assert from 'node:assert/strict';
import type { Tool } from '../../src/ctl/tool.ts';
import { schemaJson } from '../../src/ovsdb/schemas/schema-json.ts';
import type { SchemaSpec } from '../../src/ovsdb/schemas/spec.ts';
import { startSimDatabase } from '../../src/sim/sim-database.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { callTool } from './tool-world.ts';

/** A database server with an empty database, and functions that call the tool on it. */
export async function dbCtlWorld(program: string, tool: Tool, schema: SchemaSpec) {
  const host = new SimHost();
  await startSimDatabase(host, schemaJson(schema));

  const call = (...argv: string[]) => callTool(host, program, tool, argv);

  /** What a call that must succeed prints. */
  const output = async (...argv: string[]): Promise<string> => {
    const { out, err, status } = await call(...argv);
    assert.equal(status, 0, err);
    return out;
  };

  /** The message of a call that must fail. */
  const failure = async (...argv: string[]): Promise<string> => {
    const { err, status } = await call(...argv);
    assert.equal(status, 1);
    return err.slice(err.indexOf(`${program}: `) + program.length + 2).trimEnd();
  };
  return { host, call, output, failure };
}
