import { ovsAppctl } from '../../ctl/ovs-appctl/ovs-appctl.ts';
import { runTool } from '../tool-main.ts';

await runTool('ovs-appctl', ovsAppctl);
