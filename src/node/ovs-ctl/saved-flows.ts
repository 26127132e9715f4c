/**
 * The flows, groups and tunnel options of all bridges, in files of a private directory while the switch is restarted.
 * C counterpart: utilities/ovs-save.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Context } from './context.ts';

/** The first version with bundles that may contain flows and groups. */
const FIRST_WITH_BUNDLES = 14;

interface SavedBridge {
  readonly name: string;
  /** 'OpenFlow14', as the option -O takes it. */
  readonly version: string;
  /** As add-tlv-map takes them, '' for none. */
  readonly options: string;
  readonly groups: string;
  readonly flows: string;
}

/** The highest version that the bridge speaks. */
function versionOf(context: Context, bridge: string): string {
  const protocols = context.vsctlLines(['get', 'bridge', bridge, 'protocols'])?.[0] ?? '';
  return protocols.match(/OpenFlow\d+/g)?.at(-1) ?? `OpenFlow${FIRST_WITH_BUNDLES}`;
}

/** Takes the lines that are no entries out of a dump. */
const entries = (dump: string, header: RegExp): string =>
  dump
    .split('\n')
    .filter((line) => line.trim() !== '' && !header.test(line))
    .map((line) => `${line}\n`)
    .join('');

/** From the table that dump-tlv-map prints to what add-tlv-map takes. */
const tlvMap = (dump: string): string =>
  [...dump.matchAll(/^\s+(0x\S+)\s+(\S+)\s+(\S+)\s+(\S+)/gm)]
    .map(([, type, kind, length, field]) => `{class=${type},type=${kind},len=${length}}->${field}`)
    .join(',');

/** @returns undefined if something of it cannot be had */
function saveBridge(context: Context, dir: string, name: string): SavedBridge | undefined {
  const version = versionOf(context, name);
  const dump = (...args: string[]): string | undefined =>
    context.capture('ovs-ofctl', ['-O', version, ...args]);
  const options = dump('dump-tlv-map', name);
  const groups = dump('dump-groups', name);
  const flows = dump('dump-flows', '--no-names', '--no-stats', name);
  if (options === undefined || groups === undefined || flows === undefined) return undefined;
  const saved = {
    name,
    version,
    options: tlvMap(options),
    groups: path.join(dir, `${name}.groups.dump`),
    flows: path.join(dir, `${name}.flows.dump`),
  };
  fs.writeFileSync(saved.groups, entries(groups, /^(OFPST|NXST)_GROUP_DESC/));
  // What is printed of IGMP cannot be parsed as such.
  const parseable = entries(flows, /(NXST|OFPST)_FLOW/)
    .replaceAll('igmp_type', 'tp_src')
    .replaceAll('igmp_code', 'tp_dst')
    .replaceAll('igmp', 'ip,nw_proto=2');
  fs.writeFileSync(saved.flows, parseable);
  return saved;
}

function restoreBridge(context: Context, saved: SavedBridge): boolean {
  const ofctl = (...args: string[]): boolean => context.run('ovs-ofctl', ['-O', saved.version, ...args]);
  const bundle = Number(saved.version.slice('OpenFlow'.length)) >= FIRST_WITH_BUNDLES ? ['--bundle'] : [];
  const hasGroups = fs.statSync(saved.groups).size > 0;
  return [
    saved.options === '' || ofctl('add-tlv-map', saved.name, saved.options),
    !hasGroups || ofctl('add-groups', saved.name, saved.groups, ...bundle),
    ofctl('replace-flows', saved.name, saved.flows, ...bundle),
  ].every(Boolean);
}

export class SavedFlows {
  readonly #dir: string;
  readonly #bridges: readonly SavedBridge[];

  private constructor(dir: string, bridges: readonly SavedBridge[]) {
    this.#dir = dir;
    this.#bridges = bridges;
  }

  /** Of a bridge whose tables cannot be had, nothing is saved; the user is told. */
  static save(context: Context): SavedFlows {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-save.'));
    const bridges: SavedBridge[] = [];
    context.action('Saving flows', () => {
      const names = context.vsctlLines(['--', '--real', 'list-br']);
      if (!names) return false;
      for (const name of names) {
        const saved = saveBridge(context, dir, name);
        if (saved) bridges.push(saved);
      }
      return bridges.length === names.length;
    });
    return new SavedFlows(dir, bridges);
  }

  /** If that fails, the files stay and the user is told where. */
  restore(context: Context): boolean {
    if (this.#bridges.length === 0) {
      this.discard();
      return true;
    }
    const restored = context.action('Restoring saved flows', () =>
      this.#bridges.map((saved) => restoreBridge(context, saved)).every(Boolean),
    );
    if (restored) this.discard();
    else this.tellWhere(context);
    return restored;
  }

  /** For the user to restore by hand. */
  tellWhere(context: Context): void {
    context.warning(`flows that were saved are in ${this.#dir}`);
  }

  discard(): void {
    fs.rmSync(this.#dir, { recursive: true, force: true });
  }
}
