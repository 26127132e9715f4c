/**
 * What a command-line tool is: a function of its arguments and a small world to the exit status.
 * The process around it is `src/node/tool-main.ts`; tests call the function.
 */
import type { Host } from '../base/host.ts';

export interface ToolIo {
  readonly host: Host;
  /** The name it was called by, for messages: 'ovs-vsctl'. */
  readonly program: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output and error; written at once, in order. */
  out(text: string): void;
  err(text: string): void;
  outBytes(bytes: Uint8Array): void;
  readStdin(): Uint8Array;
  /** Starts logging to a file; undefined or '' chooses the default one. @throws ToolError */
  openLog?(file: string | undefined): void;
  /** How lines get to syslog, or where they go too. @throws ToolError */
  chooseSyslog?(what: 'method' | 'target', value: string): void;
  /** Records what happens on connections from now on, or replays it. @throws ToolError */
  record?(mode: 'record' | 'replay', dir: string | undefined): Promise<void>;
  /** Whether standard output is a terminal, and how wide. */
  readonly isTty: boolean;
  readonly terminalColumns: number | undefined;
  /** The tool stays until somebody ends it: says in the log by what signal. */
  expectSignals?(): void;
  /** Ends the process as that signal would (`--timeout` dies of SIGALRM, as the C tools do). */
  die(signal: 'ALRM'): never;
}

/** Runs with the words after the program's name; the result is the exit status. */
export type Tool = (argv: readonly string[], io: ToolIo) => Promise<number>;

/** Ends the tool with "PROGRAM: MESSAGE" on standard error and a status. */
export class ToolError extends Error {
  readonly status: number;
  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}
