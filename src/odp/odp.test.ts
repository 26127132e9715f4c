import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { TruncatedError } from '../base/bytes.ts';
import { extractFlow } from '../flow/extract.ts';
import { F, newFlow } from '../flow/layout.ts';
import { wildcardsForPacket } from '../flow/wildcards.ts';
import type { OdpAction } from './action.ts';
import { formatOdpActions } from './action-format.ts';
import { parseOdpActions } from './action-parse.ts';
import { formatOdpFlow } from './key-format.ts';
import { parseOdpFlow } from './key-parse.ts';
import { decodeOdpActions } from './netlink/action-decode.ts';
import { encodeOdpActions } from './netlink/action-encode.ts';
import { decodeOdpKey, decodeOdpMask, encodeOdpKey } from './netlink/key.ts';
import { OdpTextError } from './scanner.ts';
import { formatUfid } from './ufid.ts';

type Pairs = [input: string, output: string][];
const golden = (name: string): Pairs =>
  JSON.parse(readFileSync(new URL(`./golden/${name}`, import.meta.url), 'utf8'));

/** Attributes of the top level. */
function attributes(text: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '(' || text[i] === '{') depth++;
    else if (text[i] === ')' || text[i] === '}') depth--;
    else if (i === text.length || (text[i] === ',' && depth === 0)) {
      out.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return out;
}

test('keys are read and printed as by the C implementation', () => {
  for (const [input, output] of golden('keys.json')) {
    assert.equal(formatOdpFlow(parseOdpFlow(input).key, undefined, { verbose: true }), output, input);
  }
});

test('masked keys are printed as by the C implementation', () => {
  for (const [input, output] of golden('masked-keys.json')) {
    const { key, mask } = parseOdpFlow(input);
    // C prints the attributes as they came; we, as a datapath lists them, with what follows from those.
    const implied = /^(packet_type\(ns=0,id=0\)|eth_type\(0\/0xffff\))$/;
    const ours = attributes(formatOdpFlow(key, mask).replace('encap(eth_type(0/0xffff))', 'encap()'));
    assert.deepEqual(new Set(ours.filter((a) => !implied.test(a))), new Set(attributes(output)), input);
  }
});

test('actions are read and printed as by the C implementation', () => {
  for (const [input, output] of golden('actions.json')) {
    let actual: string;
    try {
      actual = formatOdpActions(parseOdpActions(input));
    } catch (e) {
      assert.ok(e instanceof OdpTextError);
      actual = 'odp_actions_from_string: error';
    }
    assert.equal(actual, output, input);
  }
});

test('the text of a flow is what dpctl/dump-flows shows', () => {
  const frame = Buffer.from(
    '50540000000a50540000000981000005080045000028000000004006000a0a0000010a0000020050138800000000000000005002000000000000',
    'hex',
  );
  const key = newFlow();
  extractFlow(frame, key);
  key[F.IN_PORT] = 1;
  const mask = newFlow();
  for (const w of [F.RECIRC_ID, F.IN_PORT]) mask[w] = 0xffffffff;
  mask[F.PACKET_TYPE] = 0xffffffff;
  mask[F.DL_TYPE] = 0xffff;
  mask[F.VLAN_TCI0] = 0x1fff;
  mask[F.NW_FRAG] = 3;
  mask[F.NW_PROTO] = 0xff;
  mask[F.TP_DST] = 0xff00;
  assert.equal(
    formatOdpFlow(key, mask),
    'recirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x8100),vlan(vid=5),' +
      'encap(eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=5000/0xff00))',
  );
  assert.match(formatOdpFlow(key, mask, { portName: () => 'p1' }), /in_port\(p1\)/);
  assert.equal(formatUfid('0123456789abcdef0123456789abcdef'), 'ufid:01234567-89ab-cdef-0123-456789abcdef');
});

