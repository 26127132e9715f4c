import { ovsdbClient } from '../../ctl/ovsdb-client/ovsdb-client.ts';
import { runTool } from '../tool-main.ts';

/** With --detach it is a daemon, which few calls are: the code for that is loaded only then. */
if (process.argv.some((word) => word.startsWith('--detach'))) {
  void import('../ovsdb-client-daemon.ts').then(({ runDetachedClient }) => runDetachedClient());
} else {
  void runTool('ovsdb-client', ovsdbClient);
}
