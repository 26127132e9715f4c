/**
 * Datapath actions from text, as `dpctl/add-flow` takes them.
 *
 * C counterpart: odp_actions_from_string of lib/odp-util.c.
 */
import { F, VLAN_CFI } from '../flow/layout.ts';
import { FlowTextError, scanFlags } from '../flow/text.ts';
import { buildNsh } from '../packet/nsh.ts';
import type { OdpAction, OdpNat, OdpSetAttr, OdpSetWord, UserspaceCookie } from './action.ts';
import { isWholeSet, SLOW_PATH_NAMES } from './action-format.ts';
import { KeyParser, type PortNumberOf } from './key-parse.ts';
import { attempt, OdpSyntax, OdpTextError, Scanner } from './scanner.ts';
import { structOfSet, wordsOfSet } from './set.ts';
import { scanTunnelHeader } from './tunnel-header.ts';

const MAX_NESTING = 32;
const DELIMITERS = ', \t\r\n';
/** Attributes of keys that `set` takes too. */
const SETTABLE: ReadonlySet<string> = new Set<OdpSetAttr>([
  'skb_priority',
  'skb_mark',
  'tunnel',
  'eth',
  'vlan',
  'ipv4',
  'ipv6',
  'arp',
  'nd',
  'nd_ext',
  'tcp',
  'udp',
  'sctp',
  'icmp',
  'icmpv6',
  'mpls',
  'nsh',
  'ct_mark',
  'ct_label',
  'dp_hash',
  'recirc_id',
  'packet_type',
]);

const WORD = '(?:0[xX][0-9a-fA-F]+|\\d+)';
const int = (text: string | undefined): number => Number(text ?? 0) >>> 0;

class ActionParser {
  readonly s: Scanner;
  readonly #portNumber: PortNumberOf | undefined;
  #depth = 0;

  constructor(s: Scanner, portNumber: PortNumberOf | undefined) {
    this.s = s;
    this.#portNumber = portNumber;
  }

