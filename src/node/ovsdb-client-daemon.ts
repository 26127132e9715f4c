/** ovsdb-client --detach: prints the first results, lets the shell go on, and keeps printing. */
import fs from 'node:fs';
import { CLIENT_OPTIONS, runClient } from '../ctl/ovsdb-client/ovsdb-client.ts';
import { ToolError } from '../ctl/tool.ts';
import { type Daemon, runDaemon } from './daemon.ts';
import { processIo } from './tool-main.ts';

const daemon: Daemon<keyof typeof CLIENT_OPTIONS> = {
  name: 'ovsdb-client',
  options: CLIENT_OPTIONS,
  keepsOutput: true,
  usage: (program) => `usage: ${program} [OPTIONS] COMMAND [ARG...]\n`,
  start: ({ program, host, commands, options, args, exit, fatal }) =>
    new Promise((serves) => {
      const ready = (keepErrors: boolean): void => {
        if (!keepErrors) {
          fs.closeSync(2);
          fs.openSync('/dev/null', 'r+');
        }
        serves();
      };
      const io = { ...processIo(program), host };
      runClient(io, options, args, { commands, ready }).then(
        () => exit(0),
        (error: unknown) => {
          if (error instanceof ToolError) fatal(error.message);
          throw error;
        },
      );
    }),
};

export const runDetachedClient = (): Promise<void> => runDaemon(daemon);
