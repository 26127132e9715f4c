import { ovsAppctl } from '../../ctl/ovs-appctl/ovs-appctl.ts';
import { runTool } from '../tool-main.ts';

void runTool('ovs-appctl', ovsAppctl);
