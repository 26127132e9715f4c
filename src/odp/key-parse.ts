/**
 * Datapath flow keys from text, as `ovs-appctl ofproto/trace` and `dpctl/add-flow` take them.
 *
 * Attributes may come in any order; a part without `/mask` is matched whole, one that is not there not at all.
 * C counterpart: odp_flow_from_string of lib/odp-util.c.
 */
import { setWords } from '../flow/fields.ts';
import {
  F,
  FLOW_DL_TYPE_NONE,
  FLOW_TNL_F_MASK,
  FLOW_TNL_F_UDPIF,
  type Flow,
  newFlow,
  VLAN_CFI,
} from '../flow/layout.ts';
import { type FlagNames, FlowTextError, scanFlags, TCP_FLAG_NAMES, TUN_FLAG_NAMES } from '../flow/text.ts';
import { setTunOptionBytes } from '../flow/tun-metadata.ts';
import { flowFrag, ODP_CT_STATE_NAMES, ODPP_NONE, type Part, STRUCTS, type StructAttr } from './attrs.ts';
import { attempt, OdpSyntax, OdpTextError, Scanner } from './scanner.ts';
import { scanUfid } from './ufid.ts';

/** Numbers of datapath ports by name. */
export type PortNumberOf = (name: string) => number | undefined;

export interface OdpFlowText {
  readonly key: Flow;
  readonly mask: Flow;
  /** Whether the text named a UFID, which is all that matters then to some commands. */
  readonly ufid: string | undefined;
}

const U32 = 0xffffffff;
const MAX_NESTING = 32;
/** What may stand between attributes. */
const DELIMITERS = ', \t\r\n';

const SCALAR_WORDS: Readonly<Record<string, readonly [word: number, bytes: 2 | 4]>> = {
  skb_priority: [F.SKB_PRIORITY, 4],
  skb_mark: [F.PKT_MARK, 4],
  recirc_id: [F.RECIRC_ID, 4],
  dp_hash: [F.DP_HASH, 4],
  ct_zone: [F.CT_ZONE, 2],
  ct_mark: [F.CT_MARK, 4],
};

export class KeyParser {
  readonly s: Scanner;
  readonly key = newFlow();
  readonly mask = newFlow();
  readonly #portNumber: PortNumberOf | undefined;
  #vlans = 0;
  #hasEthertype = false;
  hasEth = false;
  hasPacketType = false;
  hasInPort = false;

  constructor(s: Scanner, portNumber: PortNumberOf | undefined) {
    this.s = s;
    this.#portNumber = portNumber;
  }

  get hasEthertype(): boolean {
    return this.#hasEthertype;
  }

  /** One attribute. @throws OdpSyntax */
  attribute(depth = 0): void {
    const { s } = this;
    const m = s.match(/([a-z_0-9]+)\(/y);
    if (!m || depth >= MAX_NESTING) throw new OdpSyntax();
    const name = m[1]!;
    if (Object.hasOwn(SCALAR_WORDS, name)) {
      const [word, bytes] = SCALAR_WORDS[name]!;
      this.#scalar(word, bytes);
      s.expect(')');
    } else if (Object.hasOwn(STRUCTS, name)) {
      if (name === 'eth') this.hasEth = true;
      this.#struct(STRUCTS[name as keyof typeof STRUCTS]);
    } else this.#special(name, depth);
  }

  #special(name: string, depth: number): void {
    const { s } = this;
    switch (name) {
      case 'ct_state':
        this.#flags(ODP_CT_STATE_NAMES, 'ct_state', 0xff, F.CT_STATE);
        break;
      case 'tcp_flags':
        this.#flags(TCP_FLAG_NAMES, 'TCP', 0x0fff, F.TCP_FLAGS);
        break;
      case 'ct_label':
        this.#wide(F.CT_LABEL, 4);
        break;
      case 'in_port':
        this.#inPort();
        break;
      case 'packet_type':
        this.#packetType();
        return;
      case 'eth_type':
        this.#scalar(F.DL_TYPE, 2);
        this.#hasEthertype = true;
        break;
      case 'vlan':
        this.#vlan();
        return;
      case 'mpls':
        this.#mpls();
        return;
      case 'nsh':
        this.#nsh();
        return;
      case 'tunnel':
        this.#tunnel();
        return;
      case 'encap':
        for (;;) {
          s.skip(DELIMITERS);
          if (s.take(')')) return;
          if (s.atEnd) throw new OdpSyntax();
          this.attribute(depth + 1);
        }
      default:
        throw new OdpSyntax();
    }
    s.expect(')');
  }

