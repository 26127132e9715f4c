/** Signals that end a process do so, but not without a word in the log. C counterpart: lib/fatal-signal.c. */
import { vlog } from '../base/vlog.ts';

const log = vlog('fatal_signal');

/** The log file is opened anew by `vlog/reopen`, not by SIGHUP. */
const FATAL_SIGNALS = [
  ['SIGTERM', 15, 'Terminated'],
  ['SIGINT', 2, 'Interrupt'],
  ['SIGHUP', 1, 'Hangup'],
  ['SIGALRM', 14, 'Alarm clock'],
] as const;

/** @param cleanUp what has to be done before the end */
export function handleFatalSignals(cleanUp: () => void = () => {}): void {
  for (const [signal, number, name] of FATAL_SIGNALS) {
    process.on(signal, () => {
      log.warn(`terminating with signal ${number} (${name})`);
      cleanUp();
      // Once more, without a handler: whoever waits for this process sees what ended it.
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  }
}
