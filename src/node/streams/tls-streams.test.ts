import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { captureLog } from '../../../test/support/log-capture.ts';
import { Authority, type KeyPair, whyNoOpenssl } from '../../../test/support/pki.ts';
import type { Listener, Stream, TlsSettings } from '../../base/host.ts';
import { setVlogFromSpec } from '../../base/vlog.ts';
import { NodeStreams } from './streams.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-tls-'));
const log = captureLog(['err', 'warn', 'info', 'dbg']);
setVlogFromSpec('stream_ssl:file:dbg');
after(() => {
  log.stop();
  fs.rmSync(dir, { recursive: true });
});

/** The lines that were logged meanwhile. */
async function logged(work: () => Promise<unknown>): Promise<string[]> {
  log.lines.length = 0;
  await work();
  return log.lines.map((line) => line.replace('stream_ssl|', ''));
}

async function until(what: string, check: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (check()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.fail(`waited in vain for ${what}`);
}

const settings = (pair: KeyPair, caCert: string, more: TlsSettings = {}): TlsSettings => ({
  privateKey: pair.key,
  certificate: pair.cert,
  caCert,
  ...more,
});

function streamsWith(tls: TlsSettings): NodeStreams {
  const streams = new NodeStreams(dir, false);
  streams.configureTls(tls);
  return streams;
}

const connect = (streams: NodeStreams, port: number): Promise<Stream> =>
  new Promise((connected, failed) => streams.connect(`ssl:127.0.0.1:${port}`, 0, { connected, failed }));

/** A server that sends back what it gets. */
class EchoServer {
  static readonly all: EchoServer[] = [];
  readonly accepted: Stream[] = [];
  readonly ended: Stream[] = [];
  readonly listener: Listener;
  private constructor(listener: Listener) {
    this.listener = listener;
  }
  static async start(streams: NodeStreams): Promise<EchoServer> {
    const server = new EchoServer(
      await streams.listen('pssl:0:127.0.0.1', 0, (stream) => {
        server.accepted.push(stream);
        stream.events = {
          data: (bytes) => stream.send(bytes.slice()),
          close: () => void server.ended.push(stream),
        };
      }),
    );
    EchoServer.all.push(server);
    return server;
  }
  get port(): number {
    return this.listener.port!;
  }
  close(): void {
    this.listener.close();
    for (const stream of this.accepted) stream.close();
  }
}

/** Sends text and waits for it to come back. */
function echo(stream: Stream, text: string): Promise<string> {
  let got = '';
  return new Promise((resolve, reject) => {
    stream.events = {
      data: (bytes) => {
        got += Buffer.from(bytes).toString();
        if (got.length >= text.length) resolve(got);
      },
      close: (error) => reject(error ?? new Error('End of file')),
    };
    stream.send(Buffer.from(text));
  });
}

describe('TLS streams', { skip: whyNoOpenssl() ?? false, timeout: 60_000 }, () => {
  let ca: Authority;
  let foreign: Authority;
  let alice: KeyPair;
  let bob: KeyPair;
  let mallory: KeyPair;
  let server: EchoServer;

  before(async () => {
    ca = new Authority(dir, 'ca');
    foreign = new Authority(dir, 'foreign');
    alice = ca.sign('alice');
    bob = ca.sign('bob');
    mallory = foreign.sign('mallory');
    server = await EchoServer.start(streamsWith(settings(alice, ca.cert)));
  });
  after(() => {
    for (const one of EchoServer.all) one.close();
  });

  test('both sides know the name in the other certificate, and a megabyte goes each way', async () => {
    const stream = await connect(streamsWith(settings(bob, ca.cert)), server.port);
    assert.equal(stream.name, `ssl:127.0.0.1:${server.port}`);
    assert.equal(stream.peerId, 'alice');
    const text = 'x'.repeat(1 << 20);
    assert.ok((await echo(stream, text)) === text);
    const accepted = server.accepted.at(-1)!;
    assert.equal(accepted.peerId, 'bob');
    assert.equal(accepted.name, `ssl:127.0.0.1:${stream.local!.port}`);
    stream.end();
    await until('the end', () => server.ended.includes(accepted));
  });

  test('a peer that does not read makes a backlog, and its end is told once it does', async () => {
    const client = await connect(streamsWith(settings(bob, ca.cert)), server.port);
    await until('the server', () => server.accepted.at(-1)?.remote?.port === client.local!.port);
    const sending = server.accepted.at(-1)!;
    client.pause();
    let drained = 0;
    sending.events = { data() {}, close() {}, drain: () => drained++ };
    const total = 16 << 20;
    for (let sent = 0; sent < total; sent += 1 << 20) sending.send(new Uint8Array(1 << 20));
    await new Promise((done) => setTimeout(done, 100));
    assert.ok(sending.backlog > 0);
    assert.equal(drained, 0);
    let got = 0;
    client.events = { data: (bytes) => (got += bytes.length), close() {} };
    client.resume();
    await until('everything', () => got === total && drained === 1);
    assert.equal(sending.backlog, 0);
    client.close();
  });

  test('what is missing in the settings is told, and nothing is sent', async () => {
    const port = server.port;
    const lines = await logged(() =>
      assert.rejects(connect(new NodeStreams(dir, false), port), { code: 'ENOPROTOOPT' }),
    );
    assert.deepEqual(lines, [
      'ERR|Private key must be configured to use SSL',
      'ERR|Certificate must be configured to use SSL',
      'ERR|CA certificate must be configured to use SSL',
    ]);
  });

  test('files that are not there or no certificates are told', async () => {
    const port = server.port;
    const missing = path.join(dir, 'missing');
    const text = path.join(dir, 'text');
    fs.writeFileSync(text, 'no certificate');
    const lines = await logged(async () => {
      const tls = { privateKey: missing, certificate: text, caCert: text, peerCaCert: missing };
      await assert.rejects(connect(streamsWith(tls), port), { code: 'ENOPROTOOPT' });
    });
    assert.deepEqual(lines, [
      'ERR|SSL_use_PrivateKey_file: error:80000002:system library::No such file or directory',
      'ERR|SSL_use_certificate_file: error:0480006C:PEM routines::no start line',
      `ERR|failed to load client certificates from ${text}: error:0480006C:PEM routines::no start line`,
      `ERR|failed to open ${missing} for reading: No such file or directory`,
      'ERR|Private key must be configured to use SSL',
      'ERR|Certificate must be configured to use SSL',
    ]);
  });

  test('a key that is not that of the certificate is told', async () => {
    const tls = { privateKey: alice.key, certificate: bob.cert, caCert: ca.cert };
    const lines = await logged(() =>
      assert.rejects(connect(streamsWith(tls), server.port), { code: 'ENOPROTOOPT' }),
    );
    assert.match(lines[0]!, /^ERR\|Private key does not match certificate public key: error:05800074:/);
  });

  test('a server that our authority did not sign is refused', async () => {
    const lines = await logged(() =>
      assert.rejects(connect(streamsWith(settings(bob, foreign.cert)), server.port), { code: 'EPROTO' }),
    );
    assert.ok(lines.includes('WARN|SSL_connect: error:0A000086:SSL routines::certificate verify failed'));
  });

  test('a client that our authority did not sign gets nothing', async () => {
    const n = server.accepted.length;
    const lines = await logged(async () => {
      const stream = await connect(streamsWith(settings(mallory, ca.cert)), server.port);
      await assert.rejects(echo(stream, 'hello'));
      await until('the log', () => log.lines.some((line) => line.includes('SSL_accept')));
    });
    assert.ok(lines.includes('WARN|SSL_accept: error:0A000086:SSL routines::certificate verify failed'));
    assert.equal(server.accepted.length, n);
  });

  test("with authority 'none' everyone is trusted, and nobody has a name", async () => {
    const trusting = await EchoServer.start(streamsWith(settings(alice, 'none')));
    const stream = await connect(streamsWith(settings(mallory, 'none')), trusting.port);
    assert.equal(await echo(stream, 'hello'), 'hello');
    assert.equal(trusting.accepted[0]!.peerId, undefined);
    stream.close();
  });

  test('versions and ciphers that do not meet end the handshake', async () => {
    const old = await EchoServer.start(streamsWith(settings(alice, ca.cert, { protocols: 'TLSv1.2' })));
    for (const more of [{ protocols: 'TLSv1.3' }, { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }]) {
      const lines = await logged(() =>
        assert.rejects(connect(streamsWith(settings(bob, ca.cert, more)), old.port), { code: 'EPROTO' }),
      );
      assert.ok(
        lines.some((line) => /^WARN\|SSL_connect: error:0A0.*alert/.test(line)),
        lines.join('\n'),
      );
    }
    const stream = await connect(streamsWith(settings(bob, ca.cert)), old.port);
    assert.equal(await echo(stream, 'hello'), 'hello');
    stream.close();
  });

  test('files that are replaced count from the next connection on, and only as a matching pair', async () => {
    const [key, cert] = [path.join(dir, 'now-key.pem'), path.join(dir, 'now-cert.pem')];
    fs.copyFileSync(alice.key, key);
    fs.copyFileSync(alice.cert, cert);
    const changing = await EchoServer.start(streamsWith(settings({ key, cert }, ca.cert)));
    const client = streamsWith(settings(bob, ca.cert));
    const first = await connect(client, changing.port);
    assert.equal(first.peerId, 'alice');
    const carol = ca.sign('carol');
    fs.copyFileSync(carol.key, key);
    const between = await connect(client, changing.port);
    assert.equal(between.peerId, 'alice');
    fs.copyFileSync(carol.cert, cert);
    const second = await connect(client, changing.port);
    assert.equal(second.peerId, 'carol');
    assert.equal(await echo(first, 'still here'), 'still here');
    for (const stream of [first, between, second]) stream.close();
  });

  test('the first server says who the authority is, once', async () => {
    const file = path.join(dir, 'bootstrapped.pem');
    const sending = await EchoServer.start(streamsWith(settings(alice, ca.cert, { peerCaCert: ca.cert })));
    const client = streamsWith(settings(bob, file, { bootstrapCaCert: true }));
    const lines = await logged(() => assert.rejects(connect(client, sending.port), { code: 'EPROTO' }));
    const own = lines.filter((line) => line.startsWith('INFO'));
    assert.equal(own[0], `INFO|successfully bootstrapped CA cert to ${file}`);
    assert.match(
      own[1]!,
      /^INFO\|Trusting CA cert from .* \(\/C=US\/O=Open vSwitch\/CN=ca\) \(fingerprint [0-9a-f:]{59}\)$/,
    );
    assert.equal(fs.readFileSync(file, 'utf8'), fs.readFileSync(ca.cert, 'utf8'));
    assert.equal(fs.statSync(file).mode & 0o777, 0o444);
    const stream = await connect(client, sending.port);
    assert.equal(stream.peerId, 'alice');
    stream.close();

    const impostor = await EchoServer.start(streamsWith(settings(mallory, ca.cert)));
    await assert.rejects(connect(client, impostor.port), { code: 'EPROTO' });
  });

  test('an authority that does not vouch for itself is not taken', async () => {
    const file = path.join(dir, 'never.pem');
    const alone = await EchoServer.start(streamsWith(settings(mallory, ca.cert)));
    const client = streamsWith(settings(bob, file, { bootstrapCaCert: true }));
    const lines = await logged(() => assert.rejects(connect(client, alone.port), { code: 'EPROTO' }));
    const told = (text: RegExp): boolean => lines.some((line) => text.test(line));
    assert.ok(told(/^ERR\|could not bootstrap CA cert: obtained certificate is not self-signed/));
    assert.ok(told(/^ERR\|only one certificate was received/));
    assert.ok(!fs.existsSync(file));
  });

  test('a client asks for the server by the name in its target, or by the one that it is given', async () => {
    const asked = async (target: string, more: TlsSettings): Promise<string[]> => {
      const lines = await logged(async () => {
        const streams = streamsWith(settings(bob, ca.cert, more));
        const stream = await new Promise<Stream>((connected, failed) =>
          streams.connect(`ssl:${target}:${server.port}`, 0, { connected, failed }),
        );
        await echo(stream, 'hello');
        stream.close();
      });
      return lines.filter((line) => line.includes('server name'));
    };
    const line = (name: string): string => `DBG|connection indicated server name ${name}`;
    assert.deepEqual(await asked('127.0.0.1', {}), []);
    assert.deepEqual(await asked('localhost', {}), [line('localhost'), line('localhost')]);
    assert.deepEqual(await asked('127.0.0.1', { serverName: 'db.example' }), [
      line('db.example'),
      line('db.example'),
    ]);
  });

  test('peers that speak in plain are told of and cut off', async () => {
    const lines = await logged(async () => {
      const socket = net.connect(server.port, '127.0.0.1', () => socket.write('{"id":0}'));
      await new Promise((closed) => socket.resume().once('close', closed));
      await until('the log', () => log.lines.some((line) => line.includes('JSON-RPC')));
    });
    assert.ok(lines.includes('WARN|SSL_accept: error:0A00010B:SSL routines::wrong version number'));
    assert.ok(lines.some((line) => /^WARN\|ssl:.*: received JSON-RPC data on SSL\/TLS channel$/.test(line)));
    assert.ok(lines.some((line) => /WARN\|ssl:.*: connection dropped \(Protocol error\)$/.test(line)));
  });

  test('any number of peers that say nothing keeps nobody out', async () => {
    const silent: net.Socket[] = [];
    const closed = new Set<net.Socket>();
    for (let i = 0; i < 300; i++) {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume().once('close', () => closed.add(socket));
      silent.push(socket);
      await new Promise((connected) => socket.once('connect', connected));
    }
    const stream = await connect(streamsWith(settings(bob, ca.cert)), server.port);
    assert.equal(await echo(stream, 'hello'), 'hello');
    await until('the oldest to be dropped', () => closed.size >= 300 - 256);
    assert.ok(closed.has(silent[0]!));
    assert.ok(!closed.has(silent.at(-1)!));
    stream.close();
    for (const socket of silent) socket.destroy();
  });

  test('a listener that is closed drops whom it has not accepted yet', async () => {
    const short = await EchoServer.start(streamsWith(settings(alice, ca.cert)));
    const socket = net.connect(short.port, '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((connected) => socket.once('connect', connected));
    // Once this one is through, the server has seen the other.
    (await connect(streamsWith(settings(bob, ca.cert)), short.port)).close();
    short.close();
    await new Promise((closed) => socket.resume().once('close', closed));
  });
});