  #scalar(word: number, bytes: 1 | 2 | 4): void {
    const { s } = this;
    this.key[word] = s.number(bytes);
    this.mask[word] = s.take('/') ? s.number(bytes) : bytes === 4 ? U32 : 2 ** (8 * bytes) - 1;
  }

  #wide(word: number, words: number): void {
    const { s } = this;
    setWords(this.key, word, words, s.integer(4 * words));
    setWords(this.mask, word, words, s.take('/') ? s.integer(4 * words) : (1n << BigInt(32 * words)) - 1n);
  }

  #flags(names: FlagNames, kind: string, allowed: number, word: number): void {
    const { s } = this;
    try {
      const scanned = scanFlags(s.rest, names, kind, allowed, ')');
      this.key[word] = scanned.flags;
      this.mask[word] = scanned.mask;
      s.pos += scanned.length;
    } catch (e) {
      if (e instanceof FlowTextError) throw new OdpSyntax();
      throw e;
    }
  }

  #inPort(): void {
    const { s } = this;
    this.hasInPort = true;
    if (/^\s*[+-]?\d/.test(s.rest)) {
      this.#scalar(F.IN_PORT, 4);
      return;
    }
    const name = s.match(/[^)]*/y)![0];
    const port = this.#portNumber?.(name);
    if (port === undefined) throw new OdpSyntax();
    this.key[F.IN_PORT] = port;
    this.mask[F.IN_PORT] = U32;
  }

  /** Parts `name=value` of an attribute up to its `)`. `one` takes the part that starts here, or returns false. */
  #parts(one: () => boolean): void {
    const { s } = this;
    do {
      if (s.looksAt(')')) break;
      if (!one()) throw new OdpSyntax();
    } while (s.take(','));
    s.expect(')');
  }

  #struct(attr: StructAttr): void {
    this.#parts(() => {
      const part = attr.parts.find((p) => this.s.take(`${p.name}=`)) ?? this.#oldName(attr);
      if (!part) return false;
      this.part(part);
      return true;
    });
  }

  /** The conntrack tuple of IPv6 prints its ports under other names than it reads. */
  #oldName(attr: StructAttr): Part | undefined {
    if (attr !== STRUCTS.ct_tuple6) return undefined;
    if (this.s.take('tp_src=')) return attr.parts[3];
    return this.s.take('tp_dst=') ? attr.parts[4] : undefined;
  }

  /** The value of a part, and its mask. */
  part(p: Part): void {
    const { s, key, mask } = this;
    const w = p.word;
    switch (p.style) {
      case 'mac':
        setWords(key, w, 2, s.mac());
        setWords(mask, w, 2, s.take('/') ? s.mac() : 0xffffffffffffn);
        break;
      case 'ipv4':
        key[w] = s.ipv4();
        mask[w] = s.take('/') ? s.ipv4() : U32;
        break;
      case 'ipv6':
        setWords(key, w, 4, s.ipv6());
        setWords(mask, w, 4, s.take('/') ? s.ipv6() : (1n << 128n) - 1n);
        break;
      case 'frag': {
        const m = s.match(/(no|first|later)/y);
        if (!m) throw new OdpSyntax();
        key[w] = flowFrag(['no', 'first', 'later'].indexOf(m[1]!));
        mask[w] = 3;
        break;
      }
      case 'label':
        key[w] = s.number(4);
        if (key[w]! > 0xfffff) throw new OdpSyntax();
        mask[w] = s.take('/') ? s.number(4) : 0xfffff;
        break;
      case 'u32x':
        this.#scalar(w, 4);
        break;
      case 'u16':
      case 'u16x':
        this.#scalar(w, 2);
        if (w === F.NW_PROTO) mask[w] = mask[w]! & 0xff;
        break;
      default:
        this.#scalar(w, 1);
    }
  }

  #packetType(): void {
    const { s, key, mask } = this;
    this.hasPacketType = true;
    const w = F.PACKET_TYPE;
    this.#parts(() => {
      const shift = s.take('ns=') ? 16 : s.take('id=') ? 0 : -1;
      if (shift < 0) return false;
      const value = s.number(2);
      const bits = s.take('/') ? s.number(2) : 0xffff;
      key[w] = key[w]! | (value << shift);
      mask[w] = mask[w]! | (bits << shift);
      return true;
    });
  }

  /** A bit field: value and mask of `bits` bits at `shift`. */
  #bits(word: number, shift: number, bits: number): void {
    const { s, key, mask } = this;
    const full = 2 ** bits - 1;
    const value = s.number(4);
    const part = s.take('/') ? s.number(4) : full;
    if (value > full || part > full) throw new OdpSyntax();
    key[word] = (key[word]! & ~((full << shift) >>> 0)) | (value << shift);
    mask[word] = (mask[word]! & ~((full << shift) >>> 0)) | (part << shift);
  }

  #vlan(): void {
    const { s, key, mask } = this;
    if (this.#vlans >= 2) throw new OdpSyntax();
    const tci = F.VLAN_TCI0 + 2 * this.#vlans;
    // The Ethertype so far was the tag's.
    key[tci - 1] = key[F.DL_TYPE]!;
    mask[tci - 1] = mask[F.DL_TYPE]!;
    key[F.DL_TYPE] = 0;
    mask[F.DL_TYPE] = 0;
    this.#hasEthertype = false;
    this.#vlans++;
    key[tci] = VLAN_CFI;
    mask[tci] = VLAN_CFI;
    this.#parts(() => {
      if (s.take('vid=')) this.#bits(tci, 0, 12);
      else if (s.take('pcp=')) this.#bits(tci, 13, 3);
      else if (s.take('cfi=')) this.#bits(tci, 12, 1);
      else return false;
      return true;
    });
  }

  #mpls(): void {
    const { s } = this;
    const fields = [
      ['label=', 12, 20],
      ['tc=', 9, 3],
      ['ttl=', 0, 8],
      ['bos=', 8, 1],
    ] as const;
    let n = 0;
    let seen = 0;
    this.#parts(() => {
      const i = fields.findIndex(([name]) => s.take(name));
      if (i < 0) return false;
      if (seen & (1 << i)) {
        seen = 0;
        if (++n === 3) throw new OdpSyntax();
      }
      seen |= 1 << i;
      this.#bits(F.MPLS_LSE0 + n, fields[i]![1], fields[i]![2]);
      return true;
    });
  }

  #nsh(): void {
    const { s } = this;
    const parts: readonly (readonly [name: string, word: number, bytes: 1 | 4])[] = [
      ['flags=', F.NSH_FLAGS, 1],
      ['ttl=', F.NSH_TTL, 1],
      ['mdtype=', F.NSH_MDTYPE, 1],
      ['np=', F.NSH_NP, 1],
      ['spi=', F.NSH_SPI, 4],
      ['si=', F.NSH_SI, 1],
      ['c1=', F.NSH_C1, 4],
      ['c2=', F.NSH_C1 + 1, 4],
      ['c3=', F.NSH_C1 + 2, 4],
      ['c4=', F.NSH_C1 + 3, 4],
    ];
    this.#parts(() => {
      const part = parts.find(([name]) => s.take(name));
      if (!part) return false;
      this.#scalar(part[1], part[2]);
      if (part[1] === F.NSH_SPI) {
        if (this.key[F.NSH_SPI]! > 0xffffff) throw new OdpSyntax();
        this.mask[F.NSH_SPI] = this.mask[F.NSH_SPI]! & 0xffffff;
      }
      return true;
    });
  }

  #tunnel(): void {
    const { s } = this;
    this.#parts(() => {
      if (s.take('tun_id=')) this.#wide(F.TUN_ID, 2);
      else if (s.take('src=')) this.part({ name: '', word: F.TUN_SRC, style: 'ipv4', at: 0 });
      else if (s.take('dst=')) this.part({ name: '', word: F.TUN_DST, style: 'ipv4', at: 0 });
      else if (s.take('ipv6_src=')) this.part({ name: '', word: F.TUN_IPV6_SRC, style: 'ipv6', at: 0 });
      else if (s.take('ipv6_dst=')) this.part({ name: '', word: F.TUN_IPV6_DST, style: 'ipv6', at: 0 });
      else if (s.take('tos=')) this.#scalar(F.TUN_TOS, 1);
      else if (s.take('ttl=')) this.#scalar(F.TUN_TTL, 1);
      else if (s.take('tp_src=')) this.#scalar(F.TUN_TP_SRC, 2);
      else if (s.take('tp_dst=')) this.#scalar(F.TUN_TP_DST, 2);
      else if (s.take('vxlan(gbp('))
        this.#named({ 'id=': [F.TUN_GBP_ID, 2], 'flags=': [F.TUN_GBP_FLAGS, 1] }, '))');
      else if (s.take('erspan(')) {
        this.#named(
          {
            'ver=': [F.TUN_ERSPAN_VER, 1],
            'idx=': [F.TUN_ERSPAN_IDX, 4],
            'dir=': [F.TUN_ERSPAN_DIR, 1],
            'hwid=': [F.TUN_ERSPAN_HWID, 1],
          },
          ')',
        );
      } else if (s.take('gtpu(')) {
        this.#named({ 'flags=': [F.TUN_GTPU_FLAGS, 1], 'msgtype=': [F.TUN_GTPU_MSGTYPE, 1] }, ')');
      } else if (s.take('geneve(')) this.#geneve();
      else if (s.take('flags(')) {
        const word = F.TUN_FLAGS;
        const udpif = this.key[word]! & FLOW_TNL_F_UDPIF;
        this.#flags(TUN_FLAG_NAMES, 'tunnel', FLOW_TNL_F_MASK, word);
        this.key[word] = this.key[word]! | udpif;
        this.mask[word] = (this.mask[word]! & FLOW_TNL_F_MASK) | udpif;
        s.expect(')');
      } else return false;
      return true;
    });
  }

  #named(parts: Readonly<Record<string, readonly [word: number, bytes: 1 | 2 | 4]>>, close: string): void {
    const { s } = this;
    do {
      const name = Object.keys(parts).find((n) => s.take(n));
      if (name === undefined) break;
      this.#scalar(...parts[name]!);
    } while (s.take(','));
    s.expect(close);
  }

  #geneve(): void {
    const opts: number[] = [];
    const masks: number[] = [];
    scanGeneveOptions(this.s, opts, masks);
    setTunOptionBytes(this.key, Uint8Array.from(opts));
    const flags = this.mask[F.TUN_FLAGS]!;
    setTunOptionBytes(this.mask, Uint8Array.from(masks));
    this.mask[F.TUN_FLAGS] = flags | FLOW_TNL_F_UDPIF;
  }
}

