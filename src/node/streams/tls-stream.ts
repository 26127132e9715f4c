/** A TLS connection whose handshake is done, as a `Stream`. */
import type { TLSSocket } from 'node:tls';
import type { Stream } from '../../base/host.ts';
import { NetStream } from './net-stream.ts';
import { connectionError } from './tls-error.ts';

/** The first common name in the peer's certificate. */
function peerCommonName(socket: TLSSocket): string | undefined {
  // There is no certificate of a peer that was not asked for one; of several names Node makes a list.
  const name = socket.getPeerCertificate().subject?.CN as string | readonly string[] | undefined;
  return typeof name === 'string' ? name : name?.[0];
}

export const tlsStream = (name: string, socket: TLSSocket): Stream =>
  new NetStream(name, socket, { toError: connectionError, peerId: peerCommonName(socket) });
