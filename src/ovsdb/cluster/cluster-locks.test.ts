import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SimEtcd } from '../../sim/sim-etcd.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { schemaFromJson } from '../schema.ts';
import { Clustered } from '../server/clustered.ts';
import { type LockHolder, type LockWaiter, ownsLock, unlockAll } from '../server/locks.ts';
import { createClusteredDatabase } from './create.ts';
import { Layout } from './layout.ts';

const SCHEMA = schemaFromJson({ name: 'db', tables: { T: { columns: { n: { type: 'integer' } } } } });

class Holder implements LockHolder {
  readonly waiters = new Map<string, LockWaiter>();
  readonly heard: string[] = [];
  notifyLock(method: 'locked' | 'stolen'): void {
    this.heard.push(method);
  }
}

class World {
  readonly host: SimHost;
  readonly etcd: SimEtcd;
  constructor(seed: number) {
    this.host = new SimHost(seed);
    this.etcd = new SimEtcd(this.host);
  }
  pass(ms: number): Promise<void> {
    return this.host.pass(ms, turn);
  }
  async create(): Promise<void> {
    void createClusteredDatabase(this.host, this.etcd.connect(), new Layout('p'), SCHEMA, {});
    await this.pass(100);
  }
  async server(): Promise<{ model: Clustered; cut(is: boolean): void }> {
    const client = this.etcd.connect();
    let model: Clustered | undefined;
    void Clustered.open(this.host, 'etcd:sim', client, 'p').then((opened) => {
      model = opened;
    });
    await this.pass(1000);
    return {
      model: model!,
      cut: (is) => {
        client.isCut = is;
      },
    };
  }
}

const lock = (model: Clustered, mode: 'lock' | 'steal' = 'lock'): Holder => {
  const holder = new Holder();
  model.locks.lock(holder, 'L', mode, (locked) => holder.heard.push(locked ? 'got' : 'waits'));
  return holder;
};

test('locks go round in the order in which they were asked for, over all servers', async () => {
  const world = new World(1);
  await world.create();
  const [a, b] = [await world.server(), await world.server()];
  const holders: Holder[] = [];
  for (const { model } of [a, b, a, b]) {
    holders.push(lock(model));
    await world.pass(10);
  }
  assert.deepEqual(
    holders.map(({ heard }) => heard),
    [['got'], ['waits'], ['waits'], ['waits']],
  );
  for (const [i, holder] of holders.entries()) {
    assert.deepEqual(
      holders.map((other) => ownsLock(other, 'L')),
      holders.map((other) => other === holder),
    );
    unlockAll(holder);
    await world.pass(10);
    assert.equal(holders[i + 1]?.heard.at(-1) ?? 'locked', 'locked');
  }
  assert.deepEqual(
    world.etcd.keys.filter((key) => key.includes('/lock/')),
    [],
  );
});

test('who steals a lock has it, and the victim gets it back if it had not stolen it', async () => {
  const world = new World(2);
  await world.create();
  const [a, b] = [await world.server(), await world.server()];
  const first = lock(a.model);
  await world.pass(10);
  const thief = lock(b.model, 'steal');
  await world.pass(10);
  const second = lock(a.model, 'steal');
  await world.pass(10);
  assert.deepEqual(first.heard, ['got', 'stolen']);
  assert.deepEqual(thief.heard, ['got', 'stolen']);
  assert.deepEqual(second.heard, ['got']);
  unlockAll(second);
  await world.pass(10);
  assert.deepEqual(first.heard, ['got', 'stolen', 'locked']);
  assert.deepEqual(thief.heard, ['got', 'stolen']);
});

test("the lock of a server that is cut off goes to the next, and is not the old owner's when that is back", async () => {
  const world = new World(3);
  await world.create();
  const [a, b] = [await world.server(), await world.server()];
  const old = lock(a.model);
  await world.pass(10);
  const next = lock(b.model);
  await world.pass(10);
  const guard = a.model.locks.guard('L');
  a.cut(true);
  await world.pass(15_000);
  assert.deepEqual(next.heard, ['waits', 'locked']);
  a.cut(false);
  await world.pass(5000);
  assert.deepEqual(old.heard, ['got', 'stolen']);
  assert.ok(!ownsLock(old, 'L') && ownsLock(next, 'L'));
  // It is in line again.
  unlockAll(next);
  await world.pass(10);
  assert.deepEqual(old.heard, ['got', 'stolen', 'locked']);
  assert.notDeepEqual(a.model.locks.guard('L'), guard);
});

test('a client that asks for a lock while etcd is away gets it later', async () => {
  const world = new World(4);
  await world.create();
  const a = await world.server();
  world.etcd.isDown = true;
  await world.pass(8000);
  const holder = lock(a.model);
  assert.deepEqual(holder.heard, ['waits']);
  world.etcd.isDown = false;
  await world.pass(8000);
  assert.deepEqual(holder.heard, ['waits', 'locked']);
});

test('at no time have two a lock that both could write under', async () => {
  for (let seed = 1; seed < 40; seed += 2) {
    const world = new World(seed);
    await world.create();
    const servers = [await world.server(), await world.server(), await world.server()];
    Object.assign(world.etcd.faults, { lostPerMille: 20, maxDelayMs: 40, latePerMille: 10 });
    const holders: { holder: Holder; server: (typeof servers)[number] }[] = [];
    const random = (n: number): number => world.host.random.u32() % n;
    for (let step = 0; step < 150; step++) {
      const server = servers[random(3)]!;
      if (random(3) > 0 && holders.length < 6) {
        holders.push({ holder: lock(server.model, random(5) === 0 ? 'steal' : 'lock'), server });
      } else if (holders.length > 0) {
        const [gone] = holders.splice(random(holders.length), 1);
        unlockAll(gone!.holder);
      }
      if (random(20) === 0) server.cut(random(2) === 0);
      await world.pass(random(2000));
      // Those whose transactions etcd would let pass now.
      const able = holders.filter(({ holder, server: { model } }) => {
        const { session } = model.member;
        if (!ownsLock(holder, 'L') || !session) return false;
        return [session.guard, model.locks.guard('L')].every(({ key, target, revision }) => {
          const stored = world.etcd.get(key);
          return ((target === 'mod' ? stored?.modRevision : stored?.createRevision) ?? 0) === revision;
        });
      });
      assert.ok(able.length <= 1, `seed ${seed}, step ${step}`);
    }
    Object.assign(world.etcd.faults, { lostPerMille: 0, maxDelayMs: 0, latePerMille: 0 });
    for (const { cut } of servers) cut(false);
    await world.pass(30_000);
    const owners = holders.filter(({ holder }) => ownsLock(holder, 'L'));
    assert.equal(owners.length, Math.min(holders.length, 1), `seed ${seed}: somebody has it in the end`);
    for (const { model } of servers) model.close();
  }
});
