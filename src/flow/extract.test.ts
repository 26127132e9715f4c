import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { composePacket } from './compose.ts';
import { extractFlow, newLayers } from './extract.ts';
import { F, newFlow, VLAN_CFI } from './layout.ts';
import { formatFlow } from './match/format.ts';
import { parseExactFlow } from './match/parse.ts';

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`./golden/${name}`, import.meta.url), 'utf8'));
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

test('packets read as the C tools read them, whole, mangled and cut off', () => {
  const packets = golden<[hex: string, text: string][]>('packets.json');
  assert.ok(packets.length > 50);
  for (const [hex, text] of packets) {
    const flow = newFlow();
    extractFlow(bytes(hex), flow);
    flow[F.IN_PORT] = 0xffff_ffff;
    assert.equal(formatFlow(flow), text, hex);
  }
});

test('composed packets are those of the C tools', () => {
  for (const [text, expected] of golden<[string, string][]>('composed.json')) {
    let actual: string;
    try {
      actual = Buffer.from(composePacket(parseExactFlow(text).flow)).toString('hex');
    } catch (e) {
      actual = `ERR ${(e as Error).message}`;
    }
    assert.equal(actual, expected, text);
  }
});

test('no bytes make extraction fail or look beyond the end', () => {
  const start = fc.constantFrom(
    '',
    '0102030405060708090a0b0c0800',
    '0102030405060708090a0b0c86dd6',
    '0102030405060708090a0b0c8100',
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 120 }), fc.nat(20), (prefix, tail, extra) => {
      const packet = Uint8Array.from([...Buffer.from(prefix, 'hex'), ...tail]);
      // The same packet with other bytes behind its end reads the same.
      const longer = new Uint8Array(packet.length + extra).fill(0xff);
      longer.set(packet);
      const a = newFlow();
      const b = newFlow();
      const layers = newLayers();
      extractFlow(packet, a, layers);
      extractFlow(longer, b, newLayers(), 0, packet.length);
      assert.deepEqual(a, b);
      assert.ok(layers.l3 <= packet.length && layers.l4 <= packet.length && layers.padding <= packet.length);
    }),
    { numRuns: 500 },
  );
});

test('a composed packet reads back as the flow it was made of', () => {
  for (const [text, hex] of golden<[string, string][]>('composed.json')) {
    if (hex.startsWith('ERR') || /nw_frag|mdtype=2/.test(text)) continue;
    const { flow } = parseExactFlow(text);
    const read = newFlow();
    read[F.IN_PORT] = flow[F.IN_PORT]!;
    extractFlow(composePacket(flow), read);
    assert.equal(formatFlow(read), formatFlow(normal(flow)), text);
  }
});

/** What a packet cannot but have: a tag's CFI bit, a stack's end, the option that an address came in. */
function normal(flow: ReturnType<typeof newFlow>): ReturnType<typeof newFlow> {
  for (const w of [F.VLAN_TCI0, F.VLAN_TCI1]) if (flow[w]) flow[w] = flow[w]! | VLAN_CFI;
  if (flow[F.ARP_SHA + 1] && flow[F.NW_PROTO] === 58) flow[F.ND_OPTIONS_TYPE] = 1;
  else if (flow[F.ARP_THA + 1] && flow[F.NW_PROTO] === 58) flow[F.ND_OPTIONS_TYPE] = 2;
  if (flow[F.DL_TYPE] === 0x8035) flow.fill(0, F.NW_SRC, F.NW_DST + 1);
  return flow;
}
