/**
 * Where log lines go: standard error, a file, syslog. One a process.
 *
 * The file is appended to line by line, so that what was logged before a crash is there to read.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { SystemError } from '../base/host.ts';
import type { LogFile } from '../base/management.ts';
import { UnixctlError } from '../base/unixctl.ts';
import {
  setVlogSink,
  syslogPriority,
  type VlogDestination,
  type VlogLevel,
  type VlogSink,
  vlog,
} from '../base/vlog.ts';
import { Syslog, syslogTarget } from './syslog.ts';
import { systemCall } from './system-error.ts';

const log = vlog('vlog');

export class LogSink implements VlogSink, LogFile {
  readonly program: string;
  readonly pid = process.pid;
  readonly hostname = os.hostname();
  readonly #clock: Clock;
  #fd: number | undefined;
  #name: string | undefined;
  /** Standard error is not a log destination any more once a daemon has detached. */
  #console = true;
  /** Undefined until the first line, or until an option says which. */
  #syslog: Syslog | undefined;
  syslogAlso: ((line: string) => void) | undefined;

  constructor(program: string, clock: Clock) {
    this.program = program;
    this.#clock = clock;
  }

  wallMs(): number {
    return this.#clock.wallNow();
  }
  monotonicMs(): number {
    return this.#clock.now();
  }
  localOffsetMinutes(wallMs: number): number {
    return -new Date(wallMs).getTimezoneOffset();
  }

  isOpen(destination: VlogDestination): boolean {
    if (destination === 'console') return this.#console;
    if (destination === 'syslog') return !this.syslog.isOff;
    return destination === 'file' && this.#fd !== undefined;
  }

  get syslog(): Syslog {
    this.#syslog ??= new Syslog(this.program, process.env['OVS_SYSLOG_METHOD'] || 'libc');
    return this.#syslog;
  }
  get syslogPrefix(): string {
    return this.syslog.prefix;
  }

  /** Chooses how lines get to syslog; the first choice stays. @throws Error for an unknown method */
  setSyslogMethod(method: string): void {
    this.#syslog ??= new Syslog(this.program, method);
  }

  /** Sends lines for syslog also there, IP:PORT by UDP. */
  setSyslogTarget(text: string): void {
    const send = syslogTarget(text);
    this.syslogAlso = send && ((line) => send(line, this.monotonicMs()));
    log.warn('--syslog-target flag is deprecated, use --syslog-method instead');
  }

  write(destination: VlogDestination, level: VlogLevel, line: string): void {
    if (destination === 'syslog') {
      this.syslog.log(syslogPriority(level), line, this.wallMs(), this.monotonicMs());
      return;
    }
    const fd = destination === 'file' ? this.#fd : 2;
    if (fd === undefined) return;
    try {
      fs.writeSync(fd, `${line}\n`);
    } catch {
      // A full disk or a closed terminal must not stop the program.
    }
  }

  closeConsole(): void {
    this.#console = false;
  }

  /** Opens (or opens anew) the log file. @throws SystemError */
  open(name: string): void {
    const file = path.resolve(name);
    const fd = systemCall(() => fs.openSync(file, 'a', 0o640));
    if (this.#fd !== undefined) {
      const [was, is] = [fs.fstatSync(this.#fd), fs.fstatSync(fd)];
      if (was.dev === is.dev && was.ino === is.ino) {
        fs.closeSync(fd);
        return;
      }
      log.info('closing log file');
      fs.closeSync(this.#fd);
    }
    this.#fd = fd;
    this.#name = file;
    log.info(`opened log file ${file}`);
  }

  /** Opens the log file that an option asks for. A process that cannot open what the user named ends here. */
  openAsked(named: string | undefined, otherwise: string): void {
    const name = named || otherwise;
    try {
      this.open(name);
    } catch (error) {
      log.warn(`failed to open ${name} for logging: ${(error as SystemError).message}`);
      if (named) process.exit(1);
    }
  }

  reopen(): void {
    if (this.#name === undefined) throw new UnixctlError('Logging to file not configured');
    try {
      this.open(this.#name);
    } catch (error) {
      throw new UnixctlError((error as SystemError).message);
    }
  }

  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

export function installLogSink(program: string, clock: Clock): LogSink {
  const sink = new LogSink(program, clock);
  setVlogSink(sink);
  return sink;
}
