/** Collects what is logged, for tests. */
import { setVlogSink, type VlogLevel } from '../../src/base/vlog.ts';

/**
 * Collects lines of these levels, as 'module|LEVEL|message'.
 * @returns the lines so far, and how to stop
 */
export function captureLog(levels: readonly VlogLevel[]): { lines: string[]; stop: () => void } {
  const lines: string[] = [];
  setVlogSink({
    program: 'test',
    pid: 1,
    hostname: 'test',
    wallMs: () => 0,
    monotonicMs: () => performance.now(),
    localOffsetMinutes: () => 0,
    syslogPrefix: '',
    isOpen: (destination) => destination === 'file',
    write: (_destination, level, line) => {
      if (levels.includes(level)) lines.push(line.replace(/^[^|]*\|[^|]*\|/, ''));
    },
  });
  return { lines, stop: () => setVlogSink(undefined) };
}

/** Runs `fn` and returns the lines that were logged at ERR or EMER meanwhile. */
export function errorsLogged(fn: () => void): string[] {
  const { lines, stop } = captureLog(['err', 'emer']);
  try {
    fn();
  } finally {
    stop();
  }
  return lines;
}
