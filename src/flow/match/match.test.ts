import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import {
  FIELD,
  FIELDS,
  type Field,
  fieldPrereqsOkInMatch,
  isFieldValueValid,
  isFieldWild,
  matchField,
} from '../fields.ts';
import { catchAllMatch, F, type Match } from '../layout.ts';
import { OFPUTIL_P } from '../protocols.ts';
import { TunTable } from '../tun-metadata.ts';
import { entriesFromText, entriesToText } from './entry-text.ts';
import { MatchError } from './error.ts';
import { formatMatch } from './format.ts';
import { normalizeMatch } from './normalize.ts';
import {
  decodeEntries,
  decodeNxMatch,
  decodeOxmMatch,
  encodeEntries,
  encodeNxMatch,
  encodeOxmMatch,
} from './nxm.ts';
import { decodeOf10Match, encodeOf10Match, OF10_MATCH_BYTES } from './of10.ts';
import { decodeOf11Match, encodeOf11Match, OF11_MATCH_BYTES } from './of11.ts';
import { parseMatch } from './parse.ts';

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8'));

/** What ovs-ofctl calls sets of protocols. */
const USABLE: Readonly<Record<string, number>> = {
  any: OFPUTIL_P.ANY,
  'NXM,OXM,OpenFlow11': OFPUTIL_P.NXM_OF11_UP,
  'NXM,OXM': OFPUTIL_P.NXM_OXM_ANY,
  none: OFPUTIL_P.NONE,
};

test('flow text is read and printed as by ovs-ofctl, errors and usable protocols included', () => {
  for (const { in: text, out, usable } of golden<{ in: string; out: string; usable?: string }[]>(
    'matches.json',
  )) {
    let actual: string;
    try {
      const parsed = parseMatch(text);
      actual = formatMatch(parsed.match);
      if (usable !== undefined && usable in USABLE) assert.equal(parsed.usable, USABLE[usable], text);
    } catch (e) {
      if (e instanceof assert.AssertionError) throw e;
      actual = `ERR ${(e as Error).message}`;
    }
    assert.equal(actual, out, text);
  }
});

function recode(text: string, version: number, loose: boolean): string {
  try {
    const options = { allowCookie: version === 0, loose };
    const { match, cookie, cookieMask } = decodeEntries(new ByteReader(entriesFromText(text)), options);
    const w = new ByteWriter();
    encodeEntries(w, match, version, cookie, cookieMask);
    return entriesToText(w.finish());
  } catch (e) {
    if (e instanceof MatchError) return `nx_pull_match() returned error ${e.name}`;
    throw e;
  }
}

test('NXM and OXM are decoded and encoded as by ovs-ofctl', () => {
  type Pairs = [input: string, output: string][];
  const { nxm, nxmLoose, oxm13, oxm15 } = golden<{ nxm: Pairs; nxmLoose: Pairs; oxm13: Pairs; oxm15: Pairs }>(
    'entries.json',
  );
  assert.ok(nxm.length > 200 && oxm13.length > 200);
  for (const [input, output] of nxm) assert.equal(recode(input, 0, false), output, input);
  for (const [input, output] of nxmLoose) assert.equal(recode(input, 0, true), output, input);
  for (const [input, output] of oxm13) assert.equal(recode(input, 4, false), output, input);
  for (const [input, output] of oxm15) assert.equal(recode(input, 6, false), output, input);
});

// --- properties ---------------------------------------------------------------------------------------------

/** Bases whose prerequisites are met, one for each kind of packet. */
const BASES = [
  '',
  'tcp',
  'udp6',
  'sctp',
  'arp',
  'rarp',
  'mpls',
  'icmp',
  'icmp6,icmpv6_type=135,icmpv6_code=0',
  'icmp6,icmpv6_type=136,icmpv6_code=0',
  'dl_type=0x894f',
  'ip,ct_state=+trk+est',
  'ipv6',
  'dl_vlan=5,ip',
];
/** Fields that a match in wire form can name: those that exist there, and are no narrower view of another. */
const candidates = FIELDS.filter(
  (f) =>
    f.tunIndex < 0 &&
    f.headers.length > 0 &&
    !/^x+reg|^(vlan_pcp|in_port_oxm|packet_type|ip_dscp)$/.test(f.name),
);

const matches: fc.Arbitrary<Match> = fc
  .tuple(
    fc.constantFrom(...BASES),
    fc.array(
      fc.tuple(
        fc.constantFrom(...candidates),
        fc.bigInt(0n, 2n ** 128n - 1n),
        fc.bigInt(0n, 2n ** 128n - 1n),
        fc.boolean(),
      ),
    ),
  )
  .map(([base, fields]) => {
    const { match } = parseMatch(base);
    for (const [field, rawValue, rawMask, exact] of fields) addField(match, field, rawValue, rawMask, exact);
    return match;
  });

function addField(match: Match, field: Field, rawValue: bigint, rawMask: bigint, exact: boolean): void {
  if (!fieldPrereqsOkInMatch(field, match) || !isFieldWild(match.mask, field)) return;
  const all = (1n << BigInt(field.bits)) - 1n;
  const value = rawValue & all;
  if (!isFieldValueValid(field, value)) return;
  // A VLAN id of OXM without its presence bit matches nothing that flow text can say.
  if (field.name === 'vlan_vid' || field.name === 'vlan_tci') return;
  // Later fragments have no ports.
  if (field === FIELD.ip_frag && (value & 2n) !== 0n) return;
  // C sends conntrack's ports only along with its protocol.
  if (/^ct_tp/.test(field.name) && match.flow[F.CT_NW_PROTO] === 0) return;
  if (field === FIELD.ct_nw_proto && value === 0n) return;
  const mask = exact || !field.maskable || field.maskIsValue ? undefined : rawMask & all;
  matchField(match, field, mask === undefined ? value : value & mask, mask);
  if (field.requires !== 'none' && match.mask[F.PACKET_TYPE] === 0) match.mask[F.PACKET_TYPE] = 0xffff_ffff;
}

