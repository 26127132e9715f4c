/** For tests: ovs-ofctl in a simulated world, which may have a switch. */
import { UsageError } from '../../base/getopt.ts';
import { inVirtualTime } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { ovsOfctl } from './ovs-ofctl.ts';

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export class OfctlWorld {
  readonly host = new SimHost();

  /** Runs the tool with the words after its name. */
  async run(args: readonly string[], stdin = ''): Promise<Outcome> {
    let out = '';
    let err = '';
    const io: ToolIo = {
      host: this.host,
      program: 'ovs-ofctl',
      env: {},
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      outBytes: () => {},
      readStdin: () => new TextEncoder().encode(stdin),
      isTty: false,
      terminalColumns: undefined,
      die: () => {
        throw new ToolError('timed out');
      },
    };
    let status: number;
    try {
      status = await inVirtualTime(this.host, ovsOfctl(args, io));
    } catch (error) {
      if (!(error instanceof ToolError || error instanceof UsageError)) throw error;
      err += `ovs-ofctl: ${error.message}\n`;
      status = error instanceof ToolError ? error.status : 1;
    }
    return { status, out, err };
  }
}