  /** Actions up to a `)`, which stays. `drop` alone is none. */
  list(): OdpAction[] {
    const { s } = this;
    const actions: OdpAction[] = [];
    if (s.match(/drop(?=\))/iy)) return actions;
    for (;;) {
      s.skip(DELIMITERS);
      if (s.looksAt(')')) return actions;
      if (s.atEnd) throw new OdpSyntax();
      actions.push(this.action());
    }
  }

  #port(): number {
    const { s } = this;
    const number = s.match(/[+-]?(?:0[xX][0-9a-fA-F]+|\d+)/y);
    if (number) return int(number[0]);
    const name = s.match(/[^, \t\r\n)]+/y)?.[0];
    const port = name === undefined ? undefined : this.#portNumber?.(name);
    if (port === undefined) throw new OdpSyntax();
    return port;
  }

  action(): OdpAction {
    if (++this.#depth >= MAX_NESTING) throw new OdpSyntax();
    const action = this.#action();
    this.#depth--;
    return action;
  }

  #action(): OdpAction {
    const { s } = this;
    if (/^[+-]?\d/.test(s.rest)) return { kind: 'output', port: this.#port() };
    const start = s.pos;
    const name = s.match(/[a-z_]+\(?/y)?.[0] ?? '';
    switch (name) {
      case 'lb_output(':
        return { kind: 'lb_output', bondId: this.#closed() };
      case 'trunc(':
        return { kind: 'trunc', maxLen: this.#closed() };
      case 'recirc(':
        return { kind: 'recirc', recircId: this.#closed() };
      case 'meter(':
        return { kind: 'meter', meterId: this.#closed() };
      case 'tnl_pop(': {
        const port = this.#port();
        s.expect(')');
        return { kind: 'tunnel_pop', port };
      }
      case 'pop_vlan':
      case 'pop_eth':
      case 'ct_clear':
        return { kind: name };
      case 'pop_nsh(':
        s.expect(')');
        return { kind: 'pop_nsh' };
      case 'userspace(':
        return this.#userspace();
      case 'set(':
        return this.#set();
      case 'push_vlan(':
        return this.#pushVlan();
      case 'push_eth(': {
        s.expect('src=');
        const src = s.mac();
        s.expect(',dst=');
        const dst = s.mac();
        s.expect(')');
        return { kind: 'push_eth', src, dst };
      }
      case 'push_mpls(':
      case 'add_mpls(':
        return this.#mpls(name === 'push_mpls(' ? 'push_mpls' : 'add_mpls');
      case 'pop_mpls(': {
        s.expect('eth_type=');
        const ethertype = s.number(2);
        s.expect(')');
        return { kind: 'pop_mpls', ethertype };
      }
      case 'push_nsh(':
        return this.#pushNsh();
      case 'hash(':
        return this.#hash();
      case 'sample(':
        return this.#sample();
      case 'clone(':
        return { kind: 'clone', actions: this.#listAndClose() };
      case 'check_pkt_len(':
        return this.#checkPktLen();
      case 'dec_ttl(':
        s.expect('le_1(');
        return { kind: 'dec_ttl', actions: this.#listAndClose('))') };
      case 'ct(':
      case 'ct':
        return this.#ct(name === 'ct(');
      case 'psample(':
        return this.#psample();
      case 'tnl_push(':
        return this.#tunnelPush();
      case 'drop':
        return { kind: 'drop', reason: 0 };
      default:
        s.pos = start;
        return { kind: 'output', port: this.#port() };
    }
  }

  #closed(): number {
    const value = this.s.number(4);
    this.s.expect(')');
    return value;
  }

  #listAndClose(close = ')'): OdpAction[] {
    const actions = this.list();
    this.s.expect(close);
    return actions;
  }

  #set(): OdpAction {
    const { s } = this;
    const name = /^[a-z_0-9]+/.exec(s.rest)?.[0] ?? '';
    if (!SETTABLE.has(name)) throw new OdpSyntax();
    const parser = new KeyParser(s, this.#portNumber);
    parser.attribute();
    s.expect(')');
    const attr = name as OdpSetAttr;
    const words: OdpSetWord[] = [];
    const { key, mask } = parser;
    if (attr === 'tunnel') {
      for (let w = 0; w < F.METADATA; w++)
        if (mask[w] || key[w]) words.push({ word: w, value: key[w]!, mask: mask[w]! });
      return { kind: 'set', attr, masked: false, words };
    }
    // A single number without a mask is all of it, and so is a VLAN tag whose CFI was not said.
    for (const [word, full] of wordsOfSet(attr)) {
      const bits = (mask[word]! & full) >>> 0;
      if (bits || !structOfSet(attr)) words.push({ word, value: key[word]!, mask: bits });
    }
    const set = { kind: 'set', attr, masked: true, words } as const;
    return isWholeSet(set) ? { ...set, masked: false } : set;
  }

  #pushVlan(): OdpAction {
    const { s } = this;
    const m = s.match(
      new RegExp(`(?:tpid=(${WORD}),)?vid=(${WORD}),pcp=(${WORD})(?:,cfi=(${WORD}))?\\)`, 'y'),
    );
    if (!m) throw new OdpSyntax();
    const vid = int(m[2]);
    const pcp = int(m[3]);
    if (vid > 0xfff || pcp > 7) throw new OdpSyntax();
    const cfi = m[4] === undefined || int(m[4]) ? VLAN_CFI : 0;
    return {
      kind: 'push_vlan',
      tpid: m[1] === undefined ? 0x8100 : int(m[1]) & 0xffff,
      tci: vid | (pcp << 13) | cfi,
    };
  }

  #mpls(kind: 'push_mpls' | 'add_mpls'): OdpAction {
    const m = this.s.match(
      new RegExp(`label=(${WORD}),tc=(\\d+),ttl=(\\d+),bos=(\\d+),eth_type=0x([0-9a-fA-F]+)\\)`, 'y'),
    );
    if (!m) throw new OdpSyntax();
    const lse =
      ((int(m[1]) << 12) | ((int(m[2]) & 7) << 9) | ((int(m[4]) & 1) << 8) | (int(m[3]) & 0xff)) >>> 0;
    const ethertype = Number.parseInt(m[5]!, 16) & 0xffff;
    return kind === 'push_mpls' ? { kind, lse, ethertype } : { kind, lse, ethertype, tunFlags: 0 };
  }

  #hash(): OdpAction {
    const m = this.s.match(/(l4|sym_l4)\((\d+)\)\)/y);
    if (!m) throw new OdpSyntax();
    return { kind: 'hash', algorithm: m[1] as 'l4' | 'sym_l4', basis: int(m[2]) };
  }

  #sample(): OdpAction {
    const { s } = this;
    const m = s.match(/sample=(\d+(?:\.\d*)?)%,actions\(/y);
    const percentage = Number(m?.[1]);
    if (!m || percentage > 100) throw new OdpSyntax();
    const probability = Math.min(Math.floor(0xffffffff * (percentage / 100) + 0.5), 0xffffffff);
    return { kind: 'sample', probability, actions: this.#listAndClose('))') };
  }

  #checkPktLen(): OdpAction {
    const { s } = this;
    s.expect('size=');
    const pktLen = s.number(2);
    s.expect(',gt(');
    const greater = this.list();
    s.expect('),le(');
    const lessEqual = this.list();
    s.expect('))');
    return { kind: 'check_pkt_len', pktLen, greater, lessEqual };
  }

  #hexBytes(): Uint8Array {
    const m = this.s.match(/(?:\s*[0-9a-fA-F]{2})*/y)![0].replace(/\s+/g, '');
    return Uint8Array.from(m.match(/../g) ?? [], (h) => Number.parseInt(h, 16));
  }

  #userspace(): OdpAction {
    const { s } = this;
    s.expect('pid=');
    const pid = s.number(4);
    const cookie =
      s.looksAt(',actions') || s.looksAt(',tunnel_out_port') || s.looksAt(')') ? undefined : this.#cookie();
    const withActions = s.take(',actions');
    const egressTunPort = s.take(',tunnel_out_port=') ? this.#port() : undefined;
    s.expect(')');
    return { kind: 'userspace', pid, cookie, withActions, egressTunPort };
  }

  #cookie(): UserspaceCookie {
    const { s } = this;
    const n = (name: string, bytes: 1 | 2 | 4 = 4): number => {
      s.expect(name);
      return s.number(bytes);
    };
    let cookie: UserspaceCookie;
    if (s.take(',sFlow(')) {
      const vid = n('vid=', 2);
      const pcp = n(',pcp=', 1);
      const tci = vid | (pcp << 13);
      cookie = { kind: 'sflow', vlanTci: tci === 0 ? 0 : tci | VLAN_CFI, output: n(',output=') };
    } else if (s.take(',slow_path(')) {
      const scanned = scanReasons(s);
      cookie = { kind: 'slow_path', reason: scanned };
    } else if (s.take(',flow_sample(')) {
      const probability = n('probability=', 2);
      const collectorSet = n(',collector_set_id=');
      const obsDomain = n(',obs_domain_id=');
      const obsPoint = n(',obs_point_id=');
      const outputPort = n(',output_port=');
      const direction = s.take(',ingress') ? 'ingress' : s.take(',egress') ? 'egress' : 'default';
      cookie = { kind: 'flow_sample', probability, collectorSet, obsDomain, obsPoint, outputPort, direction };
    } else if (s.take(',ipfix(')) {
      cookie = { kind: 'ipfix', outputPort: n('output_port=') };
    } else if (s.take(',controller(')) {
      const reason = n('reason=', 2);
      const dontSend = n(',dont_send=', 1) !== 0;
      const continuation = n(',continuation=', 1) !== 0;
      const recircId = n(',recirc_id=');
      s.expect(',rule_cookie=');
      const ruleCookie = s.integer(8);
      cookie = {
        kind: 'controller',
        reason,
        dontSend,
        continuation,
        recircId,
        ruleCookie,
        controllerId: n(',controller_id=', 2),
        maxLen: n(',max_len=', 2),
      };
    } else {
      s.expect(',userdata(');
      cookie = { kind: 'raw', data: this.#hexBytes() };
      // What netlink can carry in one attribute.
      if (cookie.data.length > 65508) throw new OdpSyntax();
    }
    s.expect(')');
    return cookie;
  }

  #pushNsh(): OdpAction {
    const { s } = this;
    const v = { flags: 0, ttl: 63, mdtype: 1, np: 3, spi: 0, si: 255, c1: 0, c2: 0, c3: 0, c4: 0 };
    let md2 = new Uint8Array(0);
    for (;;) {
      s.skip(DELIMITERS);
      if (s.take(')')) break;
      const name = s.match(/(flags|ttl|mdtype|np|spi|si|c[1-4]|md2)=/y)?.[1];
      if (name === undefined) throw new OdpSyntax();
      if (name === 'md2') {
        s.expect('0x');
        const data = this.#hexBytes();
        md2 = new Uint8Array((data.length + 3) & ~3);
        md2.set(data);
      } else v[name as keyof typeof v] = s.number(/^(spi|c)/.test(name) ? 4 : 1);
      if (v.mdtype !== 1 && v.mdtype !== 2) throw new OdpSyntax();
    }
    const header = new Uint8Array(v.mdtype === 1 ? 24 : 8 + md2.length);
    const base = { flags: v.flags, ttl: v.ttl, mdType: v.mdtype, next: v.np, spi: v.spi, si: v.si };
    buildNsh(header, 0, { ...base, context: [v.c1, v.c2, v.c3, v.c4] });
    if (v.mdtype === 2) {
      header.set(md2, 8);
      header[1] = (header[1]! & 0xc0) | (header.length / 4);
    }
    return { kind: 'push_nsh', header };
  }

  #ct(parenthesis: boolean): OdpAction {
    const { s } = this;
    let commit = false;
    let force = false;
    let zone = 0;
    let mark: { value: number; mask: number } | undefined;
    let label: { value: number[]; mask: number[] } | undefined;
    let helper: string | undefined;
    let timeout: string | undefined;
    let nat: OdpNat | undefined;
    const words = (v: bigint): number[] => [96n, 64n, 32n, 0n].map((sh) => Number((v >> sh) & 0xffffffffn));
    while (parenthesis) {
      s.skip(DELIMITERS);
      if (s.take(')')) break;
      if (s.take('commit')) commit = true;
      else if (s.take('force_commit')) force = true;
      else if (s.take('zone=')) zone = s.number(2);
      else if (s.take('mark=')) {
        const hex = (): number => {
          const m = s.match(/(?:0[xX])?([0-9a-fA-F]+)/y);
          if (!m) throw new OdpSyntax();
          return Number.parseInt(m[1]!, 16) >>> 0;
        };
        const value = hex();
        mark = { value, mask: s.take('/') ? hex() : 0xffffffff };
      } else if (s.take('label=')) {
        const value = s.integer(16);
        label = { value: words(value), mask: words(s.take('/') ? s.integer(16) : 2n ** 128n - 1n) };
      } else if (s.take('helper=')) helper = this.#ctName(15);
      else if (s.take('timeout=')) timeout = this.#ctName(31);
      else if (s.match(/nat(?![a-z])/y)) nat = this.#nat();
      else throw new OdpSyntax();
    }
    if (commit && force) throw new OdpSyntax();
    if (mark?.mask === 0) mark = undefined;
    if (label?.mask.every((w) => w === 0)) label = undefined;
    return { kind: 'ct', commit: commit || force, force, zone, mark, label, helper, timeout, nat };
  }

  #ctName(max: number): string {
    const name = this.s.match(/[^, \t\r\n)]+/y)?.[0];
    if (name === undefined || name.length > max) throw new OdpSyntax();
    return name;
  }

  #nat(): OdpNat {
    const { s } = this;
    const none = { minAddr: undefined, maxAddr: undefined, minPort: 0, maxPort: 0 };
    let persistent = false;
    let hash = false;
    let random = false;
    if (!s.take('(')) return { type: undefined, ...none, persistent, hash, random };
    const type = s.take('src') ? 'src' : s.take('dst') ? 'dst' : undefined;
    if (type === undefined) throw new OdpSyntax();
    const range = s.take('=') ? this.#natRange() : none;
    for (;;) {
      s.skip(DELIMITERS);
      if (s.take(')')) return { type, ...range, persistent, hash, random };
      if (s.take('persistent')) persistent = true;
      else if (s.take('hash')) hash = true;
      else if (s.take('random')) random = true;
      else throw new OdpSyntax();
    }
  }

  #natAddress(): Uint8Array {
    const { s } = this;
    if (/^\d+\.\d+\.\d+\.\d+/.test(s.rest)) {
      const ip = s.ipv4();
      return Uint8Array.of(ip >>> 24, ip >>> 16, ip >>> 8, ip);
    }
    const bracket = s.take('[');
    const v6 = s.ipv6();
    if (bracket) s.expect(']');
    return Uint8Array.from({ length: 16 }, (_, i) => Number((v6 >> BigInt(8 * (15 - i))) & 255n));
  }

  #natRange(): Pick<OdpNat, 'minAddr' | 'maxAddr' | 'minPort' | 'maxPort'> {
    const { s } = this;
    const minAddr = this.#natAddress();
    const maxAddr = s.take('-') ? this.#natAddress() : undefined;
    if (maxAddr && maxAddr.length !== minAddr.length) throw new OdpSyntax();
    let minPort = 0;
    let maxPort = 0;
    if (s.take(':')) {
      minPort = s.number(2);
      if (s.take('-')) maxPort = s.number(2);
    }
    return { minAddr, maxAddr, minPort, maxPort };
  }

  #psample(): OdpAction {
    const { s } = this;
    let group: number | undefined;
    let cookie: Uint8Array | undefined;
    do {
      if (group === undefined && s.take('group=')) {
        group = s.number(4);
      } else if (cookie === undefined && s.take('cookie=')) {
        s.expect('0x');
        const m = s.match(/[0-9a-fA-F]+/y)?.[0];
        if (m === undefined) throw new OdpSyntax();
        const even = m.length % 2 ? `0${m}` : m;
        cookie = Uint8Array.from(even.match(/../g)!, (h) => Number.parseInt(h, 16));
        if (cookie.length > 16) throw new OdpSyntax();
      } else throw new OdpSyntax();
    } while (s.take(','));
    s.expect(')');
    if (group === undefined) throw new OdpSyntax();
    return { kind: 'psample', group, cookie: cookie ?? new Uint8Array(0) };
  }

  #tunnelPush(): OdpAction {
    const { s } = this;
    s.expect('tnl_port(');
    const tnlPort = this.#port();
    s.expect('),header(size=');
    const size = s.number();
    s.expect(',type=');
    const tnlType = s.number();
    s.expect(',');
    const header = scanTunnelHeader(s, size, tnlType);
    s.expect(',out_port(');
    const outPort = this.#port();
    s.expect('))');
    return { kind: 'tunnel_push', tnlPort, outPort, tnlType, header };
  }
}

/** Slow-path reasons up to their `)`, which stays. */
function scanReasons(s: Scanner): number {
  try {
    const scanned = scanFlags(s.rest.replaceAll(',', '|'), SLOW_PATH_NAMES, 'slow_path', 0x7f, ')', false);
    s.pos += scanned.length;
    return scanned.flags;
  } catch (e) {
    if (e instanceof FlowTextError) throw new OdpSyntax();
    throw e;
  }
}

/** Actions from text. @throws OdpTextError */
export function parseOdpActions(text: string, portNumber?: PortNumberOf): OdpAction[] {
  if (text.toLowerCase() === 'drop') return [{ kind: 'drop', reason: 0 }];
  const s = new Scanner(text);
  const parser = new ActionParser(s, portNumber);
  const actions: OdpAction[] = [];
  for (;;) {
    s.skip(DELIMITERS);
    if (s.atEnd) return actions;
    const start = s.pos;
    const action = attempt(() => parser.action());
    if (!action || (!s.atEnd && !DELIMITERS.includes(text[s.pos]!))) {
      throw new OdpTextError(`syntax error at ${text.slice(start)}`);
    }
    actions.push(action);
  }
}
