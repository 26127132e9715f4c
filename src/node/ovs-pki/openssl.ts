/** Runs the program openssl, with its output in a log file. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { SystemError } from '../../base/host.ts';
import { ToolError } from '../../ctl/tool.ts';
import { systemCall, toSystemError } from '../system-error.ts';

/** Where output goes: the log, a file descriptor, or the user. */
type Output = 'log' | 'user' | number;

export interface OpensslOptions {
  readonly cwd?: string;
  readonly stdout?: Output;
  readonly stderr?: Output;
}

const NOT_THERE = 127;

export class Openssl {
  readonly #logFile: string;
  #logFd: number | undefined;

  constructor(logFile: string) {
    this.#logFile = logFile;
  }

  /** The log, which not every command needs. */
  #log(): number {
    if (this.#logFd !== undefined) return this.#logFd;
    const directory = path.dirname(this.#logFile);
    try {
      fs.mkdirSync(directory, { recursive: true, mode: 0o750 });
    } catch {
      throw new ToolError(`log directory ${directory} does not exist and cannot be created`);
    }
    try {
      this.#logFd = systemCall(() => fs.openSync(this.#logFile, 'a'));
    } catch (error) {
      throw new ToolError(`${this.#logFile}: ${(error as SystemError).message}`);
    }
    return this.#logFd;
  }

  /** @throws ToolError when openssl fails or is not there, or the log cannot be written */
  run(args: readonly string[], { cwd, stdout = 'log', stderr = 'log' }: OpensslOptions = {}): void {
    const target = (to: Output): number | 'inherit' =>
      to === 'user' ? 'inherit' : to === 'log' ? this.#log() : to;
    const { status, error } = spawnSync('openssl', args, {
      stdio: ['ignore', target(stdout), target(stderr)],
      ...(cwd === undefined ? {} : { cwd }),
    });
    if (error)
      throw new ToolError(
        `cannot run the program openssl (${toSystemError(error).message}); it must be installed`,
        NOT_THERE,
      );
    if (status === 0) return;
    const where = stderr === 'log' ? `, see ${this.#logFile}` : '';
    throw new ToolError(`openssl ${args[0]} failed${where}`, status ?? 1);
  }
}
