/**
 * The providers of dummy devices and the commands that feed them.
 *
 * `--enable-dummy` adds the types 'dummy', 'dummy-internal' and 'dummy-pmd'; with `=system` devices of type 'system',
 * and with `=override` those of every type but 'patch' are dummies too.
 * C counterpart: netdev_dummy_register of lib/netdev-dummy.c.
 */
import type { Host } from '../../base/host.ts';
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import type { NetdevProvider } from '../netdev-provider.ts';
import type { NetdevRegistry } from '../netdev-registry.ts';
import { DummyNetdev } from './dummy-netdev.ts';

export type DummyLevel = 'add' | 'system' | 'override';

/** What the commands need from modules above the datapath. */
export interface DummyCommandHooks {
  /**
   * The frame of a flow in ovs-dpctl's text form, at least `bytes` long (0: as short as it is, but 64).
   * @throws Error with the text for the user
   */
  composeFrame(flow: string, bytes: number): Uint8Array;
  /** An address was given to a device: routes go through it. */
  addressAdded?(device: string, address: string, prefixLength: number): void;
}

/** Types whose place dummies take. */
const REPLACED: Readonly<Record<DummyLevel, readonly string[]>> = {
  add: [],
  system: ['system'],
  override: ['system', 'tap', 'internal'],
};

const ETH_TOTAL_MIN = 64;
const ETH_HEADER_BYTES = 14;

/** Registers the dummy types and, with a level, lets them take the place of others. */
export function enableDummies(registry: NetdevRegistry, host: Host, level: DummyLevel): DummyDevices {
  const devices = new DummyDevices(host);
  for (const type of [...REPLACED[level], 'dummy', 'dummy-internal', 'dummy-pmd'])
    registry.register(devices.provider(type));
  return devices;
}

/** All dummy devices. */
export class DummyDevices {
  readonly #host: Host;
  readonly #devices = new Map<string, DummyNetdev>();

  constructor(host: Host) {
    this.#host = host;
  }

  provider(type: string): NetdevProvider {
    return {
      type,
      open: (name) => {
        const device = new DummyNetdev(this.#host, type, name, () => this.#devices.delete(name));
        this.#devices.set(name, device);
        return device;
      },
    };
  }

  find(name: string): DummyNetdev | undefined {
    return this.#devices.get(name);
  }

  registerCommands(commands: UnixctlCommands, hooks: DummyCommandHooks): void {
    const many = Number.POSITIVE_INFINITY;
    commands.register(
      'netdev-dummy/receive',
      'name [--qid queue_id] packet|flow [--len packet_len]',
      2,
      many,
      (args) => this.#receive(args, hooks),
    );
    commands.register('netdev-dummy/set-admin-state', '[netdev] up|down', 1, 2, (args) =>
      this.#setAdminState(args),
    );
    commands.register('netdev-dummy/conn-state', '[netdev]', 0, 1, ([name]) => this.#connectionState(name));
    commands.register('netdev-dummy/ip4addr', '[netdev] ipaddr/mask-prefix-len', 2, 2, ([name, address]) =>
      this.#addAddress(name!, address!, 4, hooks),
    );
    commands.register('netdev-dummy/ip6addr', '[netdev] ip6addr', 2, 2, ([name, address]) =>
      this.#addAddress(name!, address!, 6, hooks),
    );
  }

  #receive(args: readonly string[], hooks: DummyCommandHooks): string {
    const device = this.#devices.get(args[0]!);
    if (!device) throw new UnixctlError('no such dummy netdev');
    let k = 1;
    if (args.length > k + 1 && args[k] === '--qid') {
      const queue = Number.parseInt(args[k + 1]!, 10);
      if (!(queue >= 0 && queue < device.receiveQueues)) throw new UnixctlError('bad rx queue id.');
      k += 2;
    }
    for (let i = k; i < args.length; i++) {
      let frame = frameFromHex(args[i]!);
      if (!frame) {
        const flow = args[i]!;
        let bytes = 0;
        if (args[i + 1] === '--len' && i + 2 < args.length) {
          bytes = Number.parseInt(args[i + 2]!, 10);
          if (!(bytes >= ETH_TOTAL_MIN)) throw new UnixctlError('too small packet len');
          i += 2;
        }
        try {
          frame = hooks.composeFrame(flow, bytes);
        } catch (error) {
          throw new UnixctlError(error instanceof Error ? error.message : String(error));
        }
      }
      device.receive(frame);
    }
    return '';
  }

  #setAdminState(args: readonly string[]): string {
    const state = args.at(-1)!.toLowerCase();
    if (state !== 'up' && state !== 'down') throw new UnixctlError('Invalid Admin State');
    if (args.length > 1) {
      const device = this.#devices.get(args[0]!);
      if (!device) throw new UnixctlError('Unknown Dummy Interface');
      device.setUp(state === 'up');
    } else {
      for (const device of this.#devices.values()) device.setUp(state === 'up');
    }
    return 'OK';
  }

  #connectionState(name: string | undefined): string {
    if (name !== undefined) return `${name}: ${this.#devices.get(name)?.connectionState ?? 'unknown'}\n`;
    return [...this.#devices.values()]
      .filter((device) => device.connectionState !== 'unknown')
      .map((device) => `${device.name}: ${device.connectionState}\n`)
      .join('');
  }

  #addAddress(name: string, text: string, family: 4 | 6, hooks: DummyCommandHooks): string {
    const device = this.#devices.get(name);
    if (!device) throw new UnixctlError('Unknown Dummy Interface');
    const [address, prefix] = text.split('/');
    const longest = family === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : Number(prefix);
    if (!(length >= 0 && length <= longest))
      throw new UnixctlError(`${text}: network prefix bits not between 0 and ${longest}`);
    if (family === 4) {
      const ip = parseIpv4(address!);
      if (ip === undefined) throw new UnixctlError(`${text}: invalid IP address`);
      device.addAddress(ip);
    }
    hooks.addressAdded?.(name, address!, length);
    return 'OK';
  }
}

function parseIpv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((ip, part) => ((ip << 8) | part) >>> 0, 0);
}

/** A frame written in hexadecimal; undefined if it is something else or too short. */
export function frameFromHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (!/^([0-9a-fA-F]{2})+$/.test(digits) || digits.length < ETH_HEADER_BYTES * 2) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}
