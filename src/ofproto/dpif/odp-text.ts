/** Text of datapath actions, until src/odp has it. */
import { F } from '../../flow/layout.ts';
import type { NameMap } from '../../flow/ports.ts';
import { formatIpv4, formatMac } from '../../flow/text.ts';
import type { OdpAction } from '../../odp/action.ts';

export function formatOdpActions(actions: readonly OdpAction[], names?: NameMap): string {
  if (actions.length === 0) return 'drop';
  return actions.map((a) => one(a, names)).join(',');
}

function one(a: OdpAction, names?: NameMap): string {
  switch (a.kind) {
    case 'output':
      return names?.nameOf(a.port) ?? String(a.port);
    case 'drop':
      return 'drop';
    case 'push_vlan':
      return `push_vlan(${a.tpid !== 0x8100 ? `tpid=0x${a.tpid.toString(16)},` : ''}vid=${a.tci & 0xfff},pcp=${a.tci >> 13})`;
    case 'pop_vlan':
      return 'pop_vlan';
    case 'recirc':
      return `recirc(0x${a.recircId.toString(16)})`;
    case 'userspace':
      return `userspace(pid=0,${a.cookie?.kind})`;
    case 'clone':
      return `clone(${formatOdpActions(a.actions, names)})`;
    case 'set':
      return `set(${a.attr}(${setText(a)}))`;
    case 'ct':
      return `ct(${a.commit ? 'commit,' : ''}zone=${a.zone})`;
    default:
      return JSON.stringify(a, (_, v) => (typeof v === 'bigint' ? String(v) : v));
  }
}

function setText(a: Extract<OdpAction, { kind: 'set' }>): string {
  const get = (w: number) => a.words.find((x) => x.word === w);
  const parts: string[] = [];
  for (const [w, n] of [
    [F.DL_SRC, 'src'],
    [F.DL_DST, 'dst'],
  ] as const)
    if (get(w) || get(w + 1)) parts.push(`${n}=${formatMac(get(w)?.value ?? 0, get(w + 1)?.value ?? 0)}`);
  for (const [w, n] of [
    [F.NW_SRC, 'src'],
    [F.NW_DST, 'dst'],
  ] as const) {
    const g = get(w);
    if (g) parts.push(`${n}=${formatIpv4(g.value)}`);
  }
  for (const [w, n] of [
    [F.NW_TOS, 'tos'],
    [F.NW_TTL, 'ttl'],
    [F.TP_SRC, 'src'],
    [F.TP_DST, 'dst'],
  ] as const) {
    const g = get(w);
    if (g) parts.push(`${n}=${n === 'tos' ? `0x${g.value.toString(16)}` : g.value}`);
  }
  return parts.join(',');
}

export interface OdpFlowOptions {
  readonly names?: NameMap | undefined;
  /** Print fully wildcarded fields too. */
  readonly verbose?: boolean;
}

export function formatOdpFlow(key: Uint32Array, mask: Uint32Array, options: OdpFlowOptions = {}): string {
  const parts: string[] = [
    `recirc_id(${key[F.RECIRC_ID] === 0 ? '0' : `0x${key[F.RECIRC_ID]!.toString(16)}`})`,
  ];
  parts.push(
    `in_port(${options.names?.nameOf(key[F.IN_PORT]!) ?? key[F.IN_PORT]})`,
    'packet_type(ns=0,id=0)',
  );
  const mac: string[] = [];
  for (const [w, n] of [
    [F.DL_SRC, 'src'],
    [F.DL_DST, 'dst'],
  ] as const)
    if (mask[w] || mask[w + 1]) mac.push(`${n}=${formatMac(key[w]!, key[w + 1]!)}`);
  parts.push(mac.length > 0 ? `eth(${mac.join(',')})` : 'eth()');
  if (mask[F.VLAN_TCI0]) parts.push(`vlan(vid=${key[F.VLAN_TCI0]! & 0xfff})`);
  parts.push(`eth_type(0x${key[F.DL_TYPE]!.toString(16).padStart(4, '0')})`);
  if (key[F.DL_TYPE] === 0x800) {
    const ip: string[] = [];
    if (mask[F.NW_SRC]) ip.push(`src=${formatIpv4(key[F.NW_SRC]!)}`);
    if (mask[F.NW_DST]) ip.push(`dst=${formatIpv4(key[F.NW_DST]!)}`);
    if (mask[F.NW_PROTO]) ip.push(`proto=${key[F.NW_PROTO]}`);
    ip.push('frag=no');
    parts.push(`ipv4(${ip.join(',')})`);
  }
  return parts.join(',');
}

export class OdpTextError extends Error {}

/** @throws OdpTextError */
export function parseOdpFlow(text: string, _names?: NameMap): { key: Uint32Array; mask: Uint32Array } {
  throw new OdpTextError(`${text}: not a datapath flow`);
}
export function parseOdpActions(text: string, _names?: NameMap): OdpAction[] {
  throw new OdpTextError(`${text}: not actions`);
}
