/**
 * Linux network devices: 'system' (any device that exists), 'tap' and 'internal' (a tap made here, which goes away
 * with it).
 *
 * What the kernel says about a device is kept from its notifications, so asking costs nothing; the counters are
 * fetched when somebody asks. {@link LinuxDevices} owns the netlink sockets and tells every open device what
 * happened to its link. C counterpart: lib/netdev-linux.c.
 */
import { ERRNO } from '../../base/errno.ts';
import { SystemError } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import type {
  Mac,
  Netdev,
  NetdevIo,
  NetdevLink,
  NetdevProvider,
  NetdevStats,
  PacketArena,
} from '../../datapath/netdev-provider.ts';
import { errno, libc, openFile, pin } from '../ffi/libc.ts';
import { MappedArena } from '../ffi/mapped-arena.ts';
import { driverInfo, type LinkFeatures, linkFeatures, NO_FEATURES } from '../netlink/ethtool.ts';
import { IFF_LOOPBACK, IFF_RUNNING, IFF_UP, type Link, RtNetlink, watchLinks } from '../netlink/rtnetlink.ts';
import { PacketSocketIo } from './packet-socket.ts';
import { TapIo } from './tap-io.ts';

const log = vlog('netdev_linux');

const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
const TUNSETIFF = 0x4004_54can;
const TUNSETOFFLOAD = 0x4004_54d0n;
const IFF_TAP = 0x2;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Checksums, TCP segments over IPv4, over IPv6, with ECN, and UDP segments. */
const TUN_F_ALL = 0x01 | 0x02 | 0x04 | 0x08;
const TUN_F_USO = 0x20 | 0x40;
const IFNAMSIZ = 16;

