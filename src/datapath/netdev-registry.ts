/**
 * The types of network devices and the devices that are open, each once however many want it.
 *
 * Whoever opens a device releases it again; the last release closes it. The registry is the one listener of every
 * device's changes and passes them on. C counterpart: lib/netdev.c.
 */
import { ERRNO } from '../base/errno.ts';
import { SystemError } from '../base/host.ts';
import { vlog } from '../base/vlog.ts';
import type { Netdev, NetdevProvider } from './netdev-provider.ts';

const log = vlog('netdev');

interface OpenDevice {
  readonly netdev: Netdev;
  references: number;
}

export class NetdevRegistry {
  readonly #providers = new Map<string, NetdevProvider>();
  readonly #open = new Map<string, OpenDevice>();
  readonly #listeners = new Set<(netdev: Netdev) => void>();

  /** Adds a type, or replaces it. */
  register(provider: NetdevProvider): void {
    this.#providers.set(provider.type, provider);
  }

  types(): string[] {
    return [...this.#providers.keys()];
  }

  /**
   * Opens a device, or returns the one that is open.
   * @param type '' for whatever is open, or 'system'
   * @throws SystemError EINVAL for no name, EAFNOSUPPORT for an unknown type, EEXIST if it is open as another type,
   *   and what the provider says
   */
  open(name: string, type: string): Netdev {
    if (name === '') throw new SystemError(ERRNO.EINVAL);
    const open = this.#open.get(name);
    if (open && !open.netdev.vanished) {
      if (type !== '' && type !== open.netdev.type) throw new SystemError(ERRNO.EEXIST);
      open.references++;
      return open.netdev;
    }
    const provider = this.#providers.get(type || 'system');
    if (!provider) {
      log.warn(`could not create netdev ${name} of unknown type ${type}`);
      throw new SystemError(ERRNO.EAFNOSUPPORT);
    }
    const netdev = provider.open(name);
    netdev.changed = () => {
      for (const listener of this.#listeners) listener(netdev);
    };
    this.#open.set(name, { netdev, references: 1 });
    return netdev;
  }

  /** Takes one more reference to an open device. */
  reference(netdev: Netdev): Netdev {
    const open = this.#open.get(netdev.name);
    if (open?.netdev === netdev) open.references++;
    return netdev;
  }

  /** Gives a reference back; the last one closes the device. */
  release(netdev: Netdev): void {
    const open = this.#open.get(netdev.name);
    if (open?.netdev === netdev) {
      if (--open.references > 0) return;
      this.#open.delete(netdev.name);
    }
    netdev.changed = () => {};
    netdev.close();
  }

  /** The open device of that name. */
  find(name: string): Netdev | undefined {
    return this.#open.get(name)?.netdev;
  }

  /** Calls `listener` whenever a device changes, until the returned function is called. */
  onChange(listener: (netdev: Netdev) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
