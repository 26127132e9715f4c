/** `offloads.ts DEVICE on|off`: the transmit offloads of a device in this process's network namespace. */
import { setTransmitOffloads } from '../../src/node/netlink/ethtool.ts';

const [device, state] = process.argv.slice(2);
setTransmitOffloads(device!, state === 'on');
