/** Who this system is: its id, type and version and the name of its host, as the database records them. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { OVS_VERSION } from '../../base/version.ts';
import type { Context } from './context.ts';
import { makeDirectory } from './daemons.ts';

const OS_RELEASE = '/etc/os-release';
/** `hostname -f` asks name servers. */
const HOSTNAME_TIMEOUT_MS = 5_000;

/** The first file's text, or undefined. */
function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The value of NAME=VALUE or NAME="VALUE" in a file of such lines. */
function assignment(text: string, name: string): string | undefined {
  const found = new RegExp(`^${name}=(["']?)(.*)\\1$`, 'm').exec(text);
  return found?.[2];
}

/** The random id, made at the first start and kept. */
function persistentId(context: Context): string {
  const directory = path.join(context.dirs.sysconf, 'openvswitch');
  const file = path.join(directory, 'system-id.conf');
  const known = textOf(file);
  if (known !== undefined) return known;
  // What releases of long ago called it.
  const old = textOf(path.join(directory, 'install_uuid.conf'));
  const id = (old && assignment(old, 'INSTALLATION_UUID')) || randomUUID();
  makeDirectory(directory);
  fs.writeFileSync(file, `${id}\n`);
  return id;
}

function systemId(context: Context): string {
  const given = context.settings['system-id'];
  if (given === '') context.failure('system ID not configured, please use --system-id');
  return given === 'random' ? persistentId(context) : given;
}

function systemTypeAndVersion({ dirs, settings }: Context): { type: string; version: string } {
  const file = (name: string): string | undefined =>
    textOf(path.join(dirs.sysconf, 'openvswitch', `system-${name}.conf`));
  const own = file('type');
  const release = own === undefined ? textOf(OS_RELEASE) : undefined;
  const found =
    own !== undefined
      ? { type: own, version: file('version') ?? '' }
      : release !== undefined
        ? { type: assignment(release, 'ID') ?? '', version: assignment(release, 'VERSION_ID') ?? '' }
        : { type: 'unknown', version: 'unknown' };
  return {
    type: settings['system-type'] || found.type,
    version: settings['system-version'] || found.version,
  };
}

/** Writes it all into the database, with the ids of `--external-id`. */
export function recordIdentity(context: Context): boolean {
  const id = systemId(context);
  const { type, version } = systemTypeAndVersion(context);
  if (type === '') context.failure('no default system type, please use --system-type');
  if (version === '') context.failure('no default system version, please use --system-version');
  const columns = [
    `ovs-version=${OVS_VERSION}`,
    `external-ids:system-id=${JSON.stringify(id)}`,
    `external-ids:rundir=${JSON.stringify(context.dirs.run)}`,
    ...(type === '' ? [] : [`system-type=${JSON.stringify(type)}`]),
    ...(version === '' ? [] : [`system-version=${JSON.stringify(version)}`]),
    ...context.externalIds.map((pair) => `external-ids:${pair}`),
  ];
  return context.action('Configuring Open vSwitch system IDs', () =>
    context.vsctl(['set', 'Open_vSwitch', '.', ...columns]),
  );
}

/** Records the host's name unless one is recorded. */
export function recordHostname(context: Context): boolean {
  let name = '';
  if (context.is('full-hostname')) {
    const asked = context.spawn('hostname', ['-f'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: HOSTNAME_TIMEOUT_MS,
    });
    if (asked.status === 0) name = asked.stdout.trim();
  }
  return context.vsctl(['add', 'Open_vSwitch', '.', 'external-ids', `hostname=${name || os.hostname()}`]);
}
