import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIELD } from '../flow/fields.ts';
import { F, type Flow, type Match, newFlow } from '../flow/layout.ts';
import { Classifier, ClsRule } from './classifier.ts';
import { CATCH_ALL, expandMatch, miniMatchOf } from './mini-match.ts';

/** Words that the tests match on, with the masks that occur. All within few values, so that rules meet. */
const TERMS: readonly (readonly [word: number, masks: readonly number[]])[] = [
  [F.IN_PORT, [0xffffffff]],
  [F.METADATA + 1, [0xff, 0xf]],
  [F.REG0, [0xffffffff, 3]],
  [F.DL_DST + 1, [0xffffffff, 0xff000000]],
  [F.NW_SRC, [0xffffffff, 0xffffff00, 0xffff0000, 0xff000000, 0x00ff00ff]],
  [F.NW_DST, [0xffffffff, 0xfffffff0, 0xff000000]],
  [F.IPV6_SRC + 3, [0xffffffff]],
  [F.TP_SRC, [0xffff, 0xfff0]],
  [F.TP_DST, [0xffff, 0xff00]],
];
const value = fc.constantFrom(
  0,
  1,
  2,
  3,
  0x0a000001,
  0x0a000002,
  0x0a000101,
  0x0a010001,
  0x0b000001,
  0xffffffff,
);
const term = fc
  .nat(TERMS.length - 1)
  .chain((i) =>
    fc.record({ word: fc.constant(TERMS[i]![0]), mask: fc.constantFrom(...TERMS[i]![1]), value }),
  );
const anyMatch = fc.array(term, { maxLength: 4 }).map((terms): Match => {
  const match = { flow: newFlow(), mask: newFlow() };
  for (const t of terms) {
    match.mask[t.word] = t.mask;
    match.flow[t.word] = t.value & t.mask;
  }
  return match;
});
const anyFlow = fc.array(value, { minLength: TERMS.length, maxLength: TERMS.length }).map((values): Flow => {
  const flow = newFlow();
  flow[F.DL_TYPE] = 0x0800;
  TERMS.forEach(([word], i) => {
    flow[word] = word === F.TP_SRC || word === F.TP_DST ? values[i]! & 0xffff : values[i]!;
  });
  return flow;
});
const anyRules = fc.array(anyMatch, { minLength: 1, maxLength: 60 });

const matches = (m: Match, flow: Flow): boolean =>
  m.mask.every((bits, w) => ((flow[w]! ^ m.flow[w]!) & bits) === 0);

/** Rules with distinct priorities, in a shuffled order. */
function build(all: readonly Match[]): {
  classifier: Classifier<ClsRule>;
  rules: { match: Match; rule: ClsRule }[];
} {
  const classifier = new Classifier<ClsRule>();
  const rules = all.map((match, i) => ({ match, rule: new ClsRule(miniMatchOf(match), (i * 37) % 61) }));
  for (const { rule } of rules) classifier.insert(rule);
  return { classifier, rules };
}

const best = (rules: readonly { match: Match; rule: ClsRule }[], flow: Flow): ClsRule | undefined =>
  rules
    .filter((r) => matches(r.match, flow))
    .map((r) => r.rule)
    .sort((a, b) => b.priority - a.priority)[0];

