/** vtep-ctl: queries and changes the database of a hardware VTEP. See vtep-ctl(8) and vtep(5). */
import type { OptionSpec } from '../../base/getopt.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS } from '../../base/tls-options.ts';
import { vlog } from '../../base/vlog.ts';
import { hardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import type { CommandTable } from '../db-ctl/command.ts';
import { dbCommands } from '../db-ctl/commands.ts';
import { CTL_OPTIONS, runCtl } from '../db-ctl/program.ts';
import type { SessionHooks } from '../db-ctl/session.ts';
import { LOG_OPTIONS } from '../log-options.ts';
import { TABLE_OPTIONS } from '../table.ts';
import type { Tool, ToolIo } from '../tool.ts';
import { type VtepCommand, VtepContext } from './context.ts';
import { LOGICAL_COMMANDS } from './logical.ts';
import { MAC_COMMANDS } from './macs.ts';
import { MANAGER_COMMANDS } from './managers.ts';
import type { Vtep } from './rows.ts';
import { SWITCH_COMMANDS } from './switches.ts';
import { DB_SCHEMA } from './tables.ts';

const log = vlog('vtep_ctl');

const OPTIONS = {
  ...CTL_OPTIONS,
  ...LOG_OPTIONS,
  ...TABLE_OPTIONS,
  ...TLS_OPTIONS,
  peerCaCert: BOOTSTRAP_OPTIONS.peerCaCert,
} as const satisfies Record<string, OptionSpec>;

const ALL: readonly VtepCommand[] = [
  ...SWITCH_COMMANDS,
  ...LOGICAL_COMMANDS,
  ...MAC_COMMANDS,
  ...MANAGER_COMMANDS,
  ...dbCommands<VtepContext>(),
];

const COMMANDS: CommandTable<VtepContext> = new Map(ALL.map((command) => [command.name, command]));

export const vtepCtl: Tool = (argv, io) =>
  runCtl(argv, io, {
    log,
    schema: hardwareVtepSchema,
    commands: COMMANDS,
    options: OPTIONS,
    async usage(remote) {
      const { usage } = await import('./usage.ts');
      return usage(io, remote, hardwareVtepSchema, DB_SCHEMA);
    },
    hooks: (text) => hooks(io, text),
  });

const hooks = (io: ToolIo, text: string): SessionHooks<Vtep, VtepContext> => ({
  log,
  makeContext: (idl, symbols, txn) => new VtepContext(io, idl, symbols, txn),
  prerequisites(idl) {
    idl.monitor('Global');
  },
  begin(ctx) {
    ctx.txn.comment(`vtep-ctl: ${text}`);
    // Every change leaves the table with its row.
    void ctx.global;
  },
  finish: () => Promise.resolve(0),
});
