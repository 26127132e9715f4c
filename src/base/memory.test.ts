import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureLog } from '../../test/support/log-capture.ts';
import { SimHost } from '../sim/sim-host.ts';
import { watchMemory } from './memory.ts';
import { UnixctlCommands } from './unixctl.ts';

test('memory is reported at first and when it has grown by half', async () => {
  const host = new SimHost();
  let peakKb = 1000;
  Object.assign(host, { peakResidentKb: () => peakKb });
  const { lines, stop } = captureLog(['info']);
  try {
    const commands = new UnixctlCommands('test');
    watchMemory(
      host,
      commands,
      () =>
        new Map([
          ['rows', 5],
          ['cells', 2],
        ]),
    );
    host.run(30_000);
    peakKb = 1400;
    host.run(30_000);
    peakKb = 1500;
    host.run(30_000);
    assert.deepEqual(lines, [
      'memory|INFO|1000 kB peak resident set size after 10.0 seconds',
      'memory|INFO|cells:2 rows:5',
      'memory|INFO|peak resident set size grew 50% in last 60.0 seconds, from 1000 kB to 1500 kB',
      'memory|INFO|cells:2 rows:5',
    ]);
    assert.equal(await commands.execute('memory/show', [], { format: 'text' }), 'cells:2 rows:5');
  } finally {
    stop();
  }
});
