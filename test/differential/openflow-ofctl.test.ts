/**
 * Generated flows, groups, meters, packets, actions, matches and messages give the same output and the same errors
 * from the C implementation's ovs-ofctl and from ours.
 *
 * `OVS_OFCTL` is the program to compare with (default: the one in PATH); `OPENFLOW_DIFFERENTIAL` how many inputs of
 * each kind there are (default 200; 3000 make more than 20,000 in all); `FUZZ_SEED` where the random texts begin.
 * Another release of Open vSwitch than 3.7 differs for reasons that {@link KNOWN} names.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../src/base/bytes.ts';
import { FIELDS } from '../../src/flow/fields.ts';
import { entriesToText } from '../../src/flow/match/entry-text.ts';
import { encodeEntries } from '../../src/flow/match/nxm.ts';
import { encodeOf10Match } from '../../src/flow/match/of10.ts';
import { encodeOf11Match } from '../../src/flow/match/of11.ts';
import { parseMatch } from '../../src/flow/match/parse.ts';
import { encodeActions } from '../../src/openflow/actions/encode.ts';
import { parseActions, parseInstructions } from '../../src/openflow/actions/parse.ts';
import { encodeInstructions } from '../../src/openflow/instructions.ts';
import { SUPPORTED_VERSIONS, versionName } from '../../src/openflow/version.ts';
import { mutateBytes, mutateText, Random } from '../fuzz/mutate.ts';
import { OfctlWorld } from '../support/ofctl-world.ts';
import { arbitraryMessage, encodeIfPossible, KINDS } from '../support/openflow-messages.ts';
import { ACTION_NAMES, fieldsOf, isSince, MATCHABLE, Texts } from '../support/openflow-texts.ts';

const COUNT = Number(process.env['OPENFLOW_DIFFERENTIAL'] ?? 200);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const PROGRAM = process.env['OVS_OFCTL'] ?? 'ovs-ofctl';
const VERSIONS = [1, 2, 3, 4, 5, 6].filter((v) => SUPPORTED_VERSIONS & (1 << v));

function release(): string | undefined {
  try {
    const text = execFileSync(PROGRAM, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return /(\d+\.\d+)\.\d+/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
const RELEASE = release();
const options = RELEASE === undefined ? { skip: `${PROGRAM} is missing` } : {};

/** Registers above 15, fields as ids of `sample`, marks and labels in NXT_CT_FLUSH came after the oldest releases. */
const FIELDS_OF_RELEASE = fieldsOf(MATCHABLE, RELEASE ?? '');
const CT_FLUSH_OF_MARKS = '3.3';
/** Bytes that name fields which came after the release, or `sample` with fields as ids. */
const NEWER = new RegExp(
  [
    ...FIELDS.flatMap((f) => f.headers)
      .filter((h) => !isSince(RELEASE ?? '', h.since))
      .map(({ header, experimenter }) => {
        const hex32 = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
        const [plain, masked] = [header, header | 0x100].map((n) => hex32(n).slice(4, 6));
        return `${hex32(header).slice(0, 4)}(?:${plain}|${masked})..${experimenter ? hex32(experimenter) : ''}`;
      }),
    ...(isSince(RELEASE ?? '', '3.4') ? [] : ['000023200033']),
    'never',
  ].join('|'),
);
const KINDS_OF_RELEASE = KINDS.filter(
  (kind) => kind !== 'ct_flush' || isSince(RELEASE ?? '', CT_FLUSH_OF_MARKS),
);

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}
type Input = string | Uint8Array;

/** Lines of the log have the time in them, and rate limits decide which there are. */
const withoutLog = (text: string): string =>
  text.replaceAll(/^\d{4}-\d\d-\d\dT[\d:]+Z\|\d+\|[^\n]*\n(?:[0-9a-f]{8} {2}[^\n]*\n)*/gm, '');

function theirs(args: readonly string[], stdin: Input): Outcome {
  const r = spawnSync(PROGRAM, args, { input: stdin, maxBuffer: 1 << 28, timeout: 60_000 });
  return { status: r.status ?? -1, out: r.stdout.toString(), err: withoutLog(r.stderr.toString()) };
}

