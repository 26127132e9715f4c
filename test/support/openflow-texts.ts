/**
 * Random texts of matches, actions, flows, groups, meters and packets, made from the field table and the table of
 * actions, so that a new row is used at once. Most are good; how many are not is up to {@link Texts.noise}.
 *
 * The same seed gives the same texts. For properties and for comparison with the C tools.
 */
import { FIELDS, type Field } from '../../src/flow/fields.ts';
import { allCodecs } from '../../src/openflow/actions/table.ts';
import type { Random } from '../fuzz/mutate.ts';

/** Texts that make a packet have what a field requires. */
const BASES: Readonly<Record<Field['requires'], readonly string[]>> = {
  none: ['', 'ip', 'tcp', 'arp', 'ipv6', 'dl_type=0x1234'],
  Ethernet: ['', 'tcp', 'arp', 'udp6', 'dl_vlan=5'],
  ARP: ['arp', 'rarp'],
  'VLAN VID': ['dl_vlan=9', 'vlan_vid=0x1000/0x1000', 'tcp,dl_vlan=5'],
  IPv4: ['ip', 'tcp', 'icmp'],
  IPv6: ['ipv6', 'tcp6', 'icmp6'],
  'IPv4/IPv6': ['ip', 'ipv6', 'sctp', 'udp6', 'dl_vlan=1,tcp'],
  MPLS: ['mpls', 'mplsm'],
  NSH: ['dl_type=0x894f', 'packet_type=(1,0x894f)'],
  CT: ['ct_state=+trk+est,ip', 'ct_state=+trk+new,tcp6', 'ct_state=+trk+est,ct_nw_proto=6,tcp'],
  TCP: ['tcp', 'tcp6'],
  UDP: ['udp', 'udp6'],
  SCTP: ['sctp', 'sctp6'],
  ICMPv4: ['icmp'],
  ICMPv6: ['icmp6'],
  ND: ['icmp6,icmpv6_type=135,icmpv6_code=0', 'icmp6,icmp_type=136,icmp_code=0'],
  'ND solicit': ['icmp6,icmpv6_type=135,icmpv6_code=0'],
  'ND advert': ['icmp6,icmpv6_type=136,icmpv6_code=0'],
};

const PORTS = [
  '1',
  '2',
  '65279',
  'LOCAL',
  'in_port',
  'controller',
  'NORMAL',
  'flood',
  'ALL',
  'any',
  '0xff00',
  '0',
];
const OUTPUTS = ['1', '7', '65279', 'LOCAL', 'IN_PORT', 'NORMAL', 'FLOOD', 'ALL', 'CONTROLLER'];
const HASH_FIELDS = [
  ...['eth_src', 'symmetric_l4', 'symmetric_l3l4', 'symmetric_l3l4+udp', 'nw_src', 'nw_dst', 'symmetric_l3'],
];
const ETHERTYPES = ['0x8100', '0x88a8', '0x8847', '0x8848', '0x0800', '0x1234'];

/** Fields that text can name and the wire can say. */
export const MATCHABLE: readonly Field[] = FIELDS.filter((f) => f.headers.length > 0 || f.of10 !== undefined);

/** Whether release `a` of Open vSwitch, such as '3.10', has what came with release `b`. */
export function isSince(a: string, b: string): boolean {
  const [major = 0, minor = 0] = a.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = b.split('.').map(Number);
  return major - otherMajor > 0 || (major === otherMajor && minor >= otherMinor);
}

/** The fields of a release. */
export const fieldsOf = (fields: readonly Field[], release: string): readonly Field[] =>
  fields.filter((f) => f.headers.every((h) => isSince(release, h.since)));

interface Choices {
  readonly all: readonly Field[];
  readonly matchable: readonly Field[];
  readonly writable: readonly Field[];
  readonly registers: readonly Field[];
}
const choices = new Map<string, Choices>();

/** Lists of fields by release, made once. */
function choicesOf(release: string): Choices {
  const known = choices.get(release);
  if (known) return known;
  const all = fieldsOf(FIELDS, release);
  const made: Choices = {
    all,
    matchable: fieldsOf(MATCHABLE, release),
    writable: all.filter((f) => f.writable),
    registers: all.filter((f) => /^(reg|xreg|xxreg)\d/.test(f.name)),
  };
  choices.set(release, made);
  return made;
}