const sameMatch = (a: Match, b: Match, what: string): void => {
  assert.equal(formatMatch(a), formatMatch(b), what);
  assert.deepEqual(a.flow, b.flow, what);
  assert.deepEqual(a.mask, b.mask, what);
};

test('a match survives NXM and every version of OXM', () => {
  fc.assert(
    fc.property(matches, (match) => {
      const nxm = new ByteWriter();
      const length = encodeNxMatch(nxm, match);
      assert.equal(nxm.length % 8, 0);
      sameMatch(decodeNxMatch(new ByteReader(nxm.finish()), length).match, match, 'NXM');
      for (const version of [3, 4, 5, 6]) {
        const oxm = new ByteWriter();
        encodeOxmMatch(oxm, match, version);
        assert.equal(oxm.length % 8, 0);
        sameMatch(decodeOxmMatch(new ByteReader(oxm.finish())), match, `OXM ${version}`);
      }
    }),
  );
});

test('a match survives flow text', () => {
  fc.assert(
    fc.property(matches, (match) => {
      const text = formatMatch(match);
      // There is no text for a later fragment that is no fragment, for ERSPAN's masks, for NSH without its type, and for
      // masks of IPv6 addresses that begin as a prefix length does.
      if (
        /<error>|erspan|nsh|gtpu|tun_gbp_flags|dl_type=0x894f|actset|tcp_flags|(ipv6_...|nd_target)=[^,]*\/\d[\da-f]*:/.test(
          text,
        )
      )
        return;
      assert.equal(formatMatch(parseMatch(text).match), text);
    }),
  );
});

test('what OpenFlow 1.0 and 1.1 can say survives them', () => {
  const texts = [
    '',
    'in_port=3',
    'in_port=LOCAL',
    'dl_src=01:02:03:04:05:06,dl_dst=ff:ff:ff:ff:ff:ff',
    'dl_vlan=5',
    'dl_vlan=5,dl_vlan_pcp=3',
    'vlan_tci=0x0000',
    'dl_type=0x1234',
    'ip,nw_src=10.0.0.0/8,nw_dst=1.2.3.4',
    'ip,nw_proto=47,nw_tos=252',
    'tcp,tp_src=5,tp_dst=6',
    'icmp,icmp_type=3,icmp_code=1',
    'arp,arp_spa=1.2.3.4,arp_op=2',
  ];
  for (const text of texts) {
    const { match } = parseMatch(text);
    const of10 = new ByteWriter();
    encodeOf10Match(of10, match);
    assert.equal(of10.length, OF10_MATCH_BYTES);
    assert.equal(formatMatch(decodeOf10Match(new ByteReader(of10.finish()))), text);
    const of11 = new ByteWriter();
    assert.equal(encodeOf11Match(of11, match, 2), OF11_MATCH_BYTES);
    assert.equal(of11.length, OF11_MATCH_BYTES);
    assert.equal(formatMatch(decodeOf11Match(new ByteReader(of11.finish()))), text);
  }
  for (const text of [
    'mpls,mpls_label=5,mpls_tc=3',
    'metadata=0x5/0xff',
    'dl_src=01:00:00:00:00:00/01:00:00:00:00:00',
  ]) {
    const w = new ByteWriter();
    encodeOf11Match(w, parseMatch(text).match, 2);
    assert.equal(formatMatch(decodeOf11Match(new ByteReader(w.finish()))), text);
  }
});

test('no bytes make a decoder fail but by an OpenFlow error', () => {
  const headers = fc.constantFrom(...FIELDS.flatMap((f) => f.headers)).map((h) => {
    const w = new ByteWriter().u32(h.header);
    return h.experimenter ? w.u32(h.experimenter).finish() : w.finish();
  });
  const chunk = fc.oneof(headers, fc.uint8Array({ maxLength: 24 }));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), fc.boolean(), (chunks, loose) => {
      const bytes = Uint8Array.from(chunks.flatMap((c) => [...c]));
      for (const decode of [
        () => decodeEntries(new ByteReader(bytes), { loose }),
        () => decodeOf11Match(new ByteReader(bytes)),
        () => decodeNxMatch(new ByteReader(bytes), bytes.length),
      ]) {
        try {
          decode();
        } catch (e) {
          assert.ok(e instanceof MatchError, String(e));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('a bridge with a TLV table takes only its options, at its places', () => {
  const tun = new TunTable();
  assert.ok(tun.add(3, 0x0001_80, 8));
  assert.ok(!tun.add(3, 0x0001_81, 4));
  const { match } = decodeEntries(new ByteReader(entriesFromText('NXM_NX_TUN_METADATA3(1234)')), { tun });
  assert.equal(formatMatch(match), 'tun_metadata3=0x1234');
  assert.throws(
    () => decodeEntries(new ByteReader(entriesFromText('NXM_NX_TUN_METADATA4(1234)')), { tun }),
    (e) => e instanceof MatchError && e.name === 'NXFMFC_INVALID_TLV_FIELD',
  );
});

test('normalisation drops what no packet can have', () => {
  const match = catchAllMatch();
  matchField(match, FIELD.tcp_src, 80n);
  matchField(match, FIELD.ip_src, 1n);
  matchField(match, FIELD.in_port, 1n);
  normalizeMatch(match, false);
  assert.equal(formatMatch(match), 'in_port=1');
  const tcp = parseMatch('tcp,tp_src=5').match;
  normalizeMatch(tcp, false);
  assert.equal(formatMatch(tcp), 'tcp,tp_src=5');
});
