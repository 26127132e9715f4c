/** The IDL on real sockets, against our database server and Debian's: what a program sees over restarts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeHost } from '../../src/node/host.ts';
import { Idl } from '../../src/ovsdb/idl/idl.ts';
import { update } from '../../src/ovsdb/idl/update.ts';
import { type OpenVswitchSchema, openVswitchSchema } from '../../src/ovsdb/schemas/open-vswitch.ts';
import { Daemons, type Side, whyNoDebian } from '../support/daemons.ts';

type OvsIdl = Idl<OpenVswitchSchema>;

/** Waits until something holds of the replica. */
async function until(idl: OvsIdl, holds: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(30_000);
  const late = new Promise<never>((_, reject) => {
    deadline.addEventListener('abort', () => reject(new Error(`in vain: ${holds}`)));
  });
  while (!holds()) await Promise.race([idl.nextChange(), late]);
}

function connect(remotes: readonly string[], prepare: (idl: OvsIdl) => void): OvsIdl {
  const idl = new Idl(new NodeHost(), openVswitchSchema);
  prepare(idl);
  idl.connect(remotes);
  return idl;
}

const names = (idl: OvsIdl): string[] => [...idl.rows('Bridge')].map((bridge) => bridge.name).sort();

for (const side of ['ours', 'theirs'] as const satisfies readonly Side[]) {
  const options = { skip: side === 'theirs' && whyNoDebian() };
  const addBridge = (d: Daemons, name: string): string => d.tool('ovs-vsctl', '--no-wait', 'add-br', name);

  test(
    `a program misses and repeats nothing when the server is killed and restarted (${side})`,
    options,
    async (t) => {
      const d = await Daemons.start(side, 'db');
      t.after(() => d.stop());
      addBridge(d, 'before');
      const idl = connect([`unix:${d.socket}`], (made) => {
        made.monitor('Bridge', ['name', 'fail_mode']);
        made.trackChanges();
      });
      t.after(() => idl.close());
      await until(idl, () => idl.hasContents);
      const kinds = () =>
        idl
          .takeChanges('Bridge')
          .map(({ kind, row }) => `${kind} ${row.name}`)
          .sort();
      assert.deepEqual(kinds(), ['inserted before']);
      const bridge = idl.first('Bridge');
      await d.kill('ovsdb-server', 'SIGKILL');
      await until(idl, () => !idl.isConnected);
      d.tool('ovsdb-tool', 'compact', `${d.dir}/conf.db`);
      await d.run('ovsdb-server');
      addBridge(d, 'meanwhile');
      d.tool('ovs-vsctl', '--no-wait', 'set-fail-mode', 'before', 'secure');
      await until(
        idl,
        () => idl.isConnected && names(idl).includes('meanwhile') && bridge!.fail_mode !== undefined,
      );
      assert.deepEqual(kinds(), ['inserted meanwhile', 'modified before']);
      assert.equal(idl.row('Bridge', bridge!._uuid), bridge);
    },
  );

  test(`conditions change on line (${side})`, options, async (t) => {
    const d = await Daemons.start(side, 'db');
    t.after(() => d.stop());
    for (const name of ['a', 'b']) addBridge(d, name);
    const idl = connect([`unix:${d.socket}`], (made) => {
      made.monitor('Bridge', ['name']);
      made.setCondition('Bridge', [made.where('Bridge', 'name', '==', 'a')]);
    });
    t.after(() => idl.close());
    await until(idl, () => idl.hasContents);
    assert.deepEqual(names(idl), ['a']);
    idl.setCondition('Bridge', [idl.where('Bridge', 'name', '!=', 'a')]);
    await until(idl, () => idl.conditionsInEffect);
    assert.deepEqual(names(idl), ['b']);
    idl.setCondition('Bridge', true);
    await until(idl, () => idl.conditionsInEffect);
    assert.deepEqual(names(idl), ['a', 'b']);
  });

  test(`two programs that count together lose nothing (${side})`, options, async (t) => {
    const d = await Daemons.start(side, 'db');
    t.after(() => d.stop());
    const clients = [1, 2].map(() =>
      connect([`unix:${d.dir}/nobody`, `unix:${d.socket}`], (made) =>
        made.monitor('Open_vSwitch', ['next_cfg']),
      ),
    );
    t.after(() => {
      for (const idl of clients) idl.close();
    });
    const count = async (idl: OvsIdl): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        await update(idl, (txn) => {
          const row = idl.first('Open_vSwitch')!;
          txn.verify(row, 'next_cfg');
          txn.set(row, { next_cfg: row.next_cfg + 1 });
        });
      }
    };
    await Promise.all(clients.map(count));
    assert.equal(d.tool('ovs-vsctl', '--no-wait', 'get', 'open', '.', 'next_cfg'), '40\n');
  });
}
