/** All commands of ovs-vsctl, by name. */
import type { CommandTable } from '../db-ctl/command.ts';
import { dbCommands } from '../db-ctl/commands.ts';
import { AUTO_ATTACH_COMMANDS } from './auto-attach.ts';
import { BRIDGE_COMMANDS } from './bridges.ts';
import type { VsctlCommand, VsctlContext } from './context.ts';
import { CONTROLLER_COMMANDS } from './controllers.ts';
import { emerReset, init } from './emer-reset.ts';
import { PORT_COMMANDS } from './ports.ts';
import { SSL_COMMANDS } from './ssl.ts';
import { ZONE_COMMANDS } from './zones.ts';

const ALL: readonly VsctlCommand[] = [
  init,
  ...BRIDGE_COMMANDS,
  ...PORT_COMMANDS,
  ...CONTROLLER_COMMANDS,
  ...SSL_COMMANDS,
  ...AUTO_ATTACH_COMMANDS,
  emerReset,
  ...ZONE_COMMANDS,
  ...dbCommands<VsctlContext>(),
];

export const COMMANDS: CommandTable<VsctlContext> = new Map(ALL.map((command) => [command.name, command]));
