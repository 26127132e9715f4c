import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Http, HttpEvents } from '../../base/host.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { EtcdClient } from './etcd-client.ts';
import { KvError, type KvEvent } from './kv.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A client whose requests a test answers itself. */
function client() {
  const host = new SimHost();
  const requests: { url: string; body: unknown; events: HttpEvents; isStopped: boolean }[] = [];
  const http: Http = {
    post(url, json, events) {
      const request = { url, body: JSON.parse(json) as unknown, events, isStopped: false };
      requests.push(request);
      return () => {
        request.isStopped = true;
      };
    },
  };
  const etcd = new EtcdClient(host, http, ['http://a', 'http://b'], 0);
  const answer = (status: number, json: unknown, i = requests.length - 1): void => {
    const { events } = requests[i]!;
    events.data(status, JSON.stringify(json));
    events.end(status);
  };
  return { host, etcd, requests, answer };
}

const failure = async (promise: Promise<unknown>): Promise<KvError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof KvError);
  return error;
};

test('a transaction and its results', async () => {
  const { etcd, requests, answer } = client();
  const result = etcd.transact({
    guards: [
      { key: 'k', target: 'mod', revision: 7 },
      { key: 'k', target: 'create', revision: 0 },
    ],
    success: [{ op: 'put', key: 'k', value: 'ä', lease: '5' }],
    failure: [
      { op: 'get', key: 'a', end: 'b', limit: 3, keysOnly: true },
      { op: 'delete', key: 'c' },
    ],
  });
  assert.equal(requests[0]!.url, 'http://a/v3/kv/txn');
  assert.deepEqual(requests[0]!.body, {
    compare: [
      { key: base64('k'), result: 'EQUAL', target: 'MOD', mod_revision: 7 },
      { key: base64('k'), result: 'EQUAL', target: 'CREATE', create_revision: 0 },
    ],
    success: [{ request_put: { key: base64('k'), value: base64('ä'), lease: '5' } }],
    failure: [
      { request_range: { key: base64('a'), range_end: base64('b'), limit: 3, keys_only: true } },
      { request_delete_range: { key: base64('c') } },
    ],
  });
  // As etcd 3.4 answers: what is empty or false is not there.
  answer(200, {
    header: { revision: '9' },
    responses: [
      {
        response_range: {
          kvs: [{ key: base64('a1'), create_revision: '2', mod_revision: '3', version: '1' }],
        },
      },
      { response_delete_range: {} },
    ],
  });
  assert.deepEqual(await result, {
    succeeded: false,
    revision: 9,
    results: [[{ key: 'a1', value: '', createRevision: 2, modRevision: 3 }], []],
  });
});

test('what is known of requests that fail, and that another member is spoken to then', async () => {
  const { host, etcd, requests, answer } = client();
  const begin = (): Promise<unknown> => etcd.transact({ guards: [], success: [] });
  let failed = failure(begin());
  answer(400, { error: 'etcdserver: request is too large', code: 3 });
  assert.equal((await failed).kind, 'refused');
  assert.equal(etcd.endpoint, 'http://a');

  failed = failure(begin());
  answer(503, { error: 'etcdserver: request timed out', code: 14 });
  assert.equal((await failed).kind, 'unknown');
  assert.equal(etcd.endpoint, 'http://b');

  failed = failure(begin());
  requests.at(-1)!.events.failed(new Error('Connection refused'), false);
  assert.equal((await failed).kind, 'unreachable');
  assert.equal(etcd.endpoint, 'http://a');

  failed = failure(begin());
  requests.at(-1)!.events.failed(new Error('Connection reset by peer'), true);
  assert.equal((await failed).kind, 'unknown');

  failed = failure(begin());
  await host.pass(3000, turn);
  assert.equal((await failed).kind, 'unknown');
  assert.ok(requests.at(-1)!.isStopped);

  failed = failure(begin());
  requests.at(-1)!.events.data(200, 'not JSON');
  requests.at(-1)!.events.end(200);
  assert.equal((await failed).kind, 'unknown');
});

test('a watch tells changes as they come, in lines that may be cut anywhere, until it ends', async () => {
  const { etcd, requests } = client();
  const heard: KvEvent[] = [];
  const ended: string[] = [];
  etcd.watch('p/', 5, { changed: (events) => heard.push(...events), ended: (why) => ended.push(why) });
  assert.deepEqual(requests[0]!.body, {
    create_request: { key: base64('p/'), range_end: base64('p0'), start_revision: 5 },
  });
  const text = [
    { result: { header: { revision: '4' }, created: true } },
    {
      result: {
        header: { revision: '6' },
        events: [
          { kv: { key: base64('p/a'), value: base64('v'), create_revision: '5', mod_revision: '5' } },
          { type: 'DELETE', kv: { key: base64('p/b'), mod_revision: '6' } },
        ],
      },
    },
    { result: { header: { revision: '6' }, canceled: true, compact_revision: '9' } },
  ]
    .map((reply) => `${JSON.stringify(reply)}\n`)
    .join('');
  for (const character of text) if (ended.length === 0) requests[0]!.events.data(200, character);
  assert.deepEqual(heard, [
    { type: 'put', key: 'p/a', value: 'v', createRevision: 5, modRevision: 5 },
    { type: 'delete', key: 'p/b', modRevision: 6 },
  ]);
  assert.deepEqual(ended, ['compacted']);
  assert.ok(requests[0]!.isStopped);
});

test('leases: granted, kept alive, and gone', async () => {
  const { etcd, requests, answer } = client();
  const granted = etcd.grantLease(10);
  answer(200, { header: {}, ID: '7587857431', TTL: '10' });
  assert.equal(await granted, '7587857431');
  let alive = etcd.keepAlive('7587857431');
  answer(200, { result: { header: {}, ID: '7587857431', TTL: '10' } });
  assert.equal(await alive, true);
  alive = etcd.keepAlive('7587857431');
  answer(200, { result: { header: {}, ID: '7587857431' } });
  assert.equal(await alive, false);
  assert.deepEqual(requests.at(-1)!.body, { ID: '7587857431' });
});

test('closing ends what is under way', async () => {
  const { etcd, requests } = client();
  const failed = failure(etcd.transact({ guards: [], success: [] }));
  etcd.watch('p/', 1, { changed: () => {}, ended: () => {} });
  etcd.close();
  assert.equal((await failed).kind, 'unknown');
  assert.ok(requests.every(({ isStopped }) => isStopped));
});
