/** The process of ovs-vswitchd. */
import { watchMemory } from '../../base/memory.ts';
import { OVS_VERSION } from '../../base/version.ts';
import { vlog } from '../../base/vlog.ts';
import { registerDpctlCommands } from '../../ofproto/dpif/dpctl.ts';
import { registerDpifCommands } from '../../ofproto/dpif/dpif-commands.ts';
import { registerFdbCommands } from '../../ofproto/dpif/fdb-commands.ts';
import { registerTraceCommands } from '../../ofproto/dpif/trace-command.ts';
import { registerUpcallCommands } from '../../ofproto/dpif/upcall-commands.ts';
import { registerBridgeCommands } from '../../vswitchd/commands.ts';
import {
  VSWITCHD_OPTIONS,
  type VswitchdSettings,
  vswitchdSettings,
  vswitchdUsage,
} from '../../vswitchd/options.ts';
import { Vswitchd } from '../../vswitchd/vswitchd.ts';
import { runDaemon } from '../daemon.ts';
import { daemonUsage } from '../daemon-options.ts';
import { surroundings } from '../switch-environment.ts';

const log = vlog('vswitchd');

void runDaemon({
  name: 'ovs-vswitchd',
  options: VSWITCHD_OPTIONS,
  usage: (program, { dirs }) => vswitchdUsage(program, dirs.run, daemonUsage(program, dirs.run, dirs.log)),
  async start({ host, commands, options, args, program, exit, fatal, atExit }) {
    let settings: VswitchdSettings;
    try {
      settings = vswitchdSettings(options, args, host.dirs.run);
    } catch (error) {
      return fatal((error as Error).message);
    }
    host.streams.configureTls(settings.tls);
    const { onSystemDevice, datapaths, ...env } = await surroundings(host, commands, settings);
    await new Promise<void>((ready) => {
      const switchd = new Vswitchd(env, settings.remote.split(','), ready);
      onSystemDevice(() => switchd.devicesChanged());
      atExit(() => switchd.close());
      for (const register of [
        registerDpifCommands,
        registerFdbCommands,
        registerUpcallCommands,
        registerTraceCommands,
      ])
        register(commands, env.backers);
      registerDpctlCommands(commands, { ...env, datapaths, loop: host.loop });
      registerBridgeCommands(commands, switchd);
      watchMemory(host, commands, () => switchd.memoryUsage());
      commands.register('exit', '[--cleanup]', 0, 1, () => {
        // The reply has to go out first.
        host.loop.defer(() => host.loop.defer(() => exit(0)));
        return '';
      });
    });
    // Not to the terminal, which a detached daemon has let go of by then.
    host.loop.defer(() => log.info(`${program} (Open vSwitch) ${OVS_VERSION}`));
  },
});
