import { ovsOfctl } from '../../ctl/ovs-ofctl/ovs-ofctl.ts';
import { runTool } from '../tool-main.ts';

/** These commands stay, with a control socket: the code for that is loaded only then. */
if (process.argv.includes('monitor') || process.argv.includes('snoop')) {
  void import('../ovs-ofctl-daemon.ts').then(({ runOfctlDaemon }) => runOfctlDaemon());
} else {
  void runTool('ovs-ofctl', ovsOfctl);
}
