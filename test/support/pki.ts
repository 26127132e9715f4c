/** Certificate authorities and what they sign, made with the program openssl. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** Why tests that need certificates cannot run here; undefined when they can. */
export const whyNoOpenssl = (): string | undefined =>
  spawnSync('openssl', ['version']).status === 0 ? undefined : 'needs the Debian package openssl';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export class Authority {
  readonly cert: string;
  readonly #dir: string;
  readonly #name: string;

  /** @param dir where its files are put, with its name at the front */
  constructor(dir: string, name: string) {
    this.#dir = dir;
    this.#name = name;
    this.cert = this.#file('cacert');
    this.#openssl(
      ...['req', '-x509', ...NEW_KEY, '-keyout', this.#file('cakey'), '-out', this.cert, '-days', '3650'],
      ...['-subj', `/C=US/O=Open vSwitch/CN=${name}`],
    );
  }

  #file(what: string): string {
    return path.join(this.#dir, `${this.#name}-${what}.pem`);
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }

  /**
   * A key and the certificate for that common name.
   * @param altName of the owner too, such as 'IP:127.0.0.1'
   */
  sign(commonName: string, altName?: string): KeyPair {
    const [key, request, cert] = ['key', 'req', 'cert'].map((what) => this.#file(`${commonName}-${what}`));
    const extension = altName === undefined ? [] : ['-addext', `subjectAltName=${altName}`];
    this.#openssl(
      ...['req', '-new', ...NEW_KEY, '-keyout', key!, '-out', request!, '-subj', `/CN=${commonName}`],
      ...extension,
    );
    this.#openssl(
      ...['x509', '-req', '-in', request!, '-CA', this.cert, '-CAkey', this.#file('cakey')],
      ...['-CAcreateserial', '-days', '3650', '-copy_extensions', 'copy', '-out', cert!],
    );
    fs.rmSync(request!);
    return { key: key!, cert: cert! };
  }
}
