import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Stream, SystemError } from '../../base/host.ts';
import { NodeStreams } from './streams.ts';
import { parseTarget } from './target.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-ts-streams-'));
after(() => fs.rmSync(dir, { recursive: true }));

const connect = (streams: NodeStreams, target: string): Promise<Stream> =>
  new Promise((connected, failed) => streams.connect(target, 0, { connected, failed }));

test('targets are parsed as the C implementation does', () => {
  const t = (name: string) => parseTarget(name, 6640, '/run');
  assert.deepEqual(t('tcp:1.2.3.4:5'), { kind: 'tcp', host: '1.2.3.4', port: 5, passive: false });
  assert.deepEqual(t('tcp:[::1]'), { kind: 'tcp', host: '::1', port: 6640, passive: false });
  assert.deepEqual(t('ptcp:0:[::1]'), { kind: 'tcp', host: '::1', port: 0, passive: true });
  assert.deepEqual(t('ptcp:'), { kind: 'tcp', host: '', port: 6640, passive: true });
  assert.deepEqual(t('pssl:1:127.0.0.1'), { kind: 'ssl', host: '127.0.0.1', port: 1, passive: true });
  assert.deepEqual(t('unix:a.sock'), { kind: 'unix', path: '/run/a.sock', passive: false });
  for (const bad of ['', 'x', 'foo:1', 'tcp:', 'tcp:h:99999', 'ptcp:x'])
    assert.throws(() => t(bad), { code: 'EAFNOSUPPORT' });
});

for (const quick of [false, true]) {
  const how = quick ? 'a quick pipe' : 'node:net';

  test(`a Unix connection over ${how} carries a megabyte each way and sees the end`, async () => {
    const streams = new NodeStreams(dir, quick);
    const file = path.join(dir, `s${quick}`);
    const listener = await streams.listen(`punix:${file}`, 0, (stream) => {
      let n = 0;
      stream.events = {
        data: (b) => {
          n += b.length;
          stream.send(b.slice());
          if (n === 1 << 20) stream.end();
        },
        close: () => {},
      };
    });
    const client = await connect(streams, `unix:${file}`);
    let got = 0;
    const closed = new Promise<SystemError | undefined>((close) => {
      client.events = { data: (b) => void (got += b.length), close };
    });
    for (let i = 0; i < 16; i++) client.send(new Uint8Array(1 << 16).fill(i));
    assert.equal(await closed, undefined);
    assert.equal(got, 1 << 20);
    listener.close();
    assert.equal(fs.existsSync(file), false);
  });

  test(`a missing Unix socket fails with ENOENT over ${how}`, async () => {
    await assert.rejects(connect(new NodeStreams(dir, quick), `unix:${dir}/none`), { code: 'ENOENT' });
  });

  test(`a socket path that is too long fails with ENAMETOOLONG over ${how}`, async () => {
    await assert.rejects(connect(new NodeStreams(dir, quick), `unix:${dir}/${'x'.repeat(120)}`), {
      code: 'ENAMETOOLONG',
    });
  });
}

test('text and bytes arrive in the order in which they were sent, and the backlog drains', async () => {
  const streams = new NodeStreams(dir, false);
  const file = path.join(dir, 'text');
  const text = 'é€😀'.repeat(100_000);
  let drained = 0;
  const listener = await streams.listen(`punix:${file}`, 0, (stream) => {
    stream.events = {
      data: () => {
        stream.send(Uint8Array.of(0x3c));
        stream.sendText!(text);
        stream.sendText!('');
        stream.send(Uint8Array.of(0x3e));
      },
      close: () => {},
      drain: () => {
        drained++;
        assert.equal(stream.backlog, 0);
        stream.end();
      },
    };
  });
  const client = await connect(streams, `unix:${file}`);
  const parts: Uint8Array[] = [];
  const closed = new Promise((close) => {
    client.events = { data: (bytes) => void parts.push(bytes.slice()), close };
  });
  client.send(Uint8Array.of(1));
  assert.equal(await closed, undefined);
  // Not a comparison that prints a megabyte.
  assert.ok(Buffer.concat(parts).toString() === `<${text}>`);
  assert.equal(drained, 1);
  listener.close();
});

test('a listener on TCP port 0 says which port it got, and a closed port refuses', async () => {
  const streams = new NodeStreams(dir, false);
  const names: string[] = [];
  const listener = await streams.listen('ptcp:0:127.0.0.1', 0, (stream) => {
    names.push(stream.name);
    stream.events = { data: () => {}, close: () => {} };
  });
  assert.ok(listener.port! > 0);
  assert.equal(listener.name, `ptcp:${listener.port}:127.0.0.1`);
  const client = await connect(streams, `tcp:127.0.0.1:${listener.port}`);
  assert.equal(client.remote?.port, listener.port);
  client.close();
  listener.close();
  await assert.rejects(connect(streams, `tcp:127.0.0.1:${listener.port}`), { code: 'ECONNREFUSED' });
});
