/** For tests: a database control tool (ovs-vsctl, vtep-ctl) and a database server in a simulated world. */
import assert from 'node:assert/strict';
import { UsageError } from '../../src/base/getopt.ts';
import { type Tool, ToolError, type ToolIo } from '../../src/ctl/tool.ts';
import { schemaJson } from '../../src/ovsdb/schemas/schema-json.ts';
import type { SchemaSpec } from '../../src/ovsdb/schemas/spec.ts';
import { inVirtualTime, startSimDatabase } from '../../src/sim/sim-database.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { withConsoleLog } from './log-capture.ts';

export interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

/** A database server with an empty database, and functions that call the tool on it. */
export async function dbCtlWorld(program: string, tool: Tool, schema: SchemaSpec) {
  const host = new SimHost();
  await startSimDatabase(host, schemaJson(schema));

  const call = async (...argv: string[]): Promise<Outcome> => {
    let out = '';
    let err = '';
    const io: ToolIo = {
      host,
      program,
      env: {},
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      outBytes: () => {},
      readStdin: () => new Uint8Array(0),
      isTty: false,
      terminalColumns: undefined,
      die: () => {
        throw new Error('killed');
      },
    };
    const log = (line: string): void => {
      err += `LOG|${line}\n`;
    };
    let status: number;
    try {
      status = await withConsoleLog(log, () => inVirtualTime(host, tool(argv, io)));
    } catch (error) {
      if (!(error instanceof ToolError || error instanceof UsageError)) throw error;
      err += `${program}: ${error.message}\n`;
      status = 1;
    }
    return { out, err, status };
  };

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
