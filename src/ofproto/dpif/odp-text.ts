/** Text of datapath actions, until src/odp has it. */
import { F } from '../../flow/layout.ts';
import type { NameMap } from '../../flow/ports.ts';
import { formatIpv4, formatMac } from '../../flow/text.ts';
import type { OdpAction } from '../../odp/action.ts';
import { OdpTextError } from '../../odp/scanner.ts';

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

/** @throws OdpTextError */
export function parseOdpActions(text: string, _names?: NameMap): OdpAction[] {
  throw new OdpTextError(`${text}: not actions`);
}