test('a lookup finds what a linear search finds, before and after removals', () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.array(anyFlow, { minLength: 1, maxLength: 10 }),
      fc.nat(),
      (all, flows, seed) => {
        const { classifier, rules } = build(all);
        let left = rules;
        for (let round = 0; round < 3; round++) {
          for (const flow of flows) {
            assert.equal(classifier.lookup(flow), best(left, flow));
            assert.equal(classifier.lookup(flow, 0, newFlow()), best(left, flow));
          }
          const gone = left.filter((_, i) => (i + seed + round) % 3 === 0);
          for (const { rule } of gone) assert.ok(classifier.remove(rule));
          left = left.filter((r) => !gone.includes(r));
          assert.equal(classifier.size, left.length);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('packets that agree on the un-wildcarded bits get the same rule', () => {
  fc.assert(
    fc.property(
      anyRules,
      anyFlow,
      fc.array(anyFlow, { minLength: 1, maxLength: 20 }),
      (all, flow, others) => {
        const { classifier } = build(all);
        const wc = newFlow();
        const rule = classifier.lookup(flow, 0, wc);
        // Translation always matches exactly on what tells which headers there are.
        wc[F.DL_TYPE] = 0xffff;
        wc[F.PACKET_TYPE] = 0xffffffff;
        for (const other of others) {
          const mixed = other.map((word, w) => (word & ~wc[w]!) | (flow[w]! & wc[w]!));
          assert.equal(classifier.lookup(mixed), rule);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('exact find, overlap and narrower matches agree with their definitions', () => {
  fc.assert(
    fc.property(anyRules, anyMatch, (all, target) => {
      const { classifier, rules } = build(all);
      const mini = miniMatchOf(target);
      for (const { match, rule } of rules)
        assert.equal(classifier.find(miniMatchOf(match), rule.priority), rule);
      const within = rules.filter(({ match }) =>
        target.mask.every(
          (bits, w) => (bits & ~match.mask[w]!) === 0 && ((match.flow[w]! ^ target.flow[w]!) & bits) === 0,
        ),
      );
      assert.deepEqual(new Set(classifier.rules(mini)), new Set(within.map((r) => r.rule)));
      for (const { match, rule } of rules) {
        const meets = target.mask.every(
          (bits, w) => ((match.flow[w]! ^ target.flow[w]!) & bits & match.mask[w]!) === 0,
        );
        assert.equal(classifier.overlaps(mini, rule.priority), meets);
      }
    }),
    { numRuns: 100 },
  );
});

test('a small match expands to what it was made from', () => {
  fc.assert(
    fc.property(anyMatch, (match) => {
      const again = expandMatch(miniMatchOf(match));
      assert.deepEqual(again.flow, match.flow);
      assert.deepEqual(again.mask, match.mask);
    }),
  );
});

const matchOf = (words: Readonly<Record<number, readonly [number, number]>>): Match => {
  const match = { flow: newFlow(), mask: newFlow() };
  for (const [word, [v, mask]] of Object.entries(words)) {
    match.flow[Number(word)] = v;
    match.mask[Number(word)] = mask;
  }
  return match;
};
const exact = (v: number): readonly [number, number] => [v, 0xffffffff];
const ruleOf = (words: Parameters<typeof matchOf>[0], priority: number): ClsRule =>
  new ClsRule(miniMatchOf(matchOf(words)), priority);

test('a packet of another input port gets nothing but the port un-wildcarded', () => {
  const classifier = new Classifier<ClsRule>();
  classifier.insert(ruleOf({ [F.IN_PORT]: exact(1), [F.TP_DST]: [80, 0xffff] }, 10));
  const flow = newFlow();
  flow[F.IN_PORT] = 2;
  const wc = newFlow();
  assert.equal(classifier.lookup(flow, 0, wc), undefined);
  assert.equal(wc[F.IN_PORT], 0xffffffff);
  assert.equal(wc[F.TP_DST], 0);
});

test('an address outside of all prefixes un-wildcards only the bits that tell so', () => {
  const classifier = new Classifier<ClsRule>();
  classifier.insert(ruleOf({ [F.DL_TYPE]: [0x800, 0xffff], [F.NW_DST]: exact(0x0a010203) }, 10));
  const flow = newFlow();
  flow[F.DL_TYPE] = 0x800;
  flow[F.NW_DST] = 0xc0a80001;
  const wc = newFlow();
  assert.equal(classifier.lookup(flow, 0, wc), undefined);
  assert.equal(wc[F.NW_DST], 0x80000000);
  classifier.setPrefixFields([FIELD.ip_src]);
  const without = newFlow();
  classifier.lookup(flow, 0, without);
  assert.equal(without[F.NW_DST], 0xffffffff);
});

test('rules of lower priority that could not win are not looked at', () => {
  const classifier = new Classifier<ClsRule>();
  const top = ruleOf({ [F.IN_PORT]: exact(1) }, 100);
  classifier.insert(ruleOf({ [F.METADATA + 1]: exact(5) }, 10));
  classifier.insert(top);
  const flow = newFlow();
  flow[F.IN_PORT] = 1;
  const wc = newFlow();
  assert.equal(classifier.lookup(flow, 0, wc), top);
  assert.equal(wc[F.METADATA + 1], 0);
  // The best of a subtable goes, its next best no longer comes first.
  classifier.insert(ruleOf({ [F.METADATA + 1]: exact(6) }, 200));
  const found = [...classifier.rules()].find((r) => r.priority === 200)!;
  classifier.remove(found);
  const again = newFlow();
  assert.equal(classifier.lookup(flow, 0, again), top);
  assert.equal(again[F.METADATA + 1], 0);
});

test('a version sees the rules that were added before it and not removed by then', () => {
  const classifier = new Classifier<ClsRule>();
  const old = ruleOf({ [F.IN_PORT]: exact(1) }, 5);
  const fresh = ruleOf({ [F.IN_PORT]: exact(1) }, 5);
  classifier.insert(old, 1);
  old.hideFrom(2);
  classifier.insert(fresh, 2);
  const flow = newFlow();
  flow[F.IN_PORT] = 1;
  assert.equal(classifier.lookup(flow, 0), undefined);
  assert.equal(classifier.lookup(flow, 1), old);
  assert.equal(classifier.lookup(flow, 2), fresh);
  assert.equal(classifier.find(fresh.match, 5, 1), old);
  assert.equal(classifier.find(fresh.match, 5, 2), fresh);
  assert.deepEqual([...classifier.rules(undefined, 2)], [fresh]);
  assert.ok(classifier.remove(old));
  assert.ok(!classifier.remove(old));
  assert.equal(classifier.lookup(flow, 2), fresh);
});

test('a conjunctive match needs a rule of every clause, and falls back to what is below it', () => {
  const classifier = new Classifier<ClsRule>();
  const soft = (words: Parameters<typeof matchOf>[0], clause: number, priority = 100): ClsRule => {
    const rule = ruleOf(words, priority);
    rule.conjunctions = [{ id: 7, clause, nClauses: 2 }];
    classifier.insert(rule);
    return rule;
  };
  const first = soft({ [F.NW_SRC]: exact(1) }, 0);
  const second = soft({ [F.NW_DST]: exact(2) }, 1);
  const conj = ruleOf({ [F.CONJ_ID]: exact(7) }, 100);
  const below = ruleOf({ [F.NW_SRC]: exact(1) }, 50);
  classifier.insert(conj);
  classifier.insert(below);
  classifier.insert(ruleOf({}, 1));
  const flow = newFlow();
  flow[F.DL_TYPE] = 0x800;
  flow[F.NW_SRC] = 1;
  flow[F.NW_DST] = 2;
  const parts = new Set<ClsRule>();
  assert.equal(classifier.lookup(flow, 0, newFlow(), parts), conj);
  assert.deepEqual(parts, new Set([first, second]));
  assert.equal(flow[F.CONJ_ID], 0);
  flow[F.NW_DST] = 3;
  assert.equal(classifier.lookup(flow), below);
  flow[F.NW_SRC] = 4;
  assert.equal(classifier.lookup(flow)?.match.equals(CATCH_ALL), true);
  flow[F.NW_SRC] = 1;
  flow[F.NW_DST] = 2;
  // Once complete, whatever matches with the id decides, as in the C implementation.
  classifier.remove(conj);
  assert.equal(classifier.lookup(flow)?.priority, 1);
});
