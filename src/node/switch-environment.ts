/** The switch's surroundings on this machine: devices, datapaths and their packet memory. */
import { SystemError } from '../base/host.ts';
import type { UnixctlCommands } from '../base/unixctl.ts';
import { vlog } from '../base/vlog.ts';
import { HeapArena } from '../datapath/arena.ts';
import { Datapaths } from '../datapath/datapaths.ts';
import type { Dpif } from '../datapath/dpif-provider.ts';
import { enableDummies } from '../datapath/dummy/provider.ts';
import { NetdevRegistry } from '../datapath/netdev-registry.ts';
import { patchProvider } from '../datapath/patch-netdev.ts';
import { DpifNetdev } from '../datapath/userspace/dpif-netdev.ts';
import { Backers } from '../ofproto/dpif/backer.ts';
import { enableDebugActions } from '../openflow/actions/simple.ts';
import type { SwitchEnvironment } from '../vswitchd/environment.ts';
import type { VswitchdSettings } from '../vswitchd/options.ts';
import type { NodeHost } from './host.ts';

const log = vlog('dpif');

/** And how to hear of devices that are not open. */
export type Surroundings = SwitchEnvironment & {
  readonly datapaths: Datapaths;
  /** Called with the names of system devices that appear, change or vanish. */
  onSystemDevice: (changed: (name: string) => void) => void;
};

export async function surroundings(
  host: NodeHost,
  commands: UnixctlCommands,
  { dummy, disableSystem }: VswitchdSettings,
): Promise<Surroundings> {
  const devices = new NetdevRegistry();
  const real = dummy !== 'override' && !(disableSystem && dummy !== undefined);
  // Everything that talks to Linux is loaded only where it is used.
  const linux = real ? await openLinux(devices) : undefined;
  if (!linux) for (const type of ['system', 'tap', 'internal']) devices.register(missingProvider(type));
  devices.register(patchProvider);
  if (dummy !== undefined) {
    const dummies = enableDummies(devices, host, dummy);
    const { composeFrame } = await import('../vswitchd/compose-frame.ts');
    dummies.registerCommands(commands, { composeFrame });
    enableDebugActions();
  }
  const dummyTypes =
    dummy === undefined ? [] : dummy === 'override' ? ['dummy', 'netdev', 'system'] : ['dummy'];
  const datapathTypes = [...new Set(['netdev', ...dummyTypes])].sort();

  const makeDatapath = (type: string, name: string, closed: () => void): Dpif => {
    const common = { type, name, loop: host.loop, random: host.random, closed };
    if (dummyTypes.includes(type)) return new DpifNetdev({ ...common, arena: new HeapArena(), dummy: true });
    if (type === 'netdev') return new DpifNetdev({ ...common, arena: linux?.makeArena() ?? new HeapArena() });
    log.warn(`could not create datapath ${name} of unknown type ${type}`);
    throw new SystemError('EAFNOSUPPORT');
  };
  // A real datapath has no device of its own: it would be a tap device that carries nothing, and that two switches on
  // one machine would quarrel about.
  const localPortType = (type: string): string | undefined =>
    dummyTypes.includes(type) ? 'dummy-internal' : undefined;
  const datapaths = new Datapaths({ make: makeDatapath, localPortType }, devices);
  const openDatapath = (type: string): Dpif =>
    datapaths.find(type, `ovs-${type}`) ?? datapaths.create(type, `ovs-${type}`);
  return {
    host,
    pid: process.pid,
    devices,
    datapaths,
    backers: new Backers(host.loop, host.random, openDatapath),
    datapathTypes,
    defaultDatapathType: datapathTypes.includes('system') ? 'system' : 'netdev',
    datapathVersion: () => '<built-in>',
    confined: true,
    onSystemDevice: (changed) => linux?.onDevice(changed),
  };
}

/** The types of Linux devices where they cannot be had (no permission, no node:ffi): opening one says so. */
const missingProvider = (type: string) => ({
  type,
  open: (): never => {
    throw new SystemError('EPERM');
  },
});

async function openLinux(devices: NetdevRegistry) {
  const { LinuxDevices } = await import('./netdev/linux-netdev.ts');
  const { MappedArena } = await import('./ffi/mapped-arena.ts');
  try {
    const linux = new LinuxDevices();
    for (const provider of linux.providers()) devices.register(provider);
    return {
      makeArena: () => new MappedArena(),
      onDevice: (changed: (name: string) => void) => {
        linux.anyChange = changed;
      },
    };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    log.warn(`network devices of this machine cannot be used: ${error.message}`);
    return undefined;
  }
}
