import { ovsVsctl } from '../../ctl/ovs-vsctl/ovs-vsctl.ts';
import { runTool } from '../tool-main.ts';

void runTool('ovs-vsctl', ovsVsctl);
