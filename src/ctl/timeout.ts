/** `--timeout`: ends the tool as alarm(2) would when the time is up. */
import { vlog } from '../base/vlog.ts';
import { ToolError, type ToolIo } from './tool.ts';

const log = vlog('fatal_signal');

/** @param option how the user calls it, for the message. @throws ToolError unless `text` is a positive number */
export function armTimeout(io: ToolIo, text: string, option = '-t or --timeout'): void {
  const seconds = /^\d+$/.test(text) ? Number(text) : 0;
  if (seconds === 0 || seconds > 0xffffffff) throw new ToolError(`value ${text} on ${option} is invalid`);
  io.host.loop.after(seconds * 1000, () => {
    log.warn('terminating with signal 14 (Alarm clock)');
    io.die('ALRM');
  });
}
