import { ovsPki } from '../ovs-pki/ovs-pki.ts';
import { runTool } from '../tool-main.ts';

void runTool('ovs-pki', ovsPki);