/** Makes a tap device. @throws SystemError */
function openTap(name: string): number {
  if (new TextEncoder().encode(name).length >= IFNAMSIZ) throw new SystemError(ERRNO.ENAMETOOLONG);
  const fd = openFile('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC);
  const request = pin(40); // struct ifreq
  request.bytes.set(new TextEncoder().encode(name));
  request.view.setUint16(IFNAMSIZ, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
  if (libc.ioctl(fd, TUNSETIFF, request.pointer) < 0) {
    const error = new SystemError(errno());
    const hint = error.errno === ERRNO.EPERM ? ' (it needs the capability CAP_NET_ADMIN)' : '';
    log.warn(`${name}: creating tap device failed: ${error.message}${hint}`);
    libc.close(fd);
    throw error;
  }
  // The argument is a number, not a pointer. Kernels before 6.2 know no UDP segments.
  if (libc.ioctl(fd, TUNSETOFFLOAD, BigInt(TUN_F_ALL | TUN_F_USO)) < 0)
    libc.ioctl(fd, TUNSETOFFLOAD, BigInt(TUN_F_ALL));
  return fd;
}

/** The devices that are open, and their connection to the kernel's notifications. */
export class LinuxDevices {
  readonly rtnetlink = new RtNetlink();
  readonly #open = new Set<LinuxNetdev>();
  readonly #watch = watchLinks({
    changed: (link) => {
      for (const device of this.#open) device.linkChanged(link);
      this.anyChange(link.name);
    },
    deleted: (link) => {
      for (const device of this.#open) device.linkDeleted(link);
      this.anyChange(link.name);
    },
    lost: () => this.#refresh(),
  });
  /** Called with the name of every link that appears, changes or vanishes, open or not. */
  anyChange: (name: string) => void = () => {};

  providers(): NetdevProvider[] {
    return (['system', 'tap', 'internal'] as const).map((type) => ({
      type,
      open: (name) => {
        const device = new LinuxNetdev(this, type, name);
        this.#open.add(device);
        return device;
      },
    }));
  }

  forget(device: LinuxNetdev): void {
    this.#open.delete(device);
  }

  close(): void {
    for (const device of [...this.#open]) device.close();
    this.#watch.close();
    this.rtnetlink.close();
  }

  #refresh(): void {
    const links = new Map(this.rtnetlink.dumpLinks().map((link) => [link.ifindex, link]));
    for (const device of this.#open) {
      const link = links.get(device.ifindex());
      if (link) device.linkChanged(link);
      else device.markVanished();
    }
    this.anyChange('');
  }
}

class LinuxNetdev implements Netdev {
  readonly name: string;
  readonly type: 'system' | 'tap' | 'internal';
  changeSeq = 1;
  vanished = false;
  changed: () => void = () => {};
  readonly #devices: LinuxDevices;
  readonly #tapFd: number;
  #link: Link;
  #carrierResets = 0;
  #features: LinkFeatures | undefined;
  #status: ReadonlyMap<string, string> | undefined;
  #io: PacketSocketIo | TapIo | undefined;
  #closed = false;

  constructor(devices: LinuxDevices, type: 'system' | 'tap' | 'internal', name: string) {
    this.#devices = devices;
    this.type = type;
    this.name = name;
    this.#tapFd = type === 'system' ? -1 : openTap(name);
    try {
      this.#link = devices.rtnetlink.link(name);
      if ((this.#link.flags & IFF_LOOPBACK) !== 0) {
        log.warn(`${name}: this is a loopback device`);
        throw new SystemError(ERRNO.EINVAL);
      }
    } catch (error) {
      if (this.#tapFd >= 0) libc.close(this.#tapFd);
      throw error;
    }
  }

  /** For {@link LinuxDevices}: something about some link changed. */
  linkChanged(link: Link): void {
    const old = this.#link;
    if (link.ifindex !== old.ifindex) return;
    if (link.name !== this.name) {
      this.markVanished();
      return;
    }
    this.#link = link;
    if (link.flags === old.flags && link.mtu === old.mtu && link.mac === old.mac) return;
    if (((link.flags ^ old.flags) & IFF_RUNNING) !== 0) this.#carrierResets++;
    this.#features = undefined;
    this.#notify();
  }

  linkDeleted(link: Link): void {
    if (link.ifindex === this.#link.ifindex) this.markVanished();
  }

  markVanished(): void {
    if (this.vanished) return;
    this.vanished = true;
    this.#notify();
  }

  ifindex(): number {
    return this.#link.ifindex;
  }
  mac(): Mac {
    return this.#link.mac;
  }
  setMac(mac: Mac): void {
    if (mac !== this.#link.mac) this.#change({ mac });
  }
  mtu(): number {
    return this.#link.mtu;
  }
  setMtu(mtu: number): void {
    if (mtu !== this.#link.mtu) this.#change({ mtu });
  }
  setUp(up: boolean): void {
    if (up !== ((this.#link.flags & IFF_UP) !== 0)) this.#change({ up });
  }

  link(): NetdevLink {
    this.#features ??= quietly(() => linkFeatures(this.name)) ?? NO_FEATURES;
    return {
      ...this.#features,
      up: (this.#link.flags & IFF_UP) !== 0,
      carrier: (this.#link.flags & IFF_RUNNING) !== 0,
      carrierResets: this.#carrierResets,
      peer: 0,
    };
  }

  stats(): NetdevStats {
    const stats = quietly(() => this.#devices.rtnetlink.link(this.#link.ifindex).stats) ?? this.#link.stats;
    const io = this.#io;
    const txErrors = io?.txErrors ?? 0;
    if (this.type === 'system') {
      if (!(io instanceof PacketSocketIo)) return stats;
      return {
        ...stats,
        txErrors: stats.txErrors + txErrors,
        txDropped: stats.txDropped + io.txOversize,
        rxDropped: stats.rxDropped + io.rxDropped(),
      };
    }
    // What the kernel received from a tap is what the switch sent to it.
    return {
      rxPackets: stats.txPackets,
      txPackets: stats.rxPackets,
      rxBytes: stats.txBytes,
      txBytes: stats.rxBytes,
      rxErrors: stats.txErrors,
      txErrors: stats.rxErrors,
      rxDropped: stats.txDropped,
      txDropped: stats.rxDropped + txErrors,
      rxCrcErrors: 0,
      rxFrameErrors: 0,
      rxOverErrors: 0,
      collisions: stats.collisions,
    };
  }

  status(): ReadonlyMap<string, string> {
    this.#status ??= new Map(
      Object.entries(
        quietly(() => {
          const info = driverInfo(this.name);
          return {
            driver_name: info.driver,
            driver_version: info.version,
            firmware_version: info.firmware,
          };
        }) ?? {},
      ),
    );
    return this.#status;
  }

  configure(_options: ReadonlyMap<string, string>): void {}
  config(): ReadonlyMap<string, string> {
    return new Map();
  }

  openIo(arena: PacketArena): NetdevIo {
    if (!(arena instanceof MappedArena))
      throw new Error(`${this.name}: Linux devices need memory that the kernel sees`);
    try {
      this.#io =
        this.type === 'system'
          ? new PacketSocketIo(arena, this.#link.ifindex)
          : new TapIo(arena, this.#tapFd);
    } catch (error) {
      if (error instanceof SystemError && error.errno === ERRNO.EPERM)
        log.warn(`${this.name}: packet sockets need the capability CAP_NET_RAW`);
      throw error;
    }
    return this.#io;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#devices.forget(this);
    if (this.#tapFd >= 0) libc.close(this.#tapFd);
  }

  #change(change: { mtu?: number; mac?: Mac; up?: boolean }): void {
    const { rtnetlink } = this.#devices;
    rtnetlink.change(this.#link.ifindex, change);
    // The notification comes later; what was asked for must be visible at once.
    this.linkChanged(rtnetlink.link(this.#link.ifindex));
  }

  #notify(): void {
    this.changeSeq++;
    this.changed();
  }
}

/** The result, or undefined when the kernel refuses (a device without ethtool, or gone). */
function quietly<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}
