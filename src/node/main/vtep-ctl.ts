import { vtepCtl } from '../../ctl/vtep-ctl/vtep-ctl.ts';
import { runTool } from '../tool-main.ts';

void runTool('vtep-ctl', vtepCtl);
