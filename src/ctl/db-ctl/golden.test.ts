// Sessions of ovs-vsctl and vtep-ctl, each on a new database, against what the tools of release 3.7.1 printed for the
// same words. UUIDs are numbered in the order in which they first appear; DIR is the run directory; log lines lack their
// time. Rows come in the order of their UUIDs, so where there are several the lines are sorted.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dbCtlWorld } from '../../../test/support/db-ctl-world.ts';
import { hardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { ovsVsctl } from '../ovs-vsctl/ovs-vsctl.ts';
import { vtepCtl } from '../vtep-ctl/vtep-ctl.ts';

type Step = readonly [args: readonly string[], status: number, out: string, err: string, sorted?: 'sorted'];
interface Scenario {
  readonly name: string;
  readonly tool: 'ovs-vsctl' | 'vtep-ctl';
  readonly steps: readonly Step[];
}

const golden = JSON.parse(
  readFileSync(new URL('../../../test/golden/db-ctl.json', import.meta.url), 'utf8'),
) as readonly Scenario[];

const worldOf = (tool: Scenario['tool']) =>
  tool === 'ovs-vsctl'
    ? dbCtlWorld(tool, ovsVsctl, openVswitchSchema)
    : dbCtlWorld(tool, vtepCtl, hardwareVtepSchema);

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

for (const { name, tool, steps } of golden) {
  test(`${tool} prints what the C tool prints: ${name}`, async () => {
    const { host, call } = await worldOf(tool);
    const numbers = new Map<string, string>();
    const plain = (text: string): string =>
      text
        .replaceAll(host.dirs.run, 'DIR')
        .replace(/>[0-9a-f]{8}<\/a>/g, '>SHORT</a>')
        .replace(UUID, (uuid) => {
          if (/^(00000000|11111111)-/.test(uuid)) return uuid;
          const number = numbers.get(uuid) ?? `UUID${numbers.size}`;
          numbers.set(uuid, number);
          return number;
        });
    const real = (word: string): string =>
      word
        .replaceAll('DIR', host.dirs.run)
        .replace(/UUID\d+/, (number) => [...numbers].find(([, n]) => n === number)?.[0] ?? number);
    for (const [args, status, out, err, sorted] of steps) {
      if (process.env.DBG) console.log(args);
      const outcome = await call(...args.map(real));
      const text = sorted ? outcome.out.split('\n').sort().join('\n') : outcome.out;
      assert.deepEqual(
        { args, status: outcome.status, out: plain(text), err: plain(outcome.err) },
        { args, status, out, err },
      );
    }
  });
}