/** Geneve options `{class=..,type=..,len=..,0x..}` up to the `)` that ends them. */
export function scanGeneveOptions(s: Scanner, opts: number[], masks: number[]): void {
  while (s.take('{')) {
    const at = opts.length;
    opts.push(0, 0, 0, 0);
    masks.push(0, 0, 0, 0);
    const field = (name: string, bytes: 1 | 2): readonly [number, number] => {
      if (!s.take(name)) return [0, 0];
      const v = s.number(bytes);
      return [v, s.take('/') ? s.number(bytes) : 2 ** (8 * bytes) - 1];
    };
    const [optClass, classMask] = field('class=', 2);
    s.take(',');
    const [type, typeMask] = field('type=', 1);
    s.take(',');
    const [length, lengthMask] = field('len=', 1);
    if (length > 124 || length % 4) throw new OdpSyntax();
    [opts[at], opts[at + 1], opts[at + 2], opts[at + 3]] = [optClass >> 8, optClass & 255, type, length / 4];
    [masks[at], masks[at + 1], masks[at + 2]] = [classMask >> 8, classMask & 255, typeMask];
    masks[at + 3] = lengthMask & 0x1f;
    let value = 0n;
    let mask = 0n;
    if (s.take(',')) {
      value = s.integer(length);
      mask = s.take('/') ? s.integer(length) : (1n << BigInt(8 * length)) - 1n;
    }
    for (let i = length - 1; i >= 0; i--) {
      opts.push(Number((value >> BigInt(8 * i)) & 255n));
      masks.push(Number((mask >> BigInt(8 * i)) & 255n));
    }
    s.expect('}');
    if (opts.length > 252) throw new OdpSyntax();
  }
  s.expect(')');
}

