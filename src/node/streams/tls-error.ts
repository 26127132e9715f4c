/** What went wrong with TLS, in the words of OpenSSL, as the C programs log it. */
import type { TLSSocket } from 'node:tls';
import { SystemError } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { toSystemError } from '../system-error.ts';

const log = vlog('stream_ssl');
const rl = new RateLimit(10, 25);

/** The peer's certificate is not signed by whom we trust; Node has a code for each of the reasons. */
const VERIFY_FAILED = 'error:0A000086:SSL routines::certificate verify failed';

/** 'error:CODE:LIBRARY::REASON' of an error that OpenSSL raised; undefined for any other. */
export function opensslText(error: unknown): string | undefined {
  const { message } = error as Error;
  const parts = /error:([0-9A-F]{8}):([^:]*):[^:]*:([^:\n]*)/.exec(message);
  return parts ? `error:${parts[1]}:${parts[2]}::${parts[3]}` : undefined;
}

/** The text with which OpenSSL says that a system call failed. */
export const systemErrorText = (error: SystemError): string =>
  `error:${(0x80000000 + error.errno).toString(16)}:system library::${error.message}`;

/** Whether the peer's certificate did not please. Node's type does not tell that there may be no such error. */
export const isUnverified = ({ authorizationError }: TLSSocket): boolean =>
  ((authorizationError as Error | null | undefined) ?? undefined) !== undefined;

/**
 * Logs why a handshake failed.
 * @param step 'SSL_connect' or 'SSL_accept'
 * @param unverified whether it was for the peer's certificate
 */
export function logHandshakeError(step: string, error: unknown, unverified: boolean): SystemError {
  const text = unverified ? VERIFY_FAILED : opensslText(error);
  // What else Node reports here is that the peer went away.
  if (text === undefined) log.errRl(rl, `${step}: unexpected SSL_ERROR_ZERO_RETURN`);
  else log.warnRl(rl, `${step}: ${text}`);
  return new SystemError('EPROTO');
}

/** The error of an established connection. */
export function connectionError(error: Error): SystemError {
  const text = opensslText(error);
  if (text === undefined) {
    const system = toSystemError(error);
    log.warnRl(rl, `SSL_read: system error (${system.message})`);
    return system;
  }
  log.warnRl(rl, `SSL_read: ${text}`);
  return new SystemError('EIO');
}
