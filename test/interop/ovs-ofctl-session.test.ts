/**
 * A session of ovs-ofctl with a switch, command after command: our tool with our switch prints what C's tool printed
 * with C's switch. Recorded with release 3.7.1 on a bridge of two dummy ports.
 *
 * Not in the recording: C's switch tells flows of OpenFlow 1.0's own format with an action that C's tool cannot read,
 * and counts the queues of dummy devices.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Daemons, program } from '../support/daemons.ts';

interface Step {
  readonly args: readonly string[];
  /** Not known where only the first lines are. */
  readonly status: number | null;
  /** Standard output and error, as they come. */
  readonly text: string;
  /** Only so many lines were recorded. */
  readonly lines?: number;
}

const recorded = JSON.parse(
  fs.readFileSync(new URL('../golden/ovs-ofctl-session.json', import.meta.url), 'utf8'),
) as { readonly files: Readonly<Record<string, string>>; readonly session: readonly Step[] };

/** These answer in the order of a hash table. */
const UNORDERED = /^(dump-groups|dump-group-stats|dump-ports|diff-flows|queue-stats|queue-get-config)$/;

/** Times, ages, places and addresses that are chosen by the machine. */
const timeless = (text: string, runDir: string): string =>
  text
    .replaceAll(runDir, 'RUN')
    .replace(/duration=[0-9.]+s/g, 'duration=T')
    .replace(/(idle|hard)_age=[0-9]+, /g, '')
    // The same between colours.
    .replace(/(duration=\S*m\S*K)[0-9.]+s/g, '$1T')
    .replace(/\S*(idle|hard)_age=\S*m\S*K[0-9]+, /g, '')
    .replace(/aa:55:aa:55:00:[0-9a-f]{2}/g, 'MAC')
    .replace(/duration_sec:[0-9]+/g, 'dur')
    .replace(/duration:[0-9.]+s/g, 'dur')
    .replace(/^\d{4}-\d\d-\d\dT[^|]*\|\d+\|/gm, 'TIME|N|');

function comparable({ args, lines }: Step, text: string): string[] {
  const all = text.split('\n');
  if (lines !== undefined) return all.slice(0, lines);
  return args.some((arg) => UNORDERED.test(arg)) ? all.sort() : all;
}

test('every command prints what the C tool prints with a C switch', async () => {
  const d = await Daemons.start('ours', 'switch', '--enable-dummy');
  try {
    d.tool(
      'ovs-vsctl',
      ...['add-br', 'b9', '--', 'set', 'bridge', 'b9', 'datapath_type=dummy', 'fail_mode=secure'],
      ...['other-config:datapath-id=00000000000000b9', 'other-config:hwaddr=aa:66:aa:66:00:09'],
    );
    for (const n of ['1', '2'])
      d.tool(
        'ovs-vsctl',
        ...[
          'add-port',
          'b9',
          `p${n}`,
          '--',
          'set',
          'interface',
          `p${n}`,
          'type=dummy',
          `ofport_request=${n}`,
        ],
      );
    for (const [name, text] of Object.entries(recorded.files)) fs.writeFileSync(path.join(d.dir, name), text);
    const output = path.join(d.dir, 'output');
    assert.ok(recorded.session.length > 200);
    for (const step of recorded.session) {
      const fd = fs.openSync(output, 'w');
      const { status } = spawnSync(program('ours', 'ovs-ofctl'), step.args, {
        cwd: d.dir,
        env: d.env,
        stdio: ['ignore', fd, fd],
        timeout: 30_000,
      });
      fs.closeSync(fd);
      const text = timeless(fs.readFileSync(output, 'utf8'), d.dir);
      const command = `ovs-ofctl ${step.args.join(' ')}`;
      assert.deepEqual(comparable(step, text), comparable(step, timeless(step.text, 'RUN')), command);
      if (step.lines === undefined) assert.equal(status, step.status, command);
    }
  } finally {
    await d.stop();
  }
});
