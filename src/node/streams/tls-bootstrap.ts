/**
 * Trust on first use: the first server that is connected to says which authority to trust from then on. It may be
 * anyone, so this is for a first contact on a trusted network only. See "--bootstrap-ca-cert" in ovsdb-server(1).
 */
import type { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import { SystemError } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { systemCall } from '../system-error.ts';

const log = vlog('stream_ssl');
const rl = new RateLimit(10, 25);

/** A peer's chain is a handful of certificates long. */
const MAX_CHAIN = 100;

/** The certificates from the peer's own to the one at the top. */
function chainOf(certificate: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let at = certificate; at && chain.length < MAX_CHAIN; at = at.issuerCertificate) {
    if (chain.at(-1)?.fingerprint256 === at.fingerprint256) break;
    chain.push(at);
  }
  return chain;
}

/**
 * Keeps the authority at the top of the peer's chain in `file`. The connection itself is to be dropped in any case, and
 * the next one to be verified.
 * @param peer the peer's certificate, with those that came with it
 * @returns the error with which the connection ends
 */
export function bootstrapAuthority(peer: X509Certificate | undefined, file: string): SystemError {
  const chain = chainOf(peer);
  const top = chain.at(-1);
  if (!top) {
    log.err('could not bootstrap CA cert: no certificate presented by peer');
    return new SystemError('EPROTO');
  }
  if (!top.checkIssued(top)) {
    log.err('could not bootstrap CA cert: obtained certificate is not self-signed (subject issuer mismatch)');
    if (chain.length < 2)
      log.err(
        'only one certificate was received, so probably the peer is not configured to send its CA certificate',
      );
    return new SystemError('EPROTO');
  }
  try {
    systemCall(() => fs.writeFileSync(file, top.toString(), { flag: 'wx', mode: 0o444 }));
  } catch (error) {
    const system = error as SystemError;
    if (system.code === 'EEXIST') {
      log.infoRl(rl, `reading CA cert ${file} created by another process`);
      return new SystemError('EPROTO');
    }
    log.err(`could not bootstrap CA cert: creating ${file} failed: ${system.message}`);
    return system;
  }
  log.info(`successfully bootstrapped CA cert to ${file}`);
  const subject = `/${top.subject.split('\n').join('/')}`;
  log.info(`Trusting CA cert from ${file} (${subject}) (fingerprint ${top.fingerprint.toLowerCase()})`);
  log.info('killing successful connection to retry using CA cert');
  return new SystemError('EPROTO');
}
