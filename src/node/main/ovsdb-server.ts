/** The process of ovsdb-server. */
import { spawn } from 'node:child_process';
import { watchMemory } from '../../base/memory.ts';
import { OVS_VERSION } from '../../base/version.ts';
import { vlog } from '../../base/vlog.ts';
import { registerServerCommands, serverMemoryUsage } from '../../ovsdb/server/commands.ts';
import {
  OVSDB_SERVER_OPTIONS,
  type OvsdbServerSettings,
  ovsdbServerSettings,
  ovsdbServerUsage,
} from '../../ovsdb/server/options.ts';
import { ServerProgram } from '../../ovsdb/server/program.ts';
import { runDaemon } from '../daemon.ts';
import { daemonUsage } from '../daemon-options.ts';
import { releaseMemoryWhenIdle } from '../idle-memory.ts';

const log = vlog('ovsdb_server');

void runDaemon({
  name: 'ovsdb-server',
  options: OVSDB_SERVER_OPTIONS,
  usage: (program, { dirs }) => ovsdbServerUsage(program, dirs.db, daemonUsage(program, dirs.run, dirs.log)),
  async start({ host, commands, options, args, program, exit, fatal, atExit, crashState }) {
    let settings: OvsdbServerSettings;
    try {
      settings = ovsdbServerSettings(options, args, host.dirs.db);
    } catch (error) {
      return fatal((error as Error).message);
    }
    const server = new ServerProgram(host, settings, crashState);
    atExit(() => server.stop());
    registerServerCommands(commands, server);
    watchMemory(host, commands, () => serverMemoryUsage(server));
    commands.register('exit', '', 0, 0, () => {
      // The reply has to go out first.
      host.loop.after(0, () => host.loop.defer(() => exit(0)));
      return '';
    });
    if (!(await server.start())) fatal('server configuration failed');
    releaseMemoryWhenIdle(host.loop);
    if (settings.run === undefined) {
      // A detached daemon says it in its log only.
      host.loop.defer(() => log.info(`${program} (Open vSwitch) ${OVS_VERSION}`));
      return;
    }
    const child = spawn('/bin/sh', ['-c', settings.run], { stdio: 'inherit' });
    child.on('error', (error) => fatal(`${settings.run}: process failed to start (${error.message})`));
    child.on('exit', (status, signal) => {
      if (signal !== null) fatal(`${settings.run}: child exited, terminated by signal ${signal}`);
      if (status) fatal(`${settings.run}: child exited, exit status ${status}`);
      exit(0);
    });
  },
});
