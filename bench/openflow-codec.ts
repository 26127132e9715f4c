/**
 * What `ovs-ofctl add-flows` and the switch do to each flow, a step at a time: text to FLOW_MOD, FLOW_MOD to bytes,
 * bytes to FLOW_MOD; and for `dump-flows` the printing of a reply. Ours only: nothing here has a counterpart of C's
 * that can be measured alone.
 */
import { catchAllMatch } from '../src/flow/layout.ts';
import { clearMatch, MatchPool } from '../src/flow/match/pool.ts';
import { decodeMessage } from '../src/openflow/messages/decode.ts';
import { encodeMessage, encodeOne } from '../src/openflow/messages/encode.ts';
import { formatBytes } from '../src/openflow/messages/format.ts';
import type { FlowMod, FlowStats, OfpMessage } from '../src/openflow/messages/message.ts';
import { parseFlowMod } from '../src/openflow/parse/flow-mod.ts';
import { P } from '../src/openflow/version.ts';
import type { BenchOptions, Row } from './row.ts';

const FLOWS = 1000;
const PER_REPLY = 200;

const line = (i: number): string =>
  `table=${i % 4},priority=${100 + (i % 50)},tcp,in_port=${i % 8},nw_src=10.0.${(i >> 8) & 255}.${i & 255},tp_dst=${i % 1000},` +
  `actions=set_field:00:00:00:00:00:${(i & 255).toString(16)}->eth_dst,output:${1 + (i % 16)}`;

/** How often a second `step` can be done: the best of some rounds of `n` steps each. */
function rate(rounds: number, n: number, step: (i: number) => void): number {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < n; i++) step(i);
    best = Math.max(best, (n * 1000) / (performance.now() - start));
  }
  return best;
}

const statsOf = (flow: FlowMod): FlowStats => ({
  ...flow,
  durationSec: 12,
  durationNsec: 345_000_000,
  idleAge: 3,
  hardAge: 12,
  packetCount: 1234n,
  byteCount: 123_456n,
});

export async function run({ runs, quick }: BenchOptions): Promise<Row[]> {
  const rounds = runs + 2;
  const n = quick ? 10_000 : 50_000;
  const lines = Array.from({ length: FLOWS }, (_, i) => line(i));
  const flows = lines.map((text) => parseFlowMod(text, 'any').value);
  const row = (name: string, ours: number): Row => ({
    group: 'openflow-codec',
    name,
    unit: '/s',
    ours,
    theirs: undefined,
    ratio: undefined,
  });
  const match = catchAllMatch();
  const rows = [
    row(
      'lines parsed',
      rate(rounds, n, (i) => parseFlowMod(lines[i % FLOWS]!, 'any', {}, clearMatch(match))),
    ),
  ];
  for (const [version, protocol, name] of [
    [1, P.OF10_NXM_TID, 'NXM'],
    [4, P.OF13_OXM, 'OpenFlow 1.3'],
  ] as const) {
    const matches = new MatchPool();
    const messages = flows.map((flow): OfpMessage => ({ ...flow, version, xid: 1 }));
    const options = { protocol };
    const wire = messages.map((m) => encodeOne(m, options));
    const flowStats = flows.slice(0, PER_REPLY).map(statsOf);
    const reply = encodeMessage({ kind: 'flow_stats_reply', flows: flowStats, version, xid: 1 }, options)[0]!;
    rows.push(
      row(
        `FLOW_MODs encoded, ${name}`,
        rate(rounds, n, (i) => encodeOne(messages[i % FLOWS]!, options)),
      ),
      row(
        `FLOW_MODs decoded, ${name}`,
        rate(rounds, n, (i) => decodeMessage(wire[i % FLOWS]!, { matches, flowModTableId: true })),
      ),
      row(
        `flows of replies printed, ${name}`,
        PER_REPLY * rate(rounds, n / PER_REPLY, () => formatBytes(reply)),
      ),
    );
  }
  return rows;
}
