/** dpctl: datapaths and their ports, made and taken away below the bridges. */
import { SystemError } from '../../base/host.ts';
import type { Dpif } from '../../datapath/dpif-provider.ts';
import type { Netdev } from '../../datapath/netdev-provider.ts';
import {
  complaint,
  type DpctlCommand,
  DpctlError,
  type DpctlWorld,
  fail,
  splitName,
} from './dpctl-arguments.ts';

/** The datapath that has to be named. */
function named({ datapaths }: DpctlWorld, text: string): Dpif {
  const { type, name } = splitName(text);
  return datapaths.find(type, name) ?? fail('opening datapath', new SystemError('ENODEV'));
}

/** Does something for each, however many of them fail. @throws DpctlError with all failures */
function forEach(words: readonly string[], run: (word: string) => void): string {
  let failures = '';
  for (const word of words) {
    try {
      run(word);
    } catch (error) {
      if (!(error instanceof DpctlError)) throw error;
      failures += error.message;
    }
  }
  if (failures !== '') throw new DpctlError(failures);
  return '';
}

/** NAME[,OPTION=VALUE]... */
function parseInterface(word: string): { name: string; options: [key: string, value: string][] } {
  const [name, ...rest] = word.split(',').filter((part) => part !== '');
  if (name === undefined) return fail(`${word} is not a valid network device name`);
  const options = rest.map((part): [string, string] => {
    const at = part.indexOf('=');
    if (at === 0) return fail('Invalid option format');
    return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
  });
  return { name, options };
}

const numberOf = (text: string): number => Number.parseInt(text, 10) || 0;

export const addDatapath: DpctlCommand = (world, args, options) => {
  const { type, name } = splitName(args[0]!);
  try {
    world.datapaths.create(type, name);
  } catch (error) {
    return fail('add_dp', error);
  }
  return args.length > 1 ? addInterfaces(world, args, options) : '';
};

export const deleteDatapath: DpctlCommand = (world, args) => {
  const dpif = named(world, args[0]!);
  // One that bridges use goes when the last of them does.
  if (!world.backers.all().some((backer) => backer.dpif === dpif)) dpif.close();
  return '';
};

export const addInterfaces: DpctlCommand = (world, args) => {
  const [dp, ...words] = args;
  const dpif = named(world, dp!);
  return forEach(words, (word) => {
    const { name, options } = parseInterface(word);
    let type = 'system';
    let portNo: number | undefined;
    const config = new Map<string, string>();
    for (const [key, value] of options) {
      if (key === 'type') type = value;
      else if (key === 'port_no') portNo = numberOf(value);
      else if (config.has(key)) fail(`duplicate "${key}" option`);
      else config.set(key, value);
    }
    let netdev: Netdev;
    try {
      netdev = world.devices.open(name, type);
    } catch (error) {
      return fail(`${name}: failed to open network device`, error);
    }
    configure(netdev, config, () => world.devices.release(netdev));
    try {
      world.datapaths.addPort(dpif, netdev, portNo);
    } catch (error) {
      return fail(`adding ${name} to ${dp} failed`, error);
    }
    try {
      netdev.setUp(true);
    } catch (error) {
      fail(`${name}: failed bringing interface up`, error);
    }
  });
};

/** @throws DpctlError, after `failed` was called */
function configure(netdev: Netdev, config: ReadonlyMap<string, string>, failed: () => void): void {
  try {
    netdev.configure(config);
  } catch (error) {
    failed();
    fail(error instanceof Error ? error.message : String(error), new SystemError('EINVAL'));
  }
}

export const setInterfaces: DpctlCommand = (world, args) => {
  const [dp, ...words] = args;
  const dpif = named(world, dp!);
  return forEach(words, (word) => {
    const { name, options } = parseInterface(word);
    const port = dpif.ports().find((p) => p.name === name);
    const netdev = port && world.devices.find(name);
    if (!port || !netdev) return fail(`${name}: failed to query port in ${dp}`, new SystemError('ENODEV'));
    const config = new Map(netdev.config());
    for (const [key, value] of options) {
      if (key === 'type') {
        if (value !== port.type) fail(`${name}: can't change type from ${port.type} to ${value}`);
      } else if (key === 'port_no') {
        const wanted = numberOf(value);
        if (wanted !== port.portNo)
          fail(`${name}: can't change port number from ${port.portNo} to ${wanted}`);
      } else if (value === '') config.delete(key);
      else config.set(key, value);
    }
    configure(netdev, config, () => {});
  });
};

export const deleteInterfaces: DpctlCommand = (world, args) => {
  const [dp, ...words] = args;
  const dpif = named(world, dp!);
  return forEach(words, (word) => {
    const portNo = /^\d+$/.test(word) ? Number(word) : dpif.ports().find((p) => p.name === word)?.portNo;
    if (portNo === undefined) throw new DpctlError(complaint(`no port named ${word}`));
    try {
      world.datapaths.deletePort(dpif, portNo);
    } catch (error) {
      fail(`deleting port ${word} from ${dp} failed`, error);
    }
    // The bridge that it belonged to has to hear of it.
    world.backers
      .all()
      .find((backer) => backer.dpif === dpif)
      ?.portVanished(portNo);
  });
};