/**
 * A key and its mask from text.
 * @throws OdpTextError
 */
export function parseOdpFlow(text: string, portNumber?: PortNumberOf): OdpFlowText {
  const s = new Scanner(text);
  const parser = new KeyParser(s, portNumber);
  let ufid: string | undefined;
  for (;;) {
    s.skip(DELIMITERS);
    if (s.atEnd) break;
    const start = s.pos;
    const done = attempt(() => {
      ufid = scanUfid(s) ?? ufid;
      s.take(' ');
      s.skip(DELIMITERS);
      if (!s.atEnd) parser.attribute();
      return true;
    });
    if (!done) throw new OdpTextError(`syntax error at ${text.slice(start)}`);
  }
  finish(parser);
  return { key: parser.key, mask: parser.mask, ufid };
}

/** What attributes that are absent say. */
function finish(p: KeyParser): void {
  const { key, mask } = p;
  if (!p.hasInPort) key[F.IN_PORT] = ODPP_NONE;
  if (!p.hasPacketType) {
    if (!p.hasEth && p.hasEthertype) {
      key[F.PACKET_TYPE] = (0x10000 | key[F.DL_TYPE]!) >>> 0;
      mask[F.PACKET_TYPE] = U32;
    } else if (p.hasEth) mask[F.PACKET_TYPE] = U32;
  }
  if (!p.hasEthertype && isVlanCutOff(key)) {
    // The type that the frame ends with.
    const tpid = key[F.VLAN_TCI0] === 0 ? F.VLAN_TPID0 : F.VLAN_TPID1;
    key[F.DL_TYPE] = key[tpid]!;
    mask[F.DL_TYPE] = mask[tpid]!;
    key[tpid] = 0;
    mask[tpid] = 0;
  } else if (!p.hasEthertype && key[F.PACKET_TYPE] === 0) {
    key[F.DL_TYPE] = FLOW_DL_TYPE_NONE;
    if (p.hasEth) mask[F.DL_TYPE] = 0xffff;
  }
}

/** Whether the innermost tag has no control information: the frame ended within it. */
const isVlanCutOff = (key: Flow): boolean =>
  (key[F.VLAN_TPID0] !== 0 && key[F.VLAN_TCI0] === 0) || (key[F.VLAN_TPID1] !== 0 && key[F.VLAN_TCI1] === 0);
