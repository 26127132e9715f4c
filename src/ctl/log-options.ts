/** The logging options that every command-line tool takes: -v, --verbose, --log-file, --syslog-*. */
import type { OptionSpec } from '../base/getopt.ts';
import { setVlogFromSpec, setVlogLevel } from '../base/vlog.ts';
import { ToolError, type ToolIo } from './tool.ts';

export const LOG_OPTIONS = {
  verbose: { long: 'verbose', short: 'v', arg: 'optional' },
  logFile: { long: 'log-file', arg: 'optional' },
  syslogMethod: { long: 'syslog-method', arg: 'required' },
  syslogTarget: { long: 'syslog-target', arg: 'required' },
} as const satisfies Record<string, OptionSpec>;

export const logUsage = (file: string): string => `
Logging options:
  -vSPEC, --verbose=SPEC   set logging levels
  -v, --verbose            set maximum verbosity level
  --log-file[=FILE]        enable logging to specified FILE
                           (default: ${file})
  --syslog-method=(libc|unix:file|udp:ip:port)
                           specify how to send messages to syslog daemon
  --syslog-target=HOST:PORT  also send syslog msgs to HOST:PORT via UDP
`;

/** Carries out one of {@link LOG_OPTIONS}. @returns whether it was one. @throws ToolError */
export function applyLogOption(io: ToolIo, id: string, value: string | undefined): boolean {
  switch (id as keyof typeof LOG_OPTIONS) {
    case 'verbose': {
      if (value === undefined) setVlogLevel(undefined, 'any', 'dbg');
      else {
        const error = setVlogFromSpec(value);
        if (error !== undefined) throw new ToolError(`processing "${value}": ${error}`);
      }
      return true;
    }
    case 'logFile':
      io.openLog?.(value);
      return true;
    case 'syslogMethod':
      io.chooseSyslog?.('method', value!);
      return true;
    case 'syslogTarget':
      io.chooseSyslog?.('target', value!);
      return true;
    default:
      return false;
  }
}
