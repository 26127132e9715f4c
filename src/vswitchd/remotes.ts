/** Controller rows as settings of a bridge's connection manager. */
import { RateLimit, vlog } from '../base/vlog.ts';
import { type ControllerSettings, MANAGEMENT_SERVICE } from '../ofproto/connmgr/settings.ts';
import { OFP10, type VersionBitmap } from '../openflow/version.ts';
import { integerOption, type OvsRow } from './configuration.ts';

const log = vlog('bridge');
const duplicateLimit = new RateLimit(1, 5);
const confinedLimit = new RateLimit(1, 5);

const DEFAULT_QUEUE_SIZE = 100;
const MAX_QUEUE_SIZE = 512;

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

/**
 * By target: the management listener, and the controllers.
 * @param runDir where the management socket and other Unix sockets of controllers are
 * @param confined whether Unix sockets elsewhere are refused
 */
export function controllerSettings(
  row: OvsRow<'Bridge'>,
  runDir: string,
  confined: boolean,
): ReadonlyMap<string, ControllerSettings> {
  const allowed = allowedVersions(row);
  const settings = new Map<string, ControllerSettings>();
  settings.set(`punix:${runDir}/${row.name}.mgmt`, {
    ...MANAGEMENT_SERVICE,
    probeInterval: 60,
    allowedVersions: allowed,
    maxPacketInQueue: queueSize(row),
  });
  for (const controller of configuredControllers(row)) {
    const { target } = controller;
    if (confined && !isPermitted(row.name, target, runDir)) continue;
    if (settings.has(target)) {
      log.warnRl(duplicateLimit, `bridge ${row.name}: Duplicate controllers "${target}".`);
      continue;
    }
    settings.set(target, {
      type: controller.type ?? (/^(tcp|ssl|unix):/.test(target) ? 'primary' : 'service'),
      maxBackoff: Math.floor((controller.max_backoff ?? 8000) / 1000),
      probeInterval: probeSeconds(controller.inactivity_probe),
      enableAsyncMessages: controller.enable_async_messages ?? true,
      allowedVersions: allowed,
      maxPacketInQueue: queueSize(row, controller),
      rateLimit: controller.controller_rate_limit ?? 0,
      burstLimit: controller.controller_burst_limit ?? 0,
    });
  }
  return settings;
}

/** @param ms 0 for no probes */
function probeSeconds(ms = 5000): number {
  return ms === 0 ? 0 : Math.max(1, Math.floor(ms / 1000));
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
