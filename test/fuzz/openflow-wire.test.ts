/** No bytes make the OpenFlow decoder or printer do anything but decode, print or refuse. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { ByteWriter } from '../../src/base/bytes.ts';
import { MessageFramer } from '../../src/ofproto/connmgr/framing.ts';
import { OfpError } from '../../src/openflow/errors.ts';
import { tryDecodeMessage } from '../../src/openflow/messages/decode.ts';
import { encodeMessage } from '../../src/openflow/messages/encode.ts';
import { formatBytes, formatMessage } from '../../src/openflow/messages/format.ts';
import type { OfpBody, OfpMessage } from '../../src/openflow/messages/message.ts';
import { putHeaders, RAWS } from '../../src/openflow/messages/raw.ts';
import { parseFlow } from '../../src/openflow/parse/flow-mod.ts';
import { parseGroupMod } from '../../src/openflow/parse/group-mod.ts';
import { fuzz, mutateBytes, mutateTlvs, type Random } from './mutate.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));

/** Actions, properties and matches, which messages are made of. */
const PIECES: readonly Uint8Array[] = [
  ...(golden('test/golden/openflow-actions.json') as { wire: { hex: string }[] }).wire.map((w) => hex(w.hex)),
  // Matches: OXM and the length-prefixed NXM.
  hex('0001000400000000'),
  hex('0001001680000a02080080001604aabbccdd00000000'),
  hex('000100188000020800000000000000018000060800000000000000ff00000000'),
  hex('0000000800000001'),
  hex('ffff000c0000232000000001'),
  hex('000e00100000000000000000000000000001001000000001'),
];

/** A well-formed header, a body of the right length, and pieces behind it. */
function compose(random: Random): Uint8Array {
  const raw = random.pick(RAWS);
  const versions = Math.min(raw.lastVersion, 6) - raw.firstVersion + 1;
  const version = raw.firstVersion + random.below(versions);
  const w = new ByteWriter(256);
  putHeaders(w, raw, version, 0x01020304, random.below(8) === 0);
  for (let i = 0; i < raw.minBody; i++) w.u8(random.below(3) === 0 ? random.pick([1, 4, 8, 16, 255]) : 0);
  if (raw.multiple > 0) {
    for (let n = random.below(4); n > 0; n--) w.put(random.pick(PIECES));
    // Stretches of zeros, each with a length that might be right.
    for (let n = random.below(3); n > 0; n--) {
      const length = 8 * (1 + random.below(8));
      w.u16(random.below(5)).u16(length);
      w.zero(length - 4);
    }
  }
  return w.finish().slice();
}

/** Makes the header's length true, unless it is to be wrong. */
function fitLength(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 8) return bytes;
  bytes[2] = bytes.length >> 8;
  bytes[3] = bytes.length & 0xff;
  return bytes;
}

const FLOWS = [
  'priority=7,tcp,nw_src=10.0.0.0/8,tp_dst=80 actions=mod_nw_tos:4,set_field:1->reg0,output:1',
  'in_port=1,dl_vlan=5,metadata=1/3 actions=pop_vlan,learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),goto_table:3',
  'ct_state=+trk+est,ipv6 actions=ct(commit,zone=1,nat(src=::1-::9),exec(set_field:1->ct_mark)),resubmit(,2)',
  'tun_metadata0=5,reg1=7 actions=clone(multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])),bundle(eth_src,0,hrw,ofport,members:4,8)',
  'actions=encap(nsh(md_type=2,tlv(0x1,2,0x3))),check_pkt_larger(9)->reg0[0],sample(probability=9),write_actions(group:1)',
];
const GROUPS = [
  'group_id=1,type=select,selection_method=hash,fields(ip_dst,eth_src),bucket=weight:50,actions=output:1',
  'group_id=2,type=ff,bucket=watch_port:1,output:3,bucket=watch_group:2,actions=drop',
];

/**
 * Whole messages. Kept are the shortest that were found for each form, version and outcome; `FUZZ_KEEP=1` writes them
 * back with what this run finds. Those that mutation finds are added while it runs.
 */
const CORPUS = new URL('corpus/openflow.hex', import.meta.url);
const kept = readFileSync(CORPUS, 'utf8').split('\n').filter(Boolean);
const corpus: Uint8Array[] = kept.map(hex);
const KEPT_BYTES = 192;
/** The shortest message by what is particular about it. */
const shortest = new Map<string, Uint8Array>();

function keep(bytes: Uint8Array, version: number, outcome: string): void {
  if (bytes.length > KEPT_BYTES) return;
  const key = `${version} ${bytes[1]} ${outcome}`;
  const known = shortest.get(key);
  if (!known) corpus.push(bytes);
  if (!known || known.length > bytes.length) shortest.set(key, bytes);
}

