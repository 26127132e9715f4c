/** A TLS connection whose handshake is done, as a `Stream`. */
import type { TLSSocket } from 'node:tls';
import type { Stream } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import { NetStream } from './net-stream.ts';
import { connectionError } from './tls-error.ts';

const log = vlog('stream_ssl');

/** The first common name in the peer's certificate. */
function peerCommonName(socket: TLSSocket): string | undefined {
  // There is no certificate of a peer that was not asked for one; of several names Node makes a list.
  const name = socket.getPeerCertificate().subject?.CN as string | readonly string[] | undefined;
  return typeof name === 'string' ? name : name?.[0];
}

/** @param serverName which the client asked for */
export function tlsStream(name: string, socket: TLSSocket, serverName: string | undefined): Stream {
  if (serverName !== undefined) log.dbg(`connection indicated server name ${serverName}`);
  return new NetStream(name, socket, { toError: connectionError, peerId: peerCommonName(socket) });
}
