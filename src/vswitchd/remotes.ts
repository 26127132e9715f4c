/** Controller rows as settings of a bridge's connection manager. */
import { RateLimit, vlog } from '../base/vlog.ts';
import { OFP10, type VersionBitmap } from '../openflow/version.ts';
import { booleanOption, integerOption, type OvsRow } from './configuration.ts';
import type { ControllerSettings } from './environment.ts';

const log = vlog('bridge');
const duplicateLimit = new RateLimit(1, 5);
const confinedLimit = new RateLimit(1, 5);

const DEFAULT_QUEUE_SIZE = 100;
const MAX_QUEUE_SIZE = 512;
/** CS6, network control. */
const DEFAULT_DSCP = 48;

/** The controllers that the configuration names. */
export function configuredControllers(row: OvsRow<'Bridge'>): readonly OvsRow<'Controller'>[] {
  const { controller } = row;
  return controller.length === 1 && controller[0]!.target === 'none' ? [] : controller;
}

/** Bit N for 'OpenFlow1M', where N is the version on the wire. */
const allowedVersions = (row: OvsRow<'Bridge'>): VersionBitmap =>
  row.protocols.reduce((bits, name) => bits | (1 << (OFP10 + Number(name.at(-1)))), 0);

function queueSize(row: OvsRow<'Bridge'>, controller?: OvsRow<'Controller'>): number {
  if (controller?.controller_queue_size !== undefined) return controller.controller_queue_size;
  const size = integerOption(row.other_config, 'controller-queue-size', DEFAULT_QUEUE_SIZE);
  return size >= 1 && size <= MAX_QUEUE_SIZE ? size : DEFAULT_QUEUE_SIZE;
}

/** @param runDir where the management socket and other Unix sockets of controllers may be */
export function controllerSettings(
  row: OvsRow<'Bridge'>,
  runDir: string,
  confined: boolean,
): ControllerSettings[] {
  const versions = allowedVersions(row);
  const disableInBand = booleanOption(row.other_config, 'disable-in-band', false);
  const settings = new Map<string, ControllerSettings>();
  const management = `punix:${runDir}/${row.name}.mgmt`;
  settings.set(management, {
    target: management,
    type: 'service',
    maxBackoffMs: 0,
    probeIntervalMs: 60_000,
    inBand: false,
    asyncMessages: true,
    allowedVersions: versions,
    queueSize: queueSize(row),
    rateLimit: 0,
    burstLimit: 0,
    dscp: 0,
  });
  for (const controller of configuredControllers(row)) {
    const { target } = controller;
    if (confined && !isPermitted(row.name, target, runDir)) continue;
    if (settings.has(target)) {
      log.warnRl(duplicateLimit, `bridge ${row.name}: Duplicate controllers "${target}".`);
      continue;
    }
    const dscp = integerOption(controller.other_config, 'dscp', DEFAULT_DSCP);
    const probe = controller.inactivity_probe;
    settings.set(target, {
      target,
      type: controller.type ?? (/^(tcp|ssl|unix):/.test(target) ? 'primary' : 'service'),
      maxBackoffMs: Math.floor((controller.max_backoff ?? 8000) / 1000) * 1000,
      probeIntervalMs:
        probe === undefined ? 5000 : probe === 0 ? 0 : Math.max(1, Math.floor(probe / 1000)) * 1000,
      inBand: controller.connection_mode !== 'out-of-band' && !disableInBand,
      asyncMessages: controller.enable_async_messages ?? true,
      allowedVersions: versions,
      queueSize: queueSize(row, controller),
      rateLimit: controller.controller_rate_limit ?? 0,
      burstLimit: controller.controller_burst_limit ?? 0,
      dscp: dscp >= 0 && dscp <= 63 ? dscp : DEFAULT_DSCP,
    });
  }
  return [...settings.values()];
}

const squeeze = (path: string): string => path.replace(/\/+/g, '/');

/**
 * Whoever may write to the database shall not reach any file through it: Unix sockets must be in our own
 * directory, and those that we make must have the bridge's name.
 */
function isPermitted(bridge: string, target: string, runDir: string): boolean {
  const management = `"unix:${runDir}/${bridge}.mgmt" (which is always available without special configuration)`;
  if (target.startsWith('unix:')) {
    const allowed = `unix:${runDir}/`;
    if (!target.includes('/') || squeeze(target).startsWith(squeeze(allowed))) return true;
    log.errRl(
      confinedLimit,
      `bridge ${bridge}: Not connecting to socket controller "${target}" due to possibility for remote exploit.  ` +
        `Instead, specify socket in permitted directory "${allowed}" or connect to ${management}.`,
    );
    return false;
  }
  if (target.startsWith('punix:')) {
    const allowed = `punix:${runDir}/${bridge}.`;
    const rest = squeeze(target).slice(squeeze(allowed).length);
    if (squeeze(target).startsWith(squeeze(allowed)) && !rest.includes('/')) return true;
    log.errRl(
      confinedLimit,
      `bridge ${bridge}: Not adding Unix domain socket controller "${target}" due to possibility of overwriting ` +
        `local files. Instead, specify path in permitted format "${allowed}*" or connect to ${management}.`,
    );
    return false;
  }
  return true;
}
