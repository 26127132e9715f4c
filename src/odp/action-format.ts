/**
 * Datapath actions as text, as `dpctl/dump-flows` and traces print them.
 *
 * C counterpart: format_odp_actions of lib/odp-util.c.
 */

import { getWords } from '../flow/fields.ts';
import { F } from '../flow/layout.ts';
import { formatFlags, formatIpv4, formatIpv6, formatMacNumber, hex, hexBig, hexPad } from '../flow/text.ts';
import { parseNsh } from '../packet/nsh.ts';
import type { OdpAction, OdpNat, UserspaceCookie } from './action.ts';
import { SCALARS } from './attrs.ts';
import {
  formatLse,
  formatNsh,
  formatScalarBody,
  formatStructBody,
  formatTunnel,
  formatVlanTci,
  type PortNameOf,
} from './key-format.ts';
import { setWordsToKey, structOfSet, wordsOfSet } from './set.ts';
import { formatTunnelHeader } from './tunnel-header.ts';

export const SLOW_PATH_NAMES = ['cfm', 'bfd', 'lacp', 'stp', 'lldp', 'action', 'match'] as const;

/** What to tell of each slow-path reason, as traces do. */
export const SLOW_PATH_EXPLANATIONS = [
  'Consists of CFM packets',
  'Consists of BFD packets',
  'Consists of LACP packets',
  'Consists of STP packets',
  'Consists of LLDP packets',
  'Uses action(s) not supported by datapath',
  "Datapath can't match specifically enough",
] as const;

const hexBytes = (b: Uint8Array): string => Array.from(b, (v) => v.toString(16).padStart(2, '0')).join('');

function bytesToBig(b: Uint8Array): bigint {
  let v = 0n;
  for (const byte of b) v = (v << 8n) | BigInt(byte);
  return v;
}

/** A list of actions; nothing is `drop`. */
export function formatOdpActions(actions: readonly OdpAction[], portName?: PortNameOf): string {
  return actions.length === 0 ? 'drop' : actions.map((a) => formatOdpAction(a, portName)).join(',');
}

function formatCookie(c: UserspaceCookie, port: (n: number) => string): string {
  switch (c.kind) {
    case 'sflow':
      return `sFlow(vid=${c.vlanTci & 0xfff},pcp=${c.vlanTci >>> 13},output=${c.output})`;
    case 'slow_path':
      return `slow_path(${formatFlags(SLOW_PATH_NAMES, c.reason, ',')})`;
    case 'flow_sample':
      return (
        `flow_sample(probability=${c.probability},collector_set_id=${c.collectorSet},obs_domain_id=${c.obsDomain},` +
        `obs_point_id=${c.obsPoint},output_port=${port(c.outputPort)}` +
        `${c.direction === 'default' ? '' : `,${c.direction}`})`
      );
    case 'ipfix':
      return `ipfix(output_port=${port(c.outputPort)})`;
    case 'controller':
      return (
        `controller(reason=${c.reason},dont_send=${c.dontSend ? 1 : 0},continuation=${c.continuation ? 1 : 0},` +
        `recirc_id=${c.recircId},rule_cookie=${hexBig(c.ruleCookie)},controller_id=${c.controllerId},max_len=${c.maxLen})`
      );
    case 'raw':
      return `userdata(${hexBytes(c.data)})`;
  }
}

function formatNat(nat: OdpNat): string {
  if (nat.type === undefined) return 'nat';
  let text: string = nat.type;
  const { minAddr, maxAddr, minPort, maxPort } = nat;
  if (minAddr) {
    const v6 = minAddr.length === 16;
    const address = (b: Uint8Array): string => {
      if (!v6) return formatIpv4(Number(bytesToBig(b)));
      const ip = formatIpv6(bytesToBig(b));
      return minPort ? `[${ip}]` : ip;
    };
    text += `=${address(minAddr)}`;
    const max = maxAddr ? bytesToBig(maxAddr) : 0n;
    if (maxAddr && max !== 0n && max !== bytesToBig(minAddr)) text += `-${address(maxAddr)}`;
    if (minPort) text += `:${minPort}${maxPort && maxPort !== minPort ? `-${maxPort}` : ''}`;
  }
  const flags = [nat.persistent && 'persistent', nat.hash && 'hash', nat.random && 'random'].filter(
    (f) => f !== false,
  );
  return `nat(${[text, ...flags].join(',')})`;
}

function formatCt(a: Extract<OdpAction, { kind: 'ct' }>): string {
  const parts: string[] = [];
  if (a.force) parts.push('force_commit');
  else if (a.commit) parts.push('commit');
  if (a.zone) parts.push(`zone=${a.zone}`);
  if (a.mark) parts.push(`mark=${hex(a.mark.value)}/${hex(a.mark.mask)}`);
  if (a.label) {
    const value = getWords(Uint32Array.from(a.label.value), 0, 4);
    const mask = getWords(Uint32Array.from(a.label.mask), 0, 4);
    parts.push(`label=${hexBig(value)}${mask === 2n ** 128n - 1n ? '' : `/${hexBig(mask)}`}`);
  }
  if (a.helper !== undefined) parts.push(`helper=${a.helper}`);
  if (a.timeout !== undefined) parts.push(`timeout=${a.timeout}`);
  if (a.nat) parts.push(formatNat(a.nat));
  return parts.length === 0 ? 'ct' : `ct(${parts.join(',')})`;
}

