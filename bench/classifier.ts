/**
 * The classifier alone: insertions, lookups with and without wildcards, memory of a rule. Rows have no ratio: the C
 * implementation's counterpart is a test program that is not installed.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Classifier } from '../src/classifier/classifier.ts';
import { type MiniMatch, miniMatchOf } from '../src/classifier/mini-match.ts';
import { F, type Flow, newFlow } from '../src/flow/layout.ts';
import { Rule } from '../src/ofproto/rule.ts';
import { type BenchOptions, median, type Row } from './row.ts';

/** Words that the rules match on besides the Ethertype; rule i uses the subset given by the bits of its mask number. */
const WORDS = [F.NW_DST, F.IN_PORT, F.TP_DST, F.NW_SRC, F.METADATA + 1, F.DL_DST + 1];

const ruleAddress = (i: number): number => (0x0a000000 + i) >>> 0;

function matchOf(i: number, subtables: number): MiniMatch {
  const match = { flow: newFlow(), mask: newFlow() };
  match.mask[F.DL_TYPE] = 0xffff;
  match.flow[F.DL_TYPE] = 0x0800;
  const kind = i % subtables;
  WORDS.forEach((word, bit) => {
    if (bit > 0 && !((kind >> (bit - 1)) & 1)) return;
    match.mask[word] = word === F.TP_DST ? 0xffff : 0xffffffff;
    match.flow[word] = bit === 0 ? ruleAddress(i) : i % 7;
  });
  return miniMatchOf(match);
}

function packets(n: number, rules: number): Flow[] {
  return Array.from({ length: n }, (_, k) => {
    const i = (k * 7919) % rules;
    const flow = newFlow();
    flow[F.DL_TYPE] = 0x0800;
    WORDS.forEach((word, bit) => {
      flow[word] = bit === 0 ? ruleAddress(i) : i % 7;
    });
    return flow;
  });
}

const NO_ACTIONS: readonly never[] = [];

function ruleOf(i: number, subtables: number): Rule {
  return new Rule({
    tableId: 0,
    match: matchOf(i, subtables),
    priority: 100 + (i % subtables),
    cookie: 0n,
    idleTimeout: 0,
    hardTimeout: 0,
    flags: 0,
    importance: 0,
    actions: NO_ACTIONS,
    nowMs: 0,
  });
}

export async function run({ runs, quick }: BenchOptions): Promise<Row[]> {
  const rules = quick ? 10_000 : 100_000;
  const rows: Row[] = [];
  const row = (name: string, unit: string, values: number[]): void => {
    rows.push({ group: 'classifier', name, unit, ours: median(values), theirs: undefined, ratio: undefined });
  };
  const before = await heapUsed();
  const filled = new Classifier<Rule>();
  for (let i = 0; i < rules; i++) filled.insert(ruleOf(i, 1));
  row(`memory of a rule, ${rules} rules`, 'bytes', [((await heapUsed()) - before) / filled.size]);
  const flows = packets(4096, rules);
  for (const subtables of [1, 4, 16]) {
    const insert: number[] = [];
    const plain: number[] = [];
    const wild: number[] = [];
    for (let r = 0; r < runs; r++) {
      const classifier = new Classifier<Rule>();
      let start = performance.now();
      for (let i = 0; i < rules; i++) classifier.insert(ruleOf(i, subtables));
      insert.push(((performance.now() - start) * 1e6) / rules);
      const wc = newFlow();
      const time = (to: number[], look: (flow: Flow) => unknown): void => {
        const lookups = 200_000;
        start = performance.now();
        for (let k = 0; k < lookups; k++) look(flows[k & 4095]!);
        to.push(((performance.now() - start) * 1e6) / lookups);
      };
      time(plain, (flow) => classifier.lookup(flow));
      time(wild, (flow) => classifier.lookup(flow, 0, wc));
    }
    const what = `${rules} rules, ${subtables} masks`;
    row(`insert, ${what}`, 'ns', insert);
    row(`lookup, ${what}`, 'ns', plain);
    row(`lookup with wildcards, ${what}`, 'ns', wild);
  }
  return rows;
}

/** Bytes in use after collecting what is not. */
async function heapUsed(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed: heap, arrayBuffers } = process.memoryUsage();
  return heap + arrayBuffers;
}
