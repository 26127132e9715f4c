/** The commands on bridges as the configuration knows them. */
import { type UnixctlCommands, UnixctlError } from '../base/unixctl.ts';
import { registerOfprotoCommands } from '../ofproto/ofproto-commands.ts';
import type { Bridge } from './bridge.ts';
import type { Vswitchd } from './vswitchd.ts';

export function registerBridgeCommands(commands: UnixctlCommands, switchd: Vswitchd): void {
  const find = (name: string): Bridge => {
    const bridge = switchd.bridges.get(name);
    if (!bridge) throw new UnixctlError('Unknown bridge');
    return bridge;
  };
  registerOfprotoCommands(commands, () =>
    [...switchd.bridges].flatMap(([name, { ofproto }]) => (ofproto ? [[name, ofproto.up] as const] : [])),
  );
  commands.register('bridge/reconnect', '[bridge]', 0, 1, ([name]) => {
    const bridges = name === undefined ? switchd.bridges.values() : [find(name)];
    for (const bridge of bridges) bridge.connections?.reconnect();
    return '';
  });
  commands.register('qos/show-types', 'interface', 1, 1, ([name]) => {
    findIface(switchd, name!);
    return '';
  });
  commands.register('qos/show', 'iface', 1, 1, ([name]) => {
    findIface(switchd, name!);
    return `QoS not configured on ${name}\n`;
  });
}

function findIface(switchd: Vswitchd, name: string): void {
  for (const bridge of switchd.bridges.values()) if (bridge.ifaces.has(name)) return;
  throw new UnixctlError('no such interface');
}
