/**
 * The process around a command-line tool: its streams, its log, `--version`, its exit status.
 *
 * Output is written with synchronous calls: it keeps its order between the two streams, survives an exit, and
 * spares a tool that lives for milliseconds the loading of `process.stdout`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { UsageError } from '../base/getopt.ts';
import { type Tool, ToolError, type ToolIo } from '../ctl/tool.ts';
import { handleFatalSignals } from './fatal-signals.ts';
import { NodeHost } from './host.ts';
import { installLogSink } from './log-sink.ts';

/** Writes all of `bytes`, waiting where a pipe is full. A reader that went away ends the process quietly. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let n = 0; n < bytes.length; ) {
    try {
      n += fs.writeSync(fd, bytes, n);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(141);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** The name that messages carry: that of the program as it was called. */
export const programName = (fallback: string): string => process.env['OVS_TS_PROGRAM'] ?? fallback;

export function processIo(program: string): ToolIo & { readonly host: NodeHost } {
  let isTty: boolean | undefined;
  return {
    host: new NodeHost({ quick: true }),
    program,
    env: process.env,
    out: (text) => writeAll(1, Buffer.from(text)),
    err: (text) => writeAll(2, Buffer.from(text)),
    outBytes: (bytes) => writeAll(1, bytes),
    die: (signal) => {
      process.removeAllListeners(`SIG${signal}`);
      process.kill(process.pid, `SIG${signal}`);
      return process.exit(142);
    },
    expectSignals: () => handleFatalSignals(),
    readStdin: () => fs.readFileSync(0),
    get isTty() {
      if (isTty === undefined) isTty = fs.fstatSync(1).isCharacterDevice() && process.stdout.isTTY === true;
      return isTty;
    },
    get terminalColumns() {
      return this.isTty ? process.stdout.columns : undefined;
    },
  };
}

/** Runs a tool as this process. */
export async function runTool(name: string, tool: Tool): Promise<void> {
  const program = programName(name);
  const plain = processIo(program);
  const sink = installLogSink(program, plain.host.loop.clock);
  const io: ToolIo = Object.assign(plain, {
    chooseSyslog: (what: 'method' | 'target', value: string) => {
      if (what === 'target') return sink.setSyslogTarget(value);
      try {
        sink.setSyslogMethod(value);
      } catch (error) {
        throw new ToolError((error as Error).message);
      }
    },
    record: async (mode: 'record' | 'replay', dir: string | undefined) => {
      try {
        await plain.host.record(mode, dir);
      } catch (error) {
        throw new ToolError(`cannot ${mode}: ${(error as Error).message}`);
      }
    },
    openLog: (file?: string) => sink.openAsked(file, path.join(plain.host.dirs.log, `${program}.log`)),
  });
  let status: number;
  try {
    status = await tool(process.argv.slice(2), io);
  } catch (error) {
    if (error instanceof UsageError || error instanceof ToolError) {
      io.err(`${program}: ${error.message}\n`);
      status = error instanceof ToolError ? error.status : 1;
    } else {
      io.err(`${program}: ${error instanceof Error ? error.stack : String(error)}\n`);
      status = 134;
    }
  }
  process.exit(status);
}

/** Where this installation's own files are (bin/, dist/, share/). */
export const installationRoot = (): string =>
  process.env['OVS_TS_ROOT'] ?? path.resolve(import.meta.dirname, '../..');
