/** ovs-ofctl monitor and snoop: they print what a switch says, in the background with --detach. */
import fs from 'node:fs';
import { UsageError } from '../base/getopt.ts';
import { runOfctl } from '../ctl/ovs-ofctl/ovs-ofctl.ts';
import { OFCTL_OPTIONS } from '../ctl/ovs-ofctl/settings.ts';
import { usage } from '../ctl/ovs-ofctl/usage.ts';
import { ToolError } from '../ctl/tool.ts';
import { type Daemon, runDaemon } from './daemon.ts';
import { systemCall } from './system-error.ts';
import { processIo } from './tool-main.ts';

const STDERR = 2;

/** Puts a file in the place of standard error. */
function redirectErrors(file: string): void {
  const opened = systemCall(() => fs.openSync(file, 'w', 0o666));
  // The lowest free descriptor is the one just closed.
  fs.closeSync(STDERR);
  fs.openSync(`/proc/self/fd/${opened}`, 'a');
  fs.closeSync(opened);
}

const daemon: Daemon<keyof typeof OFCTL_OPTIONS> = {
  name: 'ovs-ofctl',
  options: OFCTL_OPTIONS,
  keepsOutput: 'errors',
  usage: (program, host) => usage({ ...processIo(program), host }),
  start: ({ program, host, commands, options, args, exit, fatal }) =>
    new Promise((ready) => {
      const io = { ...processIo(program), host };
      runOfctl(io, options, args, { commands, ready, redirectErrors }).then(exit, (error: unknown) => {
        if (error instanceof ToolError || error instanceof UsageError) fatal(error.message);
        throw error;
      });
    }),
};

export const runOfctlDaemon = (): Promise<void> => runDaemon(daemon);