test('port names and UFIDs are taken', () => {
  const { key, ufid } = parseOdpFlow('ufid:01234567-89ab-cdef-0123-456789abcdef in_port(eth0),eth()', (n) =>
    n === 'eth0' ? 7 : undefined,
  );
  assert.equal(key[F.IN_PORT], 7);
  assert.equal(ufid, '0123456789abcdef0123456789abcdef');
  assert.throws(() => parseOdpFlow('in_port(eth0)'), { message: 'syntax error at in_port(eth0)' });
  assert.throws(() => parseOdpFlow('in_port(1),foo(2)'), { message: 'syntax error at foo(2)' });
  assert.throws(() => parseOdpFlow(`${'encap('.repeat(33)}${')'.repeat(33)}`), OdpTextError);
});

test('keys, masks and actions survive netlink', () => {
  for (const [input] of [...golden('keys.json'), ...golden('masked-keys.json')]) {
    const { key, mask } = parseOdpFlow(input);
    const read = decodeOdpKey(encodeOdpKey(key));
    assert.equal(
      formatOdpFlow(read, undefined, { verbose: true }),
      formatOdpFlow(key, undefined, { verbose: true }),
    );
    assert.equal(
      formatOdpFlow(read, decodeOdpMask(encodeOdpKey(key, mask))),
      formatOdpFlow(key, mask),
      input,
    );
  }
  for (const [input, output] of golden('actions.json')) {
    if (output.startsWith('odp_actions')) continue;
    const actions = parseOdpActions(input);
    assert.equal(formatOdpActions(decodeOdpActions(encodeOdpActions(actions))), output, input);
  }
});

test('any packet has a key that survives netlink and text', () => {
  const start = fc.constantFrom('', '0800', '86dd', '8100', '8847', '0806', '894f');
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 100 }), (type, tail) => {
      const key = newFlow();
      key[F.IN_PORT] = 3;
      extractFlow(Uint8Array.from([...Buffer.from(`020000000001020000000002${type}`, 'hex'), ...tail]), key);
      if (key[F.DL_DST + 1] === 0) return;
      const mask = wildcardsForPacket(key);
      const text = formatOdpFlow(key, mask);
      assert.equal(
        formatOdpFlow(decodeOdpKey(encodeOdpKey(key)), decodeOdpMask(encodeOdpKey(key, mask))),
        text,
      );
      const parsed = parseOdpFlow(text);
      // Two labels of a stack without end, and a stack of none, have no text of their own.
      if (!text.includes('mpls(')) assert.equal(formatOdpFlow(parsed.key, parsed.mask), text);
    }),
    { numRuns: 300 },
  );
});

test('no bytes or text make a decoder fail in another way', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const decode of [decodeOdpKey, decodeOdpMask, decodeOdpActions]) {
        try {
          decode(bytes);
        } catch (e) {
          assert.ok(e instanceof TruncatedError, String(e));
        }
      }
    }),
    { numRuns: 500 },
  );
  const samples = [...golden('actions.json'), ...golden('masked-keys.json')].map(([input]) => input);
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.nat(), fc.string({ maxLength: 3 }), (text, at, junk) => {
      const i = at % (text.length + 1);
      const broken = text.slice(0, i) + junk + text.slice(i + junk.length);
      for (const parse of [parseOdpActions, parseOdpFlow]) {
        try {
          parse(broken);
        } catch (e) {
          assert.ok(e instanceof OdpTextError, String(e));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('actions that text has no word for are printed all the same', () => {
  const actions: OdpAction[] = [
    { kind: 'hash', algorithm: 'l4', basis: 1 },
    { kind: 'push_eth', src: 1n, dst: 2n },
    { kind: 'pop_mpls', ethertype: 0x0800 },
    { kind: 'dec_ttl', actions: [] },
  ];
  assert.equal(
    formatOdpActions(actions),
    'hash(l4(1)),push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),pop_mpls(eth_type=0x800),dec_ttl(le_1(drop))',
  );
  assert.equal(formatOdpActions([]), 'drop');
  assert.deepEqual(decodeOdpActions(encodeOdpActions(actions)), actions);
});