function formatPushNsh(header: Uint8Array): string {
  const h = parseNsh(header, 0);
  if (!h) return 'push_nsh(<error: bad header>)';
  const base = `flags=${h.flags},ttl=${h.ttl},mdtype=${h.mdType},np=${h.next},spi=${hexPad(h.spi, 1)},si=${h.si}`;
  const context =
    h.mdType === 1
      ? Array.from(h.context, (c, i) => `,c${i + 1}=${hexPad(c, 1)}`).join('')
      : h.mdType === 2
        ? `,md2=${hexBig(bytesToBig(header.subarray(8)))}`
        : ',<error: unknown mdtype>';
  return `push_nsh(${base}${context})`;
}

function formatSet(a: Extract<OdpAction, { kind: 'set' }>): string {
  const { key, mask } = setWordsToKey(a.words);
  const m = a.masked ? mask : undefined;
  const struct = structOfSet(a.attr);
  let body: string;
  if (struct) body = formatStructBody(struct, key, m, !a.masked);
  else {
    switch (a.attr) {
      case 'tunnel':
        body = formatTunnel(key, undefined, true);
        break;
      case 'vlan':
        body = formatVlanTci(key[F.VLAN_TCI0]!, m ? mask[F.VLAN_TCI0]! : 0xffff, !a.masked);
        break;
      case 'mpls':
        body = formatMplsSet(key[F.MPLS_LSE0]!, m?.[F.MPLS_LSE0] ?? 0xffffffff);
        break;
      case 'nsh':
        body = formatNsh(key, m);
        break;
      case 'ct_label': {
        const bits = getWords(mask, F.CT_LABEL, 4);
        const exact = !a.masked || bits === 2n ** 128n - 1n;
        body = `${hexBig(getWords(key, F.CT_LABEL, 4))}${exact ? '' : `/${hexBig(bits)}`}`;
        break;
      }
      default:
        body = formatScalarBody(SCALARS[a.attr as keyof typeof SCALARS], key, m, { verbose: !a.masked });
    }
  }
  return `set(${a.attr}(${body}))`;
}

function formatMplsSet(lse: number, mask: number): string {
  if (mask === 0xffffffff) return formatLse(lse);
  const h = (v: number): string => v.toString(16);
  return (
    `label=${lse >>> 12}/0x${h(mask >>> 12)},tc=${(lse >>> 9) & 7}/${h((mask >>> 9) & 7)},` +
    `ttl=${lse & 0xff}/0x${h(mask & 0xff)},bos=${(lse >>> 8) & 1}/${h((mask >>> 8) & 1)}`
  );
}

/** One action. */
export function formatOdpAction(a: OdpAction, portName?: PortNameOf): string {
  const port = (n: number): string => portName?.(n) ?? String(n);
  const list = (actions: readonly OdpAction[]): string => formatOdpActions(actions, portName);
  switch (a.kind) {
    case 'output':
      return port(a.port);
    case 'userspace': {
      const parts = [`pid=${a.pid}`];
      if (a.cookie) parts.push(formatCookie(a.cookie, port));
      if (a.withActions) parts.push('actions');
      if (a.egressTunPort !== undefined) parts.push(`tunnel_out_port=${port(a.egressTunPort)}`);
      return `userspace(${parts.join(',')})`;
    }
    case 'set':
      return formatSet(a);
    case 'push_vlan': {
      const tpid = a.tpid === 0x8100 ? '' : `tpid=${hexPad(a.tpid, 4)},`;
      return `push_vlan(${tpid}${formatVlanTci(a.tci, 0xffff, false)})`;
    }
    case 'pop_vlan':
    case 'pop_eth':
    case 'ct_clear':
      return a.kind;
    case 'drop':
      return 'drop';
    case 'pop_nsh':
      return 'pop_nsh()';
    case 'push_mpls':
    case 'add_mpls':
      return `${a.kind}(${formatLse(a.lse)},eth_type=${hexPad(a.ethertype, 1)})`;
    case 'pop_mpls':
      return `pop_mpls(eth_type=${hexPad(a.ethertype, 1)})`;
    case 'push_eth':
      return `push_eth(src=${formatMacNumber(Number(a.src))},dst=${formatMacNumber(Number(a.dst))})`;
    case 'push_nsh':
      return formatPushNsh(a.header);
    case 'recirc':
      return `recirc(${hex(a.recircId)})`;
    case 'hash':
      return `hash(${a.algorithm}(${a.basis}))`;
    case 'sample':
      return `sample(sample=${((100 * a.probability) / 0xffffffff).toFixed(1)}%,actions(${list(a.actions)}))`;
    case 'clone':
      return `clone(${list(a.actions)})`;
    case 'ct':
      return formatCt(a);
    case 'trunc':
      return `trunc(${a.maxLen})`;
    case 'meter':
      return `meter(${a.meterId})`;
    case 'check_pkt_len':
      return `check_pkt_len(size=${a.pktLen},gt(${list(a.greater)}),le(${list(a.lessEqual)}))`;
    case 'tunnel_push':
      return (
        `tnl_push(tnl_port(${port(a.tnlPort)}),header(size=${a.header.length},type=${a.tnlType},` +
        `${formatTunnelHeader(a.tnlType, a.header)}),out_port(${port(a.outPort)}))`
      );
    case 'tunnel_pop':
      return `tnl_pop(${port(a.port)})`;
    case 'lb_output':
      return `lb_output(${a.bondId})`;
    case 'dec_ttl':
      return `dec_ttl(le_1(${list(a.actions)}))`;
    case 'psample':
      return `psample(group=${a.group}${a.cookie.length ? `,cookie=${hexBig(bytesToBig(a.cookie))}` : ''})`;
  }
}

/** Whether a set action changes all of its attribute. */
export function isWholeSet(a: Extract<OdpAction, { kind: 'set' }>): boolean {
  const masks = new Map(a.words.map((w) => [w.word, w.mask]));
  return wordsOfSet(a.attr).every(([word, full]) => ((masks.get(word) ?? 0) & full) >>> 0 === full);
}