after(() => {
  if (!process.env['FUZZ_KEEP']) return;
  const lines = new Set([...shortest.values()].map((bytes) => Buffer.from(bytes).toString('hex')));
  writeFileSync(CORPUS, `${[...lines].sort().join('\n')}\n`);
});
for (let version = 1; version <= 6; version++) {
  const bodies: OfpBody[] = [
    ...FLOWS.map((text): OfpBody => parseFlow(text, 'add').value),
    ...GROUPS.map((text): OfpBody => ({ kind: 'group_mod', ...parseGroupMod(text, 'add').value })),
  ];
  for (const body of bodies) {
    try {
      const frames = encodeMessage({ ...body, version, xid: 1 } as OfpMessage);
      corpus.push(...frames);
      for (const message of version < 2 ? [] : frames)
        corpus.push(
          ...encodeMessage({ kind: 'bundle_add_message', version, xid: 1, bundleId: 1, flags: 1, message }),
        );
    } catch (error) {
      // Not every version can say everything.
      if (!(error instanceof OfpError)) throw error;
    }
  }
}
/** The same bytes with others before and behind them, which nobody may look at. */
function surrounded(bytes: Uint8Array): Uint8Array {
  const around = new Uint8Array(bytes.length + 64).fill(0x5a);
  around.set(bytes, 32);
  return around.subarray(32, 32 + bytes.length);
}

/** How many values there are in one, all levels together. */
function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return 1;
  let count = 1;
  for (const inner of value instanceof Set ? value : Object.values(value)) count += countValues(inner);
  return count;
}

/** A message that says nothing is still a value of so many parts; beyond that every byte may be worth a few. */
const VALUES_OF_ALL = 1500;
const VALUES_PER_BYTE = 8;
/** Dumps have five characters a byte and their offsets, nested messages have dumps of their own. */
const TEXT_OF_ALL = 20_000;
const TEXT_PER_BYTE = 400;

function exercise(bytes: Uint8Array): void {
  const at = `${Buffer.from(bytes).toString('hex')}`;
  try {
    for (const verbosity of [0, 2, 3]) {
      const text = formatBytes(bytes, { verbosity });
      assert.ok(text.endsWith('\n'));
      assert.ok(
        text.length < TEXT_OF_ALL + TEXT_PER_BYTE * bytes.length,
        `${text.length} characters of text`,
      );
      assert.equal(
        formatBytes(surrounded(bytes), { verbosity }),
        text,
        'text of bytes outside of the message',
      );
    }
    if (bytes.length < 8 || ((bytes[2]! << 8) | bytes[3]!) !== bytes.length) return;
    const { message, error } = tryDecodeMessage(bytes);
    keep(bytes, bytes[0]!, error ? error.code : outcomeOf(message));
    if (!message) return;
    const values = countValues(message);
    assert.ok(values < VALUES_OF_ALL + VALUES_PER_BYTE * bytes.length, `${values} values`);
    again(message);
  } catch (error) {
    throw new Error(`with ${at}`, { cause: error });
  }
}

/** What is in a message, so that different ones are kept: its kind and the kinds of its actions. */
function outcomeOf(message: OfpMessage | undefined): string {
  const kinds = new Set<string>();
  JSON.stringify(message, (key, value: unknown) => {
    if (key === 'kind' || key === 'field' || key === 'event') kinds.add(String(value));
    return typeof value === 'bigint' || ArrayBuffer.isView(value) || value instanceof Set ? 0 : value;
  });
  return [...kinds].slice(0, 2).join(' ');
}

/** What was decoded can be printed, and encoded or refused; what is encoded can be decoded. */
function again(message: OfpMessage): void {
  let frames: Uint8Array[];
  try {
    formatMessage(message);
    frames = encodeMessage(message);
  } catch (error) {
    if (!(error instanceof OfpError)) throw error;
    return;
  }
  for (const frame of frames) assert.equal((frame[2]! << 8) | frame[3]!, frame.length, 'a wrong length');
}

test('every kind of message of every version decodes, prints or is refused, whatever is in it', () => {
  fuzz((random) => {
    const good = random.below(2) === 0 ? random.pick(corpus) : compose(random);
    exercise(fitLength(good.slice()));
    const structures = mutateTlvs(random, good, random.pick(corpus));
    exercise(fitLength(structures));
    const bad = mutateBytes(random, random.below(2) === 0 ? structures : good);
    exercise(random.below(8) === 0 ? bad : fitLength(bad));
  });
});

test('every truncation of every kind of message is refused or understood', () => {
  fuzz((random) => {
    const good = random.below(4) > 0 ? random.pick(corpus) : compose(random);
    for (let n = 0; n < Math.min(good.length, 80); n++) exercise(fitLength(good.slice(0, n)));
  });
});

test('messages come out of the stream as they went in, however it is cut', () => {
  fuzz((random) => {
    const messages = Array.from({ length: 1 + random.below(5) }, () => fitLength(compose(random)));
    const stream = Buffer.concat(messages);
    const framer = new MessageFramer();
    const got: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = Math.min(stream.length, at + 1 + random.below(random.below(2) ? 4 : 200));
      assert.ok(framer.push(stream.subarray(at, end), (m) => got.push(m) > 0));
      at = end;
    }
    assert.deepEqual(
      got.map((m) => Buffer.from(m).toString('hex')),
      messages.map((m) => Buffer.from(m).toString('hex')),
    );
    assert.ok(!framer.isMidMessage);
  });
});
