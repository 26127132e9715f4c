import { ovsCtl } from '../ovs-ctl/ovs-ctl.ts';
import { runTool } from '../tool-main.ts';

void runTool('ovs-ctl', ovsCtl);
