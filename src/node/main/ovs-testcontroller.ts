/** The process of ovs-testcontroller. */
import fs from 'node:fs';
import {
  TESTCONTROLLER_OPTIONS,
  testcontrollerSettings,
  testcontrollerUsage,
} from '../../ctl/ovs-testcontroller/options.ts';
import { Testcontroller } from '../../ctl/ovs-testcontroller/testcontroller.ts';
import { applyTlsOptions } from '../../ctl/stream-options.ts';
import { ToolError } from '../../ctl/tool.ts';
import { runDaemon } from '../daemon.ts';

void runDaemon({
  name: 'ovs-testcontroller',
  options: TESTCONTROLLER_OPTIONS,
  usage: (program, { dirs }) => testcontrollerUsage(program, dirs.run, dirs.log),
  versionLines: 'OpenFlow versions 0x1:0x6\n',
  async start({ host, options, args, program, exit, fatal, atExit }) {
    try {
      const settings = testcontrollerSettings(options, (message) =>
        fs.writeSync(2, `${program}: ${message}\n`),
      );
      if (args.length === 0)
        throw new ToolError('at least one vconn argument required; use --help for usage');
      applyTlsOptions(host.streams, options);
      const controller = new Testcontroller(host, settings, () => exit(0));
      atExit(() => controller.close());
      await controller.start(args);
    } catch (error) {
      if (error instanceof ToolError) fatal(error.message);
      throw error;
    }
  },
});
