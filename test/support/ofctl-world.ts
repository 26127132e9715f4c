/** For tests: ovs-ofctl in a simulated world, which may have a switch. */
import { parseOptions, UsageError } from '../../src/base/getopt.ts';
import { ovsOfctl, runOfctl } from '../../src/ctl/ovs-ofctl/ovs-ofctl.ts';
import type { Service } from '../../src/ctl/ovs-ofctl/service.ts';
import { OFCTL_OPTIONS } from '../../src/ctl/ovs-ofctl/settings.ts';
import { ToolError, type ToolIo } from '../../src/ctl/tool.ts';
import { inVirtualTime } from '../../src/sim/sim-database.ts';
import { SimHost } from '../../src/sim/sim-host.ts';

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export class OfctlWorld {
  readonly host = new SimHost();

  #io(stdin: string | Uint8Array): { io: ToolIo; printed: { out: string; err: string } } {
    const printed = { out: '', err: '' };
    const io: ToolIo = {
      host: this.host,
      program: 'ovs-ofctl',
      env: {},
      out: (text) => {
        printed.out += text;
      },
      err: (text) => {
        printed.err += text;
      },
      outBytes: () => {},
      readStdin: () => (typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin),
      isTty: false,
      terminalColumns: undefined,
      die: () => {
        throw new ToolError('timed out');
      },
    };
    return { io, printed };
  }

  /** Runs the tool with the words after its name. */
  async run(args: readonly string[], stdin: string | Uint8Array = ''): Promise<Outcome> {
    const { io, printed } = this.#io(stdin);
    let status: number;
    try {
      status = await inVirtualTime(this.host, ovsOfctl(args, io));
    } catch (error) {
      if (!(error instanceof ToolError || error instanceof UsageError)) throw error;
      printed.err += `ovs-ofctl: ${error.message}\n`;
      status = error instanceof ToolError ? error.status : 1;
    }
    return { status, ...printed };
  }

  /** Starts a command that stays. */
  start(
    args: readonly string[],
    service: Service,
  ): { readonly done: Promise<number>; readonly printed: () => string } {
    const { io, printed } = this.#io('');
    const { options, args: words } = parseOptions<string>(args, OFCTL_OPTIONS);
    return { done: runOfctl(io, options, words, service), printed: () => printed.err };
  }
}
