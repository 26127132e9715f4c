import { ovsVsctl } from '../../ctl/ovs-vsctl/ovs-vsctl.ts';
import { runTool } from '../tool-main.ts';

await runTool('ovs-vsctl', ovsVsctl);
