/** Collects what is logged, for tests. */
import { setVlogSink, type VlogDestination, type VlogLevel } from '../../src/base/vlog.ts';

/** Each capture is long after the last one: rate limits start afresh. */
let captures = 0;

/** What is logged to a destination goes to `write`, without its time and number, until the sink is set anew. */
function collect(wanted: VlogDestination, write: (level: VlogLevel, line: string) => void): void {
  const start = ++captures * 3_600_000;
  setVlogSink({
    program: 'test',
    pid: 1,
    hostname: 'test',
    wallMs: () => 0,
    monotonicMs: () => start + performance.now(),
    localOffsetMinutes: () => 0,
    syslogPrefix: '',
    isOpen: (destination) => destination === wanted,
    write: (_destination, level, line) => write(level, line.replace(/^[^|]*\|[^|]*\|/, '')),
  });
}

/**
 * Collects lines of these levels, as 'module|LEVEL|message'.
 * @returns the lines so far, and how to stop
 */
export function captureLog(levels: readonly VlogLevel[]): { lines: string[]; stop: () => void } {
  const lines: string[] = [];
  collect('file', (level, line) => {
    if (levels.includes(level)) lines.push(line);
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

/** Runs `fn`; what it logs to the console goes to `write`, as 'module|LEVEL|message'. */
export async function withConsoleLog<T>(write: (line: string) => void, fn: () => Promise<T>): Promise<T> {
  collect('console', (_level, line) => write(line));
  try {
    return await fn();
  } finally {
    setVlogSink(undefined);
  }
}
