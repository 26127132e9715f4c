/** For tests: calls a command-line tool as a function in a simulated host. */
import { UsageError } from '../../src/base/getopt.ts';
import { type Tool, ToolError, type ToolIo } from '../../src/ctl/tool.ts';
import { inVirtualTime } from '../../src/sim/sim-database.ts';
import type { SimHost } from '../../src/sim/sim-host.ts';
import { withConsoleLog } from './log-capture.ts';

export interface Outcome {
  readonly out: string;
  /** Lines of the log that go to the console begin with "LOG|" and lack their time and number. */
  readonly err: string;
  readonly status: number;
}

/** @param argv the words after the program's name */
export async function callTool(
  host: SimHost,
  program: string,
  tool: Tool,
  argv: readonly string[],
  stdin = '',
): Promise<Outcome> {
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
    readStdin: () => new TextEncoder().encode(stdin),
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
    status = error instanceof ToolError ? error.status : 1;
  }
  return { out, err, status };
}
