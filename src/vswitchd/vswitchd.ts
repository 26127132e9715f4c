/**
 * The switch daemon: follows the database and keeps its bridges as the database describes them; writes back
 * what became of it.
 *
 * It runs when the database changes, when a device appears or vanishes, and on timers for statistics. Of several
 * daemons on one database only the holder of the lock "ovs_vswitchd" works. C counterpart: bridge_run() and
 * bridge_reconfigure() in vswitchd/bridge.c.
 */
import { coverage } from '../base/coverage.ts';
import { errorStack } from '../base/error-stack.ts';
import type { Runnable, Task } from '../base/loop.ts';
import { RateLimit, vlog } from '../base/vlog.ts';
import { OfprotoDpif } from '../ofproto/dpif/ofproto-dpif.ts';
import { BUNDLE_IDLE_TIMEOUT_MS } from '../ofproto/ofproto.ts';
import { Idl } from '../ovsdb/idl/idl.ts';
import type { Txn, TxnStatus } from '../ovsdb/idl/txn.ts';
import { openVswitchSchema } from '../ovsdb/schemas/open-vswitch.ts';
import { Bridge } from './bridge.ts';
import { integerOption, monitorConfiguration, type Ovs, type OvsRow, tlsSettings } from './configuration.ts';
import type { SwitchEnvironment } from './environment.ts';

const log = vlog('bridge');
const nameLimit = new RateLimit(1, 5);
const contendedLimit = new RateLimit(1, 1);
const mistakeLimit = new RateLimit(5, 20);
const reconfigured = coverage('bridge_reconfigure');

const MIN_STATISTICS_INTERVAL_MS = 5000;
/** When a status could not be written, it is tried again after this time. */
const STATUS_RETRY_MS = 100;

export class Vswitchd implements Runnable {
  readonly bridges = new Map<string, Bridge>();
  readonly #env: SwitchEnvironment;
  readonly #idl: Idl<Ovs>;
  readonly #task: Task;
  #configuredSeqno = 0;
  #devicesChanged = false;
  /** A configuration is in place, but the database does not know yet. */
  #configuring = false;
  #statusDue = false;
  /** Write status whether it changed or not: the last time it did not get through. */
  #wholeStatus = true;
  #statusBusy = false;
  #statisticsBusy = false;
  #statisticsIntervalMs = MIN_STATISTICS_INTERVAL_MS;
  #nextStatisticsMs = 0;
  #nextStatusMs = 0;
  #lastIntervalMs = 0;
  readonly #ready: () => void;

