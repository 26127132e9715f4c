import { ovsDpctl } from '../../ctl/ovs-dpctl/ovs-dpctl.ts';
import { runTool } from '../tool-main.ts';

void runTool('ovs-dpctl', ovsDpctl);
