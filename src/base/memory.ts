/**
 * What memory is spent on: the command `memory/show`, and a report in the log when the process has grown.
 * C counterpart: lib/memory.c.
 */
import type { Host } from './host.ts';
import type { UnixctlCommands } from './unixctl.ts';
import { vlog } from './vlog.ts';

const log = vlog('memory');

/** Before the first report, and from one look to the next. */
const CHECK_INTERVAL_MS = 10_000;
/** How much larger than at the last report is worth another. */
const GROWTH = 1.5;

/** Numbers of things that one may expect to cost memory. */
export type MemoryUsage = ReadonlyMap<string, number>;

/** @returns 'NAME:NUMBER NAME:NUMBER...' */
const usageText = (usage: MemoryUsage): string =>
  [...usage]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, n]) => `${name}:${n}`)
    .join(' ');

/** Registers the command and begins to watch. */
export function watchMemory(host: Host, commands: UnixctlCommands, usage: () => MemoryUsage): void {
  commands.register('memory/show', '', 0, 0, () => usageText(usage()));
  const { loop } = host;
  if (!host.peakResidentKb) return;
  const started = loop.now();
  let reportedKb = 0;
  let reportedMs = started;
  const check = (): void => {
    loop.after(CHECK_INTERVAL_MS, check);
    const kb = host.peakResidentKb!();
    const now = loop.now();
    const seconds = ((now - reportedMs) / 1000).toFixed(1);
    if (reportedKb === 0) {
      log.info(`${kb} kB peak resident set size after ${seconds} seconds`);
    } else if (kb >= reportedKb * GROWTH) {
      const percent = ((kb / reportedKb - 1) * 100).toFixed(0);
      log.info(
        `peak resident set size grew ${percent}% in last ${seconds} seconds, from ${reportedKb} kB to ${kb} kB`,
      );
    } else {
      return;
    }
    reportedKb = kb;
    reportedMs = now;
    const text = usageText(usage());
    if (text !== '') log.info(text);
  };
  loop.after(CHECK_INTERVAL_MS, check);
}
