/** Collects what is logged, for tests. */
import { setVlogSink } from '../../src/base/vlog.ts';

/** Runs `fn` and returns the lines that were logged at ERR or EMER meanwhile, as 'module|LEVEL|message'. */
export function errorsLogged(fn: () => void): string[] {
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
      if (level === 'err' || level === 'emer') lines.push(line.replace(/^[^|]*\|[^|]*\|/, ''));
    },
  });
  try {
    fn();
  } finally {
    setVlogSink(undefined);
  }
  return lines;
}
