/**
 * The commands that every daemon answers on its control socket: logging, coverage, time, memory.
 * What a daemon has of its own it registers itself. C counterparts: lib/vlog.c, coverage.c, timeval.c, memory.c.
 */
import { COVERAGE_INTERVAL_MS, coverageRun, coverageText, findCoverage } from './coverage.ts';
import type { Loop } from './loop.ts';
import { type UnixctlCommands, UnixctlError } from './unixctl.ts';
import {
  setVlogFromSpec,
  setVlogLevel,
  setVlogRateLimits,
  vlog,
  vlogLevelsText,
  vlogPatternsText,
} from './vlog.ts';

/** What the host does for the log file. */
export interface LogFile {
  /** Opens the file again (after rotation). @throws SystemError; UnixctlError when there is none */
  reopen(): void;
  close(): void;
}

const log = vlog('vlog');

export function registerLogCommands(commands: UnixctlCommands, file: LogFile): void {
  commands.register(
    'vlog/set',
    '{spec | PATTERN:destination:pattern}',
    0,
    Number.POSITIVE_INFINITY,
    (specs) => {
      if (specs.length === 0) setVlogLevel(undefined, 'any', 'dbg');
      for (const spec of specs) {
        const error = setVlogFromSpec(spec);
        if (error !== undefined) throw new UnixctlError(error);
      }
      return '';
    },
  );
  commands.register('vlog/list', '', 0, 0, vlogLevelsText);
  commands.register('vlog/list-pattern', '', 0, 0, vlogPatternsText);
  for (const [verb, honor] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    commands.register(`vlog/${verb}-rate-limit`, '[module]...', 0, Number.POSITIVE_INFINITY, (names) => {
      if (!setVlogRateLimits(names, honor)) throw new UnixctlError('unknown module');
      return '';
    });
  }
  commands.register('vlog/reopen', '', 0, 0, () => {
    file.reopen();
    return '';
  });
  commands.register('vlog/close', '', 0, 0, () => {
    file.close();
    return '';
  });
  commands.register('vlog/message', undefined, 1, 1, ([text]) => {
    log.info(`user-message: ${text}`);
    return '';
  });
}

export function registerCoverageCommands(commands: UnixctlCommands, loop: Loop): void {
  commands.register('coverage/show', '', 0, 0, coverageText);
  commands.register('coverage/read-counter', 'COUNTER', 1, 1, ([name]) => {
    const counter = findCoverage(name!);
    if (!counter) throw new UnixctlError('No such counter');
    return `${counter.total}\n`;
  });
  const roll = (): void => {
    coverageRun();
    loop.after(COVERAGE_INTERVAL_MS, roll);
  };
  loop.after(COVERAGE_INTERVAL_MS, roll);
}

export function registerTimeCommands(commands: UnixctlCommands, loop: Loop): void {
  commands.register('time/stop', '', 0, 0, () => {
    loop.stopClock();
    return '';
  });
  commands.register('time/warp', '[large_msecs] msecs', 1, 2, async (args) => {
    const [total, step] = args.map((text) => (/^\s*\d+$/.test(text) ? Number(text) : 0));
    const stepMs = args.length > 1 ? step! : total!;
    if (!(total! > 0 && stepMs > 0)) throw new UnixctlError('invalid MSECS');
    await new Promise<void>((done) => loop.warp(total!, stepMs, done));
    return 'warped';
  });
}