const ours = (args: readonly string[], stdin: Input): Promise<Outcome> => new OfctlWorld().run(args, stdin);

/** A difference that is no mistake of ours: what makes two outcomes the same. */
interface Known {
  readonly name: string;
  readonly reason: string;
  /** Releases that differ; all unless said. */
  readonly releases?: readonly string[];
  readonly applies: (c: Outcome, we: Outcome, args: readonly string[], stdin: string) => boolean;
}

const KNOWN: readonly Known[] = [
  {
    name: 'unknown field, or one of a wrong length, in an action',
    reason:
      'C says that the length is wrong if a field of another length shares the hash bucket of what it looks for; which ' +
      'fields share one depends on how many the release has',
    applies: (c, we) => {
      const [a, b] = [c.out, we.out].map((out) =>
        out.replaceAll('OFPBAC_BAD_SET_LEN', 'OFPBAC_BAD_SET_TYPE'),
      );
      return a === b;
    },
  },
  {
    name: 'numbers of 32 bits that are negative or too large',
    reason: 'the oldest releases take them as what is left of them in 32 bits',
    releases: ['3.1'],
    applies: (c, we) =>
      c.status === 0 && /^ovs-ofctl: (invalid numeric format |-?\d+: unknown field `-?\d*')/.test(we.err),
  },
  {
    name: 'bundle_load of unknown fields, with an unknown algorithm or too many members',
    reason:
      'C forgets that it found them wrong: it tells what is wrong behind them, or ends with a failed assertion when it ' +
      'prints or uses them',
    applies: (c, we, args, stdin) =>
      /ffff....00002320000d/.test(args.join(' ') + stdin) &&
      we.out.includes('OFPBAC_BAD_ARGUMENT') &&
      (c.status !== 0 || c.out.includes('unknown') || /bad OpenFlow|decode error/.test(c.out)),
  },
  {
    name: 'registers 16 to 31',
    reason: 'the oldest releases have 16 registers',
    releases: ['3.1'],
    applies: (c) => /^ovs-ofctl: [^\n]*\breg(1[6-9]|2\d|3[01])\b/.test(c.err),
  },
  {
    name: 'padding behind the value of a TLV that is encapsulated',
    reason: 'C sends on what it was given there, this implementation zeros',
    applies: (c, we, args, stdin) =>
      /ffff....00002320002e/.test(args.join(' ') + stdin) &&
      we.out.replaceAll(/^\d+: .. -> 00\n/gm, '') === c.out,
  },
  {
    name: 'eviction flags of a table_mod',
    reason: 'C takes them for whether there is eviction at all, and prints what that makes of them',
    applies: (c, we) => {
      const [a, b] = [c.out, we.out].map((out) =>
        out.replaceAll(
          /(OFPT_TABLE_MOD [^\n]*: table_id=[^,\n]*)(?:, eviction=(?:on|off|\*\*\*error\*\*\*))?(?:eviction_flags=[^,\n]*)?/g,
          '$1',
        ),
      );
      return a === b && we.out.includes('eviction_flags=');
    },
  },
];

/** What differs, with all that is needed to see it again. */
const found: string[] = [];

async function compareOne(args: readonly string[], stdin: Input = ''): Promise<void> {
  const c = theirs(args, stdin);
  const we = await ours(args, stdin);
  if (c.out === we.out && c.err === we.err && c.status === we.status) return;
  const input = typeof stdin === 'string' ? stdin : Buffer.from(stdin).toString('hex');
  for (const known of KNOWN)
    if ((known.releases?.includes(RELEASE!) ?? true) && known.applies(c, we, args, input)) return;
  const show = ({ status, out, err }: Outcome): string => `${status} ${out}${err}`.trimEnd();
  found.push(`${args.join(' ')} <<< ${input.trimEnd()}\n  C:    ${show(c)}\n  ours: ${show(we)}`);
}

/** Compares many inputs in one run; what one run cannot tell apart is run again in halves. */
async function compareMany(
  args: readonly string[],
  inputs: readonly Input[],
  join: (inputs: readonly Input[]) => Input,
) {
  if (inputs.length === 0) return;
  if (inputs.length === 1) return compareOne(args, join(inputs));
  const all = join(inputs);
  const c = theirs(args, all);
  const we = await ours(args, all);
  if (c.out === we.out && c.err === we.err && c.status === we.status) return;
  const half = inputs.length >> 1;
  await compareMany(args, inputs.slice(0, half), join);
  await compareMany(args, inputs.slice(half), join);
}

const BATCH = 250;
const asLines = (inputs: readonly Input[]): string => inputs.map((line) => `${line}\n`).join('');
const asBytes = (inputs: readonly Input[]): Uint8Array => Buffer.concat(inputs.map((b) => Buffer.from(b)));

/** Compares inputs in batches. What ends the program has a run of its own. */
async function compareBatches(
  args: readonly string[],
  inputs: readonly Input[],
  join: (inputs: readonly Input[]) => Input,
): Promise<void> {
  const good: Input[] = [];
  for (const input of inputs) {
    if ((await ours(args, join([input]))).status === 0) good.push(input);
    else await compareOne(args, join([input]));
  }
  for (let at = 0; at < good.length; at += BATCH) await compareMany(args, good.slice(at, at + BATCH), join);
}

/** Texts, from good ones to damaged ones. */
function texts(count: number, make: (texts: Texts, i: number) => string): string[] {
  const made: string[] = [];
  for (let i = 0; i < count; i++) {
    const random = new Random(SEED + i);
    let text = make(new Texts(random, i % 4 === 3 ? 0 : [0, 30, 8][i % 3]!, RELEASE), i);
    if (i % 4 === 3) text = mutateText(random, text, made.length > 0 ? made.slice(-20) : [text]);
    // What begins with a dash is an option.
    made.push(text.replaceAll(/[\0\n\r]/g, ' ').replace(/^-+/, ''));
  }
  return made;
}

function check(): void {
  const all = found.splice(0);
  if (process.env['OPENFLOW_DIFFERENCES'])
    fs.appendFileSync(process.env['OPENFLOW_DIFFERENCES'], `${all.join('\n')}\n`);
  assert.deepEqual(all.slice(0, 20), [], `${all.length} differences`);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('flows', options, async () => {
  for (const text of texts(2 * COUNT, (t, i) => t.flow(FIELDS_OF_RELEASE[i % FIELDS_OF_RELEASE.length])))
    await compareOne(['parse-flow', text]);
  check();
});

test('every action by its name', options, async () => {
  const perName = Math.ceil(COUNT / ACTION_NAMES.length);
  for (const name of ACTION_NAMES) {
    for (const text of texts(perName, (t) => `${t.match()},actions=${t.action(0, name)}`))
      await compareOne(['parse-flow', text]);
  }
  check();
});

test('groups', options, async () => {
  for (const [i, text] of texts(COUNT, (t) => t.group()).entries()) {
    await compareOne(['-O', i % 2 ? 'OpenFlow15' : 'OpenFlow10,OpenFlow11,OpenFlow13', 'parse-group', text]);
  }
  check();
});

/** A target that is not there: the text is read before, and what is wrong with it is said before. */
const NOWHERE = 'unix:/nonexistent/ovs-ts';

test('meters and packets to send', options, async () => {
  for (const text of texts(COUNT / 2, (t) => t.meter()))
    await compareOne(['--no-names', '-O', 'OpenFlow13', 'add-meter', NOWHERE, text]);
  for (const text of texts(COUNT / 2, (t) => t.packetOut()))
    await compareOne(['--no-names', '-O', 'OpenFlow15', 'packet-out', NOWHERE, text]);
  check();
});

test('bytes of actions and instructions', options, async () => {
  for (const version of VERSIONS) {
    for (const what of ['actions', 'instructions'] as const) {
      const lines: string[] = [];
      for (let i = 0; lines.length < COUNT; i++) {
        const random = new Random(SEED + i);
        const t = new Texts(random, 0, RELEASE);
        const w = new ByteWriter();
        try {
          if (what === 'actions') encodeActions(w, parseActions(t.actions()).actions, version);
          else encodeInstructions(w, parseInstructions(t.instructions()).actions, version);
        } catch {
          continue;
        }
        const good = w.finish();
        const bad = mutateBytes(random, good);
        if (NEWER.test(hex(bad))) continue;
        const table = i % 5 || what === 'actions' ? '' : `${i % 255},`;
        lines.push(
          table + hex(i % 2 && good.length > 0 ? (i % 4 === 1 ? bad.slice(0, bad.length & ~7) : bad) : good),
        );
      }
      await compareBatches([`parse-${what}`, versionName(version)!], lines, asLines);
    }
  }
  check();
});

const matchesOf = (count: number) =>
  texts(count, (t, i) => t.match(FIELDS_OF_RELEASE[i % FIELDS_OF_RELEASE.length])).flatMap((text) => {
    try {
      return [parseMatch(text).match];
    } catch {
      return [];
    }
  });

test('NXM and OXM', options, async () => {
  for (const version of [0, 3, 4, 5, 6]) {
    const lines = matchesOf(COUNT).map((match, i) => {
      const w = new ByteWriter();
      encodeEntries(w, match, version);
      const bytes = w.finish();
      const text = entriesToText(bytes);
      const random = new Random(SEED + i);
      return (i % 3 ? text : mutateText(random, text, [text])).replaceAll(/[\0\n\r#]/g, ' ');
    });
    const headers = fieldsOf(FIELDS, RELEASE ?? '')
      .flatMap((f) => f.headers)
      .map((h, i) => {
        const random = new Random(SEED + i);
        const digits = (n: number) =>
          Array.from({ length: 2 * n }, () => random.below(16).toString(16)).join('');
        const bytes = (h.header & 0xff) - (h.experimenter ? 4 : 0);
        return random.below(2)
          ? `${h.name}(${digits(bytes)})`
          : `${h.name}_W(${digits(bytes)}/${digits(bytes)})`;
      });
    for (const strict of [true, false]) {
      const command = version === 0 ? ['parse-nxm'] : ['parse-oxm', versionName(version)!];
      await compareBatches([...(strict ? ['--strict'] : []), ...command], [...lines, ...headers], asLines);
    }
  }
  check();
});

test('matches of OpenFlow 1.0 and 1.1', options, async () => {
  const of10: string[] = [];
  const of11: string[] = [];
  for (const [i, match] of matchesOf(2 * COUNT).entries()) {
    const random = new Random(SEED + i);
    const damage = (bytes: Uint8Array): Uint8Array => {
      for (let n = random.below(4); n > 0; n--) bytes[random.below(bytes.length)] = random.u32();
      return bytes;
    };
    const w10 = new ByteWriter();
    encodeOf10Match(w10, match);
    of10.push(hex(damage(w10.finish())));
    const w11 = new ByteWriter();
    encodeOf11Match(w11, match, 2);
    of11.push(hex(damage(w11.finish())));
  }
  await compareBatches(['parse-ofp10-match'], of10, asLines);
  await compareBatches(['parse-ofp11-match'], of11, asLines);
  check();
});

test('messages of every kind and version', options, async () => {
  const messages: Uint8Array[] = [];
  const runs = Math.ceil(COUNT / 40);
  for (const kind of KINDS_OF_RELEASE) {
    for (const version of VERSIONS) {
      const arbitrary = arbitraryMessage(kind, version);
      if (!arbitrary) continue;
      for (const [i, message] of fc.sample(arbitrary, { seed: SEED, numRuns: runs }).entries()) {
        const bytes = encodeIfPossible(message);
        if (!bytes || NEWER.test(hex(bytes))) continue;
        messages.push(bytes);
        const random = new Random(SEED + 100 * i + version);
        for (let n = 0; n < 2; n++) {
          const bad = mutateBytes(random, bytes);
          if (bad.length < 8) continue;
          bad[2] = bad.length >> 8;
          bad[3] = bad.length & 0xff;
          messages.push(bad);
        }
      }
    }
  }
  await compareBatches(['ofp-parse', '-'], messages, asBytes);
  for (const [i, bytes] of messages.entries()) {
    if (i % 10 === 0) await compareOne(['ofp-print', hex(bytes), String(i % 4)]);
    if (i % 50 === 0) await compareOne(['-m', 'ofp-print', hex(bytes)]);
  }
  check();
});