  /**
   * @param remotes of the database
   * @param ready called once the first configuration is in place
   */
  constructor(env: SwitchEnvironment, remotes: readonly string[], ready: () => void) {
    this.#env = env;
    this.#ready = once(ready);
    this.#idl = new Idl(env.host, openVswitchSchema);
    monitorConfiguration(this.#idl);
    this.#idl.setLock('ovs_vswitchd');
    this.#task = env.host.loop.task(this);
    this.#idl.onChange = () => this.#task.wake();
    env.devices.onChange((netdev) => {
      if (netdev.vanished) this.#devicesChanged = true;
      this.#statusDue = true;
      this.#task.wake();
    });
    this.#idl.connect(remotes, { retry: true });
  }

  /** A device appeared or vanished: interfaces that wait for it may work now. */
  devicesChanged(): void {
    this.#devicesChanged = true;
    this.#task.wake();
  }

  close(): void {
    this.#task.remove();
    for (const bridge of [...this.bridges.values()]) this.#discard(bridge);
    this.#idl.close();
  }

  run(nowMs: number): void {
    const idl = this.#idl;
    if (idl.isLockContended) {
      log.errRl(
        contendedLimit,
        `another ovs-vswitchd process is running, disabling this process (pid ${this.#env.pid}) until it goes away`,
      );
      for (const bridge of [...this.bridges.values()]) this.#discard(bridge);
      this.#configuredSeqno = 0;
      return;
    }
    if (!idl.hasRequestedLock || !idl.hasContents || this.#configuring) return;
    if (idl.seqno !== this.#configuredSeqno || this.#devicesChanged) {
      this.#configure();
      return;
    }
    if (nowMs >= this.#nextStatisticsMs) this.#writeStatistics(nowMs);
    if ((this.#statusDue || this.#wholeStatus) && nowMs >= this.#nextStatusMs) this.#writeStatus();
  }

  deadline(): number {
    const waits = !this.#idl.hasRequestedLock || !this.#idl.hasContents || this.#configuring;
    if (waits || this.bridges.size === 0) return Number.POSITIVE_INFINITY;
    const statistics = this.#statisticsBusy ? Number.POSITIVE_INFINITY : this.#nextStatisticsMs;
    const wantsStatus = (this.#statusDue || this.#wholeStatus) && !this.#statusBusy;
    return Math.min(statistics, wantsStatus ? this.#nextStatusMs : Number.POSITIVE_INFINITY);
  }

  /** What memory is spent on, for `memory/show`. */
  memoryUsage(): ReadonlyMap<string, number> {
    const usage = new Map<string, number>();
    // What there is none of is not mentioned.
    const add = (name: string, n: number): void => {
      if (n > 0) usage.set(name, (usage.get(name) ?? 0) + n);
    };
    add('idl-cells-Open_vSwitch', this.#idl.cellCount);
    for (const { ofproto, connections } of this.bridges.values()) {
      if (!ofproto) continue;
      const { ports, flows } = ofproto.up;
      add('ports', ports.size);
      for (const table of flows.tables) add('rules', table.flowCount);
      const { ofconns, packets } = connections!.memoryUsage();
      add('ofconns', ofconns);
      add('packets', packets);
    }
    for (const backer of this.#env.backers.all()) add('udpif keys', backer.udpif.ukeys.size);
    return usage;
  }

  // --- configuration ----------------------------------------------------------------------------------------

  #configure(): void {
    this.#configuredSeqno = this.#idl.seqno;
    this.#devicesChanged = false;
    reconfigured.inc();
    const config = this.#idl.first('Open_vSwitch');
    const txn = this.#idl.txn();
    this.#reconfigure(txn, config);
    if (config) {
      txn.set(config, { cur_cfg: config.next_cfg });
      txn.update(config, {
        datapath_types: this.#env.datapathTypes,
        iface_types: this.#env.devices.types(),
        dpdk_initialized: false,
        dpdk_version: 'none',
      });
    }
    this.#wholeStatus = true;
    this.#configuring = true;
    // Sockets that controllers and tools connect to appear in the coming turns; whoever waits for `cur_cfg` may
    // use them at once.
    const { loop } = this.#env.host;
    loop.defer(() => loop.defer(() => void this.#report(txn)));
  }

  async #report(txn: Txn<Ovs>): Promise<void> {
    const committed = txn.commit();
    this.#configuring = false;
    this.#task.wake();
    await committed;
    this.#ready();
    this.#task.wake();
  }

  #reconfigure(txn: Txn<Ovs>, config: OvsRow<'Open_vSwitch'> | undefined): void {
    const options: ReadonlyMap<string, string> = config?.other_config ?? new Map();
    OfprotoDpif.configureFlowCache({
      flowLimit: integerOption(options, 'flow-limit', 200_000),
      maxIdleMs: integerOption(options, 'max-idle', 10_000),
      maxRevalidatorMs: integerOption(options, 'max-revalidator', 500),
      minRevalidatePps: integerOption(options, 'min-revalidate-pps', 5),
    });
    this.#statisticsIntervalMs = Math.max(
      integerOption(options, 'stats-update-interval', MIN_STATISTICS_INTERVAL_MS),
      MIN_STATISTICS_INTERVAL_MS,
    );
    if (this.#statisticsIntervalMs !== this.#lastIntervalMs) this.#nextStatisticsMs = 0;
    this.#lastIntervalMs = this.#statisticsIntervalMs;

    if (config?.ssl) this.#env.host.streams.configureTls(tlsSettings(config.ssl));
    this.#followBridges(config?.bridges ?? []);
    /** Those that failed stay as far as they got, until the configuration changes. */
    const failed = new Set<Bridge>();
    const each = (step: (bridge: Bridge) => void): void => {
      for (const bridge of [...this.bridges.values()]) {
        if (failed.has(bridge) || contained(bridge, 'configure', step)) continue;
        failed.add(bridge);
        if (!bridge.ofproto) this.#discard(bridge);
      }
    };
    each((bridge) => bridge.dropUnwanted());
    each((bridge) => {
      if (!bridge.create()) this.#discard(bridge);
    });
    for (const backer of this.#env.backers.all()) backer.dpif.configure(options);
    each((bridge) => bridge.addMissing(txn));
    const idleTimeoutS = integerOption(options, 'bundle-idle-timeout', 0);
    each((bridge) => {
      bridge.ofproto!.up.bundleIdleTimeoutMs =
        idleTimeoutS > 0 ? idleTimeoutS * 1000 : BUNDLE_IDLE_TIMEOUT_MS;
      bridge.finish(txn);
    });
  }

  #discard(bridge: Bridge): void {
    contained(bridge, 'destroy', () => bridge.destroy());
    this.bridges.delete(bridge.name);
  }

  /** Forgets bridges that are gone or of another type, and makes new ones. */
  #followBridges(rows: readonly OvsRow<'Bridge'>[]): void {
    const wanted = new Map<string, OvsRow<'Bridge'>>();
    for (const row of rows) {
      // Names go into the names of sockets.
      if (/[/\\]/.test(row.name)) log.warnRl(nameLimit, `ignoring bridge with invalid name "${row.name}"`);
      else if (wanted.has(row.name)) log.warnRl(nameLimit, `bridge ${row.name} specified twice`);
      else wanted.set(row.name, row);
    }
    const typeOf = (row: OvsRow<'Bridge'>): string => row.datapath_type || this.#env.defaultDatapathType;
    for (const bridge of [...this.bridges.values()]) {
      const row = wanted.get(bridge.name);
      if (row && typeOf(row) === bridge.type) {
        bridge.row = row;
        continue;
      }
      this.#discard(bridge);
    }
    for (const [name, row] of wanted)
      if (!this.bridges.has(name)) this.bridges.set(name, new Bridge(this.#env, row, typeOf(row)));
  }

  // --- status -----------------------------------------------------------------------------------------------

  #writeStatus(): void {
    if (this.#statusBusy) return;
    this.#statusBusy = true;
    this.#statusDue = false;
    const txn = this.#idl.txn();
    for (const bridge of this.bridges.values())
      contained(bridge, 'tell the status of', () => bridge.writeStatus(txn, this.#wholeStatus));
    this.#wholeStatus = false;
    void txn.commit().then((status) => {
      this.#statusBusy = false;
      if (!isDone(status)) {
        this.#wholeStatus = true;
        this.#nextStatusMs = this.#env.host.loop.now() + STATUS_RETRY_MS;
      }
      this.#task.wake();
    });
  }

  #writeStatistics(nowMs: number): void {
    if (this.#statisticsBusy) return;
    this.#statisticsBusy = true;
    this.#nextStatisticsMs = nowMs + this.#statisticsIntervalMs;
    const txn = this.#idl.txn();
    for (const bridge of this.bridges.values())
      contained(bridge, 'tell the statistics of', () => bridge.writeStatistics(txn));
    void txn.commit().then(() => {
      this.#statisticsBusy = false;
      this.#task.wake();
    });
  }
}

/**
 * Does something with a bridge. An exception there is a mistake of ours, which must not cost the other bridges.
 * @returns whether it was done
 */
function contained(bridge: Bridge, what: string, step: (bridge: Bridge) => void): boolean {
  try {
    step(bridge);
    return true;
  } catch (error) {
    log.errRl(mistakeLimit, `failed to ${what} bridge ${bridge.name}: ${errorStack(error)}`);
    return false;
  }
}

const isDone = (status: TxnStatus): boolean => status === 'success' || status === 'unchanged';

function once(fn: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fn();
  };
}
