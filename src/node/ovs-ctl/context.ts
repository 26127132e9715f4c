/** What the commands of ovs-ctl share: their settings, the lines they print, and the programs they run. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Directories } from '../../base/host.ts';
import type { ToolIo } from '../../ctl/tool.ts';
import { toSystemError } from '../system-error.ts';
import { installationRoot } from '../tool-main.ts';
import type { CtlCommandLine, Settings } from './options.ts';

/** What a program prints that we read: flow tables may be large. */
const MAX_OUTPUT = 1 << 30;

export class Context {
  readonly io: ToolIo;
  readonly settings: Settings;
  readonly externalIds: readonly string[];
  /** Absolute: the daemons work elsewhere. */
  readonly dirs: Directories;
  readonly env: NodeJS.ProcessEnv;
  readonly #vsctlOptions: readonly string[];

  constructor(io: ToolIo, { settings, externalIds }: CtlCommandLine) {
    this.io = io;
    this.externalIds = externalIds;
    const { run, log, db, sysconf, pkgdata } = io.host.dirs;
    this.dirs = {
      run: path.resolve(run),
      log: path.resolve(log),
      db: path.resolve(db),
      sysconf: path.resolve(sysconf),
      pkgdata: path.resolve(pkgdata),
    };
    this.settings = {
      ...settings,
      'db-file': path.resolve(settings['db-file']),
      'db-sock': path.resolve(settings['db-sock']),
      'db-schema': path.resolve(settings['db-schema']),
    };
    this.#vsctlOptions = [`--db=unix:${this.settings['db-sock']}`, '--no-wait'];
    this.env = {
      ...io.env,
      LC_ALL: 'C',
      OVS_RUNDIR: this.dirs.run,
      OVS_LOGDIR: this.dirs.log,
      OVS_DBDIR: this.dirs.db,
      OVS_SYSCONFDIR: this.dirs.sysconf,
      OVS_PKGDATADIR: this.dirs.pkgdata,
    };
  }

  is(name: keyof Settings): boolean {
    return this.settings[name] === 'yes';
  }

  success(message: string): void {
    this.io.out(`${message}.\n`);
  }

  failure(message: string): void {
    this.io.out(`${message} ... failed!\n`);
  }

  warning(message: string): void {
    this.io.out(`${message} ... (warning).\n`);
  }

  /** Says what is done and whether it worked. */
  action(message: string, work: () => boolean): boolean {
    const good = work();
    if (good) this.success(message);
    else this.failure(message);
    return good;
  }

  /** The path of a program of this installation. */
  program(name: string): string {
    return path.join(installationRoot(), 'bin', name);
  }

  /** Runs one of them with our output as its own. @returns whether its exit status was 0 */
  run(name: string, args: readonly string[]): boolean {
    return this.spawn(this.program(name), args, {}).status === 0;
  }

  /** @returns what it wrote to standard output, or undefined if it failed, about which it wrote to standard error */
  capture(name: string, args: readonly string[]): string | undefined {
    const { status, stdout } = this.spawn(this.program(name), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    return status === 0 ? stdout : undefined;
  }

  /** Runs any program; that it cannot be run is told the user. */
  spawn(
    file: string,
    args: readonly string[],
    options: SpawnSyncOptions,
  ): { status: number | null; stdout: string } {
    const { status, stdout, error } = spawnSync(file, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: this.env,
      maxBuffer: MAX_OUTPUT,
      ...options,
      encoding: 'utf8',
    });
    if (error) this.io.err(`${this.io.program}: ${file}: ${toSystemError(error).message}\n`);
    return { status: error ? null : status, stdout };
  }

  /** Changes the database without waiting for the switch, which may not run. */
  vsctl(args: readonly string[]): boolean {
    return this.run('ovs-vsctl', [...this.#vsctlOptions, ...args]);
  }

  /** The lines that ovs-vsctl prints; undefined if it fails. */
  vsctlLines(args: readonly string[]): string[] | undefined {
    return this.capture('ovs-vsctl', [...this.#vsctlOptions, ...args])
      ?.split('\n')
      .filter(Boolean);
  }
}
