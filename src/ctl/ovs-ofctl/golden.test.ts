// The commands that need no switch, against what ovs-ofctl 3.7 printed for the same words.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OfctlWorld } from '../../../test/support/ofctl-world.ts';

type Golden = readonly (readonly [
  args: readonly string[],
  stdin: string,
  status: number,
  out: string,
  err: string,
])[];

const golden = JSON.parse(
  readFileSync(new URL('../../../test/golden/ovs-ofctl.json', import.meta.url), 'utf8'),
) as Golden;

test('commands without a switch print what the C tool prints', async () => {
  assert.ok(golden.length > 300);
  for (const [args, stdin, status, out, err] of golden) {
    const world = new OfctlWorld();
    assert.deepEqual({ ...(await world.run(args, stdin)), args }, { status, out, err, args });
  }
});