/** With fields as ids `sample` came later than itself. */
const SAMPLE_OF_FIELDS = '3.4';

export class Texts {
  readonly #r: Random;
  /** One in so many values is odd or wrong; 0 for none. */
  readonly noise: number;
  readonly #release: string;
  readonly #fields: readonly Field[];
  readonly #matchable: readonly Field[];
  readonly #writable: readonly Field[];
  readonly #registers: readonly Field[];

  /** @param release of Open vSwitch that is to understand the texts */
  constructor(random: Random, noise = 0, release = '3.7') {
    this.#r = random;
    this.noise = noise;
    this.#release = release;
    const { all, matchable, writable, registers } = choicesOf(release);
    this.#fields = all;
    this.#matchable = matchable;
    this.#writable = writable;
    this.#registers = registers;
  }

  #pick = <T>(list: readonly T[]): T => this.#r.pick(list);
  #below = (n: number): number => this.#r.below(n);
  #odd = (): boolean => this.noise > 0 && this.#r.below(this.noise) === 0;

  big(bits: number): bigint {
    const r = this.#below(8);
    if (r === 0) return 0n;
    if (r === 1) return (1n << BigInt(bits)) - 1n;
    if (r < 5) return BigInt(this.#below(300)) & ((1n << BigInt(bits)) - 1n);
    let n = 0n;
    for (let i = 0; i < bits; i += 32) n = (n << 32n) | BigInt(this.#r.u32());
    return n & ((1n << BigInt(bits)) - 1n);
  }

  int(bits: number): string {
    if (this.#odd())
      return this.#pick(['-1', '', 'x', `${1n << BigInt(bits)}`, '0x', '1e3', '00017', ' 5', '5x']);
    const n = this.big(bits);
    return this.#below(2) ? `0x${n.toString(16)}` : String(n);
  }
  mac(): string {
    const n = this.big(48).toString(16).padStart(12, '0');
    return n.match(/../g)!.join(':');
  }
  ipv4(): string {
    const n = this.#r.u32();
    return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.');
  }
  ipv6(): string {
    const words = Array.from({ length: 8 }, () => (this.#below(3) ? '0' : this.#below(0x10000).toString(16)));
    const text = words.join(':');
    return this.#below(2) ? text.replace(/(^|:)0(:0)+(:|$)/, '::') : text;
  }
  port(): string {
    return this.#odd() ? this.#pick(['65536', 'nowhere', '-1', '4294967040']) : this.#pick(PORTS);
  }
  table(): string {
    return this.#odd() ? this.#pick(['255', '256', '-1', 'x']) : String(this.#below(255));
  }

  /** A value of a field, perhaps with a mask. */
  value(field: Field, mayMask = true): string {
    if (this.#odd())
      return this.#pick(['', '0', 'x', '1/1', '/', '0x1/0xff', '::/0', '1.2.3.4/33', '+', '-x']);
    const masked = mayMask && field.maskable && this.#below(3) === 0;
    switch (field.format) {
      case 'decimal':
      case 'hexadecimal': {
        // Options of tunnels may be 124 bytes long.
        const bits = Math.min(field.bits, 1 + this.#below(field.bits));
        const value = this.big(bits);
        const text = this.#below(2) ? `0x${value.toString(16)}` : bits > 64 ? '7' : String(value);
        return masked ? `${text}/0x${this.big(field.bits).toString(16)}` : text;
      }
      case 'ethernet':
        return masked
          ? `${this.mac()}/${this.#pick(['01:00:00:00:00:00', this.mac(), 'ff:ff:ff:ff:ff:fe'])}`
          : this.mac();
      case 'ipv4':
        return masked
          ? `${this.ipv4()}/${this.#pick([String(this.#below(33)), this.ipv4(), '255.255.0.0'])}`
          : this.ipv4();
      case 'ipv6':
        return masked ? `${this.ipv6()}/${this.#pick([String(this.#below(129)), this.ipv6()])}` : this.ipv6();
      case 'of10-port':
      case 'of11-port':
        return this.port();
      case 'frag':
        return this.#pick(['no', 'yes', 'first', 'later', 'not_later']);
      case 'tunnel-flags':
        return this.#pick(['oam', '+oam', '-oam', '0', '1']);
      case 'tcp-flags':
        return this.#pick(['+syn-ack', 'syn|ack', 'fin', '-rst', '0x12', '0x2/0x12', '+cwr+ns', '0']);
      case 'ct-state':
        return this.#pick([
          '+trk',
          '+trk-new',
          '+new+est',
          'trk|new',
          '0x21/0x23',
          '-trk',
          '+snat+dnat',
          '0x20',
        ]);
      case 'packet-type':
        return this.#pick(['(0,0)', '(1,0x800)', '(1,0x86dd)', '(1,0x894f)', '(1,5)']);
    }
  }

  /** One of the fields; a family of numbered ones counts as one field. */
  #field(fields: readonly Field[]): Field {
    const families = Map.groupBy(fields, (f) => f.name.replace(/\d+$/, ''));
    return this.#pick(this.#pick([...families.values()]));
  }

  /** A field's name in a match. */
  matchName(field: Field): string {
    if (this.#odd()) return this.#pick([field.headers[0]?.name ?? '', 'reg99', field.name.toUpperCase()]);
    return this.#pick([field.name, field.alias ?? field.name]);
  }

  /** A field's name in an action. */
  fieldName(field: Field): string {
    if (this.#odd()) return this.#pick(['', 'nonsense', 'NXM_NX_', 'reg99', field.name.toUpperCase()]);
    return this.#pick([field.name, field.alias ?? field.name, ...field.headers.map((h) => h.name)]);
  }

  /** `field=value,...` on what it requires. */
  match(field: Field = this.#field(this.#matchable)): string {
    const parts = [this.#pick(BASES[field.requires])].filter((s) => s !== '');
    const others = this.#matchable.filter((f) => f.requires === field.requires || f.requires === 'none');
    for (let n = this.#below(3); n > 0; n--) {
      const other = this.#odd() ? this.#pick(this.#fields) : this.#field(others);
      parts.push(`${this.matchName(other)}=${this.value(other)}`);
    }
    parts.push(`${this.matchName(field)}=${this.value(field)}`);
    if (this.#below(12) === 0) {
      const reg = this.#pick(this.#registers);
      const [from, to] = this.range(reg);
      parts.push(`${reg.name}[${from}..${to}]=${this.big(to - from + 1)}`);
    }
    return parts.join(this.#below(10) ? ',' : ' ');
  }

  range(field: Field, max = 64): [number, number] {
    const from = this.#below(field.bits);
    return [from, from + this.#below(Math.min(max, field.bits - from))];
  }

  /** FIELD[FROM..TO], in one of its spellings. */
  subfield(fields: readonly Field[] = this.#writable, bits?: number): string {
    const field = this.#field(fields.filter((f) => f.bits >= (bits ?? 1)));
    const from = this.#below(field.bits - (bits ?? 1) + 1);
    const to = bits === undefined ? this.range(field)[1] : from + bits - 1;
    if (this.#odd())
      return this.#pick([`${field.name}[${field.bits}]`, `${field.name}[5..3]`, field.name, 'x[]', '']);
    const name = this.fieldName(field);
    if (bits === undefined && this.#below(3) === 0) return `${name}[]`;
    const first = Math.min(from, to);
    return first === to ? `${name}[${first}]` : `${name}[${first}..${to}]`;
  }

  #list(n: number, one: () => string): string {
    return Array.from({ length: n }, one).join(',');
  }
  #some(...parts: readonly string[]): string {
    return parts.filter(() => this.#below(2)).join(',');
  }

  /** Arguments of actions by the name that parsers know; '' for those without. */
  readonly #arguments: Readonly<Record<string, (depth: number) => string>> = {
    output: () =>
      this.#pick([
        `:${this.#pick(OUTPUTS)}`,
        `:${this.subfield(this.#registers)}`,
        `(port=${this.#pick(OUTPUTS)},max_len=${this.int(16)})`,
      ]),
    output_reg: () => `:${this.subfield(this.#registers)}`,
    output_trunc: () => `(port=${this.#pick(OUTPUTS)},max_len=${this.int(16)})`,
    group: () => `:${this.int(31)}`,
    controller: () =>
      this.#pick([
        `:${this.int(16)}`,
        '',
        `(${this.#some(
          `reason=${this.#pick(['action', 'no_match', 'invalid_ttl', 'group', 'action_set'])}`,
          `max_len=${this.int(16)}`,
          `id=${this.int(16)}`,
          `userdata=${this.#pick(['01.02.0a', '', 'ff'])}`,
          'pause',
          `meter_id=${this.int(16)}`,
        )})`,
      ]),
    enqueue: () =>
      this.#pick([`:${this.#pick(OUTPUTS)}:${this.int(32)}`, `(${this.#below(9)},${this.#below(9)})`]),
    bundle: () =>
      `(${this.#pick(HASH_FIELDS)},${this.#below(100)},${this.#pick(['hrw', 'active_backup'])},ofport,` +
      `${this.#pick(['members', 'slaves'])}:${this.#list(this.#below(5), () => this.#pick(OUTPUTS))})`,
    bundle_load: () =>
      `(${this.#pick(HASH_FIELDS)},${this.#below(100)},${this.#pick(['hrw', 'active_backup'])},ofport,` +
      `${this.subfield(this.#registers)},members:${this.#list(this.#below(5), () => this.#pick(OUTPUTS))})`,
    set_field: () => {
      const field = this.#field(this.#writable);
      return `:${this.value(field)}->${this.fieldName(field)}`;
    },
    load: () => {
      const bits = 1 + this.#below(32);
      return `:${this.big(bits)}->${this.subfield(this.#writable, bits)}`;
    },
    set_vlan_vid: () => `:${this.int(12)}`,
    mod_vlan_vid: () => `:${this.int(12)}`,
    set_vlan_pcp: () => `:${this.int(3)}`,
    mod_vlan_pcp: () => `:${this.int(3)}`,
    strip_vlan: () => '',
    pop_vlan: () => '',
    push_vlan: () => `:${this.#pick(['0x8100', '0x88a8', ...(this.noise ? ['0x1', ''] : [])])}`,
    mod_dl_src: () => `:${this.mac()}`,
    mod_dl_dst: () => `:${this.mac()}`,
    mod_nw_src: () => `:${this.ipv4()}`,
    mod_nw_dst: () => `:${this.ipv4()}`,
    mod_nw_tos: () => `:${4 * this.#below(64) + (this.#odd() ? 1 : 0)}`,
    mod_nw_ecn: () => `:${this.int(2)}`,
    mod_nw_ttl: () => `:${this.int(8)}`,
    set_nw_ttl: () => `:${this.int(8)}`,
    mod_tp_src: () => `:${this.int(16)}`,
    mod_tp_dst: () => `:${this.int(16)}`,
    move: () => {
      const bits = 1 + this.#below(64);
      return `:${this.subfield(this.#matchable, bits)}->${this.subfield(this.#writable, this.#odd() ? 1 : bits)}`;
    },
    push: () => `:${this.subfield(this.#matchable)}`,
    pop: () => `:${this.subfield()}`,
    dec_ttl: () => this.#pick(['', `(${this.#list(1 + this.#below(3), () => this.int(16))})`]),
    set_mpls_label: () => `:${this.int(20)}`,
    set_mpls_tc: () => `:${this.int(3)}`,
    set_mpls_ttl: () => `:${this.int(8)}`,
    dec_mpls_ttl: () => '',
    push_mpls: () => `:${this.#pick(['0x8847', '0x8848', ...(this.noise ? ['0x800'] : [])])}`,
    pop_mpls: () => `:${this.#pick(ETHERTYPES)}`,
    dec_nsh_ttl: () => '',
    delete_field: () => `:tun_metadata${this.#below(64)}`,
    encap: () =>
      this.#pick([
        '(ethernet)',
        '(nsh)',
        '(nsh(md_type=1))',
        `(nsh(md_type=2,tlv(0x${this.#below(0x10000).toString(16)},${this.#below(256)},0x${'12345678'.repeat(1 + this.#below(3))})))`,
        '(mpls)',
        '(mpls_mc)',
        ...(this.noise ? ['(nsh(md_type=3))', '(ethernet(x=1))', '(x)', ''] : []),
      ]),
    decap: () =>
      this.#pick(['()', '', `(packet_type(ns=${this.#below(3)},type=0x800))`, '(packet_type(ns=0,type=0))']),
    set_tunnel: () => `:${this.int(this.#pick([32, 64]))}`,
    set_tunnel64: () => `:${this.int(64)}`,
    set_queue: () => `:${this.int(32)}`,
    pop_queue: () => '',
    fin_timeout: () => `(${this.#some(`idle_timeout=${this.int(16)}`, `hard_timeout=${this.int(16)}`)})`,
    resubmit: () =>
      this.#pick([
        `:${this.port()}`,
        `(${this.#pick(['', this.port()])},${this.table()})`,
        `(,${this.table()},ct)`,
        `(${this.port()})`,
      ]),
    learn: () => `(${this.#learn()})`,
    conjunction: () => {
      const n = 2 + this.#below(63);
      return `(${this.int(32)},${1 + this.#below(this.#odd() ? 90 : n)}/${n})`;
    },
    multipath: () =>
      `(${this.#pick(HASH_FIELDS)},${this.#below(100)},${this.#pick(['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'])},` +
      `${1 + this.#below(300)},${this.#below(100)},${this.subfield(this.#registers)})`,
    note: () =>
      `:${Array.from({ length: this.#below(20) }, () => this.#below(256).toString(16).padStart(2, '0')).join('.')}`,
    exit: () => '',
    sample: () =>
      `(probability=${this.int(16)},${this.#some(
        `collector_set_id=${this.int(32)}`,
        `obs_domain_id=${this.#sampleId()}`,
        `obs_point_id=${this.#sampleId()}`,
        `sampling_port=${this.port()}`,
        this.#pick(['ingress', 'egress']),
      )})`,
    ct: (depth) =>
      this.#pick([
        '',
        `(${this.#some(
          'commit',
          'force',
          `table=${this.table()}`,
          `zone=${this.#pick([this.int(16), this.subfield(this.#registers, 16)])}`,
          `nat${this.#nat()}`,
          `alg=${this.#pick(['ftp', 'tftp', ...(this.noise ? ['sip'] : [])])}`,
          `exec(${this.#list(1 + this.#below(2), () =>
            this.#pick([
              `set_field:${this.int(32)}->ct_mark`,
              `load:${this.#below(9)}->NXM_NX_CT_LABEL[${this.#below(8)}..${8 + this.#below(50)}]`,
              'move:NXM_NX_REG0[]->NXM_NX_CT_MARK[]',
              ...(this.noise ? [this.action(depth + 1)] : []),
            ]),
          )})`,
        )})`,
      ]),
    ct_clear: () => '',
    nat: () => this.#nat(),
    clone: (depth) => `(${this.actions(depth + 1)})`,
    check_pkt_larger: () => `(${this.int(16)})->${this.subfield(this.#registers, 1)}`,
    debug_recirc: () => '',
    debug_slow: () => '',
    meter: () => `:${1 + this.#below(1000)}`,
    clear_actions: () => '',
    write_actions: (depth) => `(${this.actions(depth + 1)})`,
    write_metadata: () => this.#pick([`:${this.int(64)}`, `:${this.int(64)}/${this.int(64)}`]),
    goto_table: () => `:${this.table()}`,
    unroll_xlate: () => '',
  };

  #sampleId(): string {
    const isField = isSince(this.#release, SAMPLE_OF_FIELDS) && this.#below(2) === 1;
    return isField ? this.subfield(this.#registers) : this.int(32);
  }

  #nat(): string {
    const port = this.#pick([
      '',
      `:${1 + this.#below(1000)}`,
      `:${1 + this.#below(1000)}-${1000 + this.#below(9000)}`,
    ]);
    const address = this.#pick([
      this.ipv4(),
      '10.0.0.1-10.0.0.9',
      `[${this.ipv6()}]`,
      '[fe80::1-fe80::9]',
      '[fe80::1]-[fe80::9]',
      'fe80::5',
      ...(this.noise ? ['10.0.0.9-10.0.0.1', 'x'] : []),
    ]);
    const flags = this.#pick([
      '',
      ',persistent',
      ',hash',
      ',random',
      ',persistent,random',
      ...(this.noise ? [',x'] : []),
    ]);
    return this.#pick([
      '',
      '()',
      `(${this.#pick(['src', 'dst'])}=${address}${port}${flags})`,
      `(${this.#pick(['src', 'dst'])})`,
    ]);
  }

  #learn(): string {
    const settings = this.#some(
      `table=${this.table()}`,
      `priority=${this.int(16)}`,
      `idle_timeout=${this.int(16)}`,
      `hard_timeout=${this.int(16)}`,
      `fin_idle_timeout=${this.int(16)}`,
      `fin_hard_timeout=${this.int(16)}`,
      `cookie=${this.int(64)}`,
      'send_flow_rem',
      'delete_learned',
      `limit=${this.#below(100)}`,
      `result_dst=${this.subfield(this.#registers, 1)}`,
    );
    const spec = (): string => {
      const bits = 1 + this.#below(32);
      const field = this.#field(this.#matchable);
      return this.#pick([
        `${this.fieldName(field)}=${this.value(field, false)}`,
        `${this.subfield(this.#matchable, bits)}=${this.subfield(this.#matchable, bits)}`,
        `${this.subfield(this.#matchable, bits)}=${this.big(bits)}`,
        `${this.subfield(this.#matchable)}`,
        `load:${this.subfield(this.#matchable, bits)}->${this.subfield(this.#writable, bits)}`,
        `load:${this.big(bits)}->${this.subfield(this.#writable, bits)}`,
        `output:${this.subfield(this.#registers)}`,
        'dl_type=0x800',
      ]);
    };
    return [settings, ...Array.from({ length: this.#below(4) }, spec)].filter((s) => s !== '').join(',');
  }

  /** One action, of that name if one is given. */
  action(depth = 0, name: string = this.#pick(ACTION_NAMES)): string {
    const deep = name === 'clone' || name === 'write_actions';
    if (deep && depth > 2) return 'output:1';
    if (this.#odd())
      return this.#pick([`${name}:`, `${name}()`, `${name}:x`, name, 'nonsense', '7', 'local']);
    return `${name}${this.#arguments[name]!(depth)}`;
  }

  /** A list of actions. Without noise only those that may stand in a list. */
  actions(depth = 0): string {
    if (this.#below(10) === 0) return 'drop';
    const names = this.noise ? ACTION_NAMES : PLAIN_ACTIONS;
    return this.#list(1 + this.#below(3), () => this.action(depth, this.#pick(names)));
  }

  /** Actions and then instructions, in their order. */
  instructions(): string {
    const parts = [this.#below(4) ? this.actions() : ''];
    if (this.#below(6) === 0) parts.unshift(`meter:${1 + this.#below(99)}`);
    if (this.#below(8) === 0) parts.push('clear_actions');
    if (this.#below(6) === 0) parts.push(`write_actions(${this.actions(2)})`);
    if (this.#below(8) === 0) parts.push(`write_metadata${this.#arguments['write_metadata']!(0)}`);
    if (this.#below(6) === 0) parts.push(`goto_table:${200 + this.#below(54)}`);
    const list = parts.filter((s) => s !== '' && (s !== 'drop' || parts.filter(Boolean).length === 1));
    return list.length > 0 ? list.join(',') : 'drop';
  }

  /** What a flow has besides match and actions. */
  #settings(): string[] {
    const all = [
      `table=${this.#below(200)}`,
      `priority=${this.int(16)}`,
      `idle_timeout=${this.int(16)}`,
      `hard_timeout=${this.int(16)}`,
      `importance=${this.int(16)}`,
      `cookie=${this.int(64)}`,
      this.#pick(['send_flow_rem', 'check_overlap', 'reset_counts', 'no_packet_counts', 'no_byte_counts']),
      ...(this.noise
        ? [
            'duration=5s',
            `n_packets=${this.int(30)}`,
            'idle_age=x',
            `cookie=${this.int(64)}/-1`,
            'out_port=1',
          ]
        : []),
    ];
    return all.filter(() => this.#below(5) === 0);
  }

  /** A flow as `add-flow` takes it. */
  flow(field?: Field): string {
    const actions = this.#below(8) && this.noise ? this.actions() : this.instructions();
    const before = [...this.#settings(), this.match(field)].filter((s) => s !== '').join(',');
    const key = this.#odd() ? this.#pick(['action', 'acts', '']) : 'actions';
    return `${before}${this.#pick([',', ' '])}${key}=${actions}`;
  }

  group(): string {
    const type = this.#pick([
      'all',
      'select',
      'indirect',
      'ff',
      'fast_failover',
      ...(this.noise ? ['x'] : []),
    ]);
    const method =
      type === 'select' && this.#below(2)
        ? `,selection_method=${this.#pick(['hash', 'dp_hash', 'x'])}${this.#pick(['', `,selection_method_param=${this.int(64)}`])}`
        : '';
    const fields =
      method.includes('=hash') && this.#below(2)
        ? `,fields(${this.#list(1 + this.#below(3), () => this.#hashField())})`
        : '';
    const bucket = (i: number): string => {
      const settings = [
        ...(type === 'select' && this.#below(2) ? [`weight:${this.int(16)}`] : []),
        ...(type.startsWith('f')
          ? [this.#pick([`watch_port:${1 + this.#below(99)}`, `watch_group:${this.int(16)}`])]
          : []),
        ...(this.#below(3) ? [] : [`bucket_id:${i}`]),
        ...(this.#odd()
          ? [this.#pick(['weight=5', 'bucket_id=4294967295', 'watch_port=x', 'watch_group=-1'])]
          : []),
        this.#pick(['actions=', '']) + (this.actions(1) || 'drop'),
      ];
      return `bucket=${settings.join(',')}`;
    };
    const count = type === 'indirect' ? 1 : this.#below(4);
    const id = this.#odd() ? this.#pick(['all', '4294967041', '', 'x']) : this.int(31);
    return `group_id=${id},type=${type}${method}${fields}${Array.from({ length: count }, (_, i) => `,${bucket(i)}`).join('')}`;
  }

  #hashField(): string {
    const field = this.#field(this.#matchable);
    return this.#below(3) ? field.name : `${field.name}=${this.value(field, false)}`;
  }

  meter(): string {
    const burst = this.#below(2) === 1;
    const band = (): string => {
      const remark = this.#below(2) === 1;
      return [
        `type=${remark ? 'dscp_remark' : 'drop'}`,
        `rate=${this.#odd() ? this.int(32) : 1 + this.#below(1000)}`,
        ...(burst !== this.#odd() ? [`burst_size=${1 + this.#below(1000)}`] : []),
        ...(remark !== this.#odd() ? [`prec_level=${1 + this.#below(10)}`] : []),
      ].join(this.#pick([',', ' ']));
    };
    const id = this.#odd()
      ? this.#pick(['0', 'all', 'x', 'controller', 'slowpath'])
      : 1 + this.#below(60_000);
    const flags = [
      this.#pick(['kbps', 'pktps']),
      ...(burst ? ['burst'] : []),
      ...(this.#below(2) ? ['stats'] : []),
    ];
    return `meter=${id},${flags.join(',')},${this.#pick(['band', 'bands'])}=${this.#list(1 + this.#below(3), band)}`;
  }

  packetOut(): string {
    const hex = Array.from({ length: 14 + this.#below(20) }, () =>
      this.#below(256).toString(16).padStart(2, '0'),
    ).join('');
    const metadata = this.#below(3)
      ? ''
      : `,${this.#pick(['tun_id', 'metadata', 'reg3', 'pkt_mark'])}=${this.int(32)}`;
    const port = this.#pick(['1', 'LOCAL', 'controller', 'none', ...(this.noise ? ['normal', 'x'] : [])]);
    return `in_port=${port}${metadata} packet=${this.#odd() ? 'abc' : hex} actions=${this.actions(1)}`;
  }
}

/** Every name of an action that parsers know. */
export const ACTION_NAMES: readonly string[] = allCodecs().flatMap((codec) => Object.keys(codec.parse ?? {}));

const INSTRUCTION_NAMES = [
  'meter',
  'clear_actions',
  'write_actions',
  'write_metadata',
  'goto_table',
  'unroll_xlate',
];
const PLAIN_ACTIONS = ACTION_NAMES.filter((name) => !INSTRUCTION_NAMES.includes(name) && name !== 'nat');
