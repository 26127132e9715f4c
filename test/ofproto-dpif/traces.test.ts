/** Traces, word for word as the C switch (release 3.7) prints them for the same ports and flows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SwitchNetwork } from '../support/switch-network.ts';

interface Scenario {
  readonly flows: readonly string[];
  readonly traces: readonly (readonly [flow: string, text: string])[];
}

const scenarios: readonly Scenario[] = JSON.parse(
  readFileSync(new URL('../golden/traces.json', import.meta.url), 'utf8'),
);

/** Without what legitimately differs. */
function comparable(text: string): string {
  // C's ids start anew with each daemon, and its traces use them up.
  const lines = text
    .trimEnd()
    .replace(/(recirc(?:_id)?[=(])(0x)?[1-9a-f][0-9a-f]*/g, '$1ID')
    .split('\n');
  if (!/flood|ALL/i.test(text)) return lines.join('\n');
  // C floods in the order of a hash table.
  const ports = lines.pop()!.match(/\b\d+\b(?![^(]*\))/g);
  return [...lines, ...(ports ?? []).sort()].join('\n');
}

/** The ports that the recorded switch had. */
function recordedSwitch() {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'br0');
  net.port(br, 'p1', 1);
  net.port(br, 'p2', 2);
  net.port(br, 'p3', 3, { vlanMode: 'access', vlan: 10 });
  net.port(br, 'p4', 4, { trunks: new Set([10, 20]) });
  net.port(br, 'p5', 5, { vlanMode: 'native-untagged', vlan: 30 });
  net.settle();
  return { net, br };
}

for (const { flows, traces } of scenarios)
  test(flows[0]!, () => {
    const { net, br } = recordedSwitch();
    for (const flow of flows) net.flow(br, flow);
    for (const [flow, text] of traces) assert.equal(comparable(net.trace(br, flow)), comparable(text), flow);
  });
