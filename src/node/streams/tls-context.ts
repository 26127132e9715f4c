/**
 * The state behind TLS connections: key, certificate and the peers' authority from their files, and which versions and
 * ciphers are allowed. The files are looked at again whenever a connection is about to be made, so what replaces them is
 * in use from the next connection on; what cannot be used is logged once and leaves the former in force.
 * C counterpart: the configuration part of lib/stream-ssl.c.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import tls from 'node:tls';
import { SystemError, type TlsSettings } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { systemCall } from '../system-error.ts';
import { opensslText, systemErrorText } from './tls-error.ts';
import { DEFAULT_TLS_VERSIONS, parseTlsProtocols, type TlsVersions } from './tls-protocols.ts';

const log = vlog('stream_ssl');
const rl = new RateLimit(10, 25);

const DEFAULT_CIPHERS = 'DEFAULT:@SECLEVEL=2';
/** OpenSSL's own choice, which Node does not leave to it. */
const DEFAULT_CIPHERSUITES = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
const NO_CIPHER = 'error:0A0000B9:SSL routines::no cipher match';
const NO_PEM = 'error:0480006C:PEM routines::no start line';
const NOT_MATCHING = 'error:05800074:x509 certificate routines::key values mismatch';

/** What connections are made with; another object after each change. */
export interface TlsParameters {
  readonly secure: tls.SecureContextOptions;
  readonly context: tls.SecureContext;
  /** Whether peers have to show a certificate that the authority signed. */
  readonly verifies: boolean;
  /** Whether the next server says who the authority is: the name of the file to keep that in. */
  readonly bootstrapTo: string | undefined;
}

/** A file of which changes are noticed by its name and time of modification. */
class WatchedFile {
  name: string | undefined;
  #mtimeNs: bigint | undefined;

  /** @returns whether it is another than the last time */
  follow(name: string | undefined): boolean {
    if (name === undefined) return false;
    let mtimeNs: bigint | undefined;
    try {
      mtimeNs = systemCall(() => fs.statSync(name, { bigint: true, throwIfNoEntry: false })?.mtimeNs);
    } catch (error) {
      log.errRl(rl, `${name}: stat failed (${(error as SystemError).message})`);
    }
    if (name === this.name && mtimeNs === this.#mtimeNs) return false;
    this.name = name;
    this.#mtimeNs = mtimeNs;
    return true;
  }

  get exists(): boolean {
    return this.#mtimeNs !== undefined;
  }
}

/** The certificates in a file. @throws Error worded by OpenSSL */
function certificatesIn(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*-----/g);
  if (!blocks) throw new Error(NO_PEM);
  return blocks.map((block) => new X509Certificate(block));
}

/** Makes something of a file, or logs why that is not possible. */
function load<T>(file: string, what: string, parse: (text: string) => T): T | undefined {
  try {
    return parse(systemCall(() => fs.readFileSync(file, 'latin1')));
  } catch (error) {
    const text = error instanceof SystemError ? systemErrorText(error) : opensslText(error);
    log.err(`${what}: ${text ?? (error as Error).message}`);
    return undefined;
  }
}

type Authority =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'bootstrap' }
  /** None at all when the file could not be read, and so nobody is trusted. */
  | { readonly kind: 'certificates'; readonly pem: readonly string[] };

interface Identity {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
}

export class TlsContext {
  readonly #keyFile = new WatchedFile();
  readonly #certificateFile = new WatchedFile();
  readonly #caFile = new WatchedFile();
  #settings: TlsSettings = {};
  #key: KeyObject | undefined;
  #certificate: X509Certificate | undefined;
  /** The last key and certificate that belonged together. */
  #identity: Identity | undefined;
  #authority: Authority | undefined;
  #extra: readonly X509Certificate[] = [];
  #versions: TlsVersions = DEFAULT_TLS_VERSIONS;
  #ciphers = DEFAULT_CIPHERS;
  #ciphersuites = DEFAULT_CIPHERSUITES;
  #parameters: TlsParameters | undefined;

  get serverName(): string | undefined {
    return this.#settings.serverName;
  }

  /** Puts settings in force. */
  configure(settings: TlsSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    this.refresh();
    const { protocols, ciphers, ciphersuites, peerCaCert } = settings;
    if (peerCaCert !== undefined && peerCaCert !== before.peerCaCert) this.#readExtra(peerCaCert);
    if (protocols !== undefined && protocols !== before.protocols)
      this.#versions = parseTlsProtocols(protocols) ?? this.#versions;
    if (ciphers !== undefined && ciphers !== before.ciphers) this.#chooseCiphers(ciphers);
    if (ciphersuites !== undefined && ciphersuites !== before.ciphersuites)
      this.#chooseCiphersuites(ciphersuites);
    if (
      Object.keys(settings).some((k) => settings[k as keyof TlsSettings] !== before[k as keyof TlsSettings])
    )
      this.#parameters = undefined;
  }

  /** Reads the files that have changed. */
  refresh(): void {
    const { privateKey, certificate, caCert } = this.#settings;
    const otherKey = this.#keyFile.follow(privateKey);
    const otherCertificate = this.#certificateFile.follow(certificate);
    if (otherKey) this.#key = load(privateKey!, 'SSL_use_PrivateKey_file', createPrivateKey) ?? this.#key;
    if (otherCertificate)
      this.#certificate =
        load(certificate!, 'SSL_use_certificate_file', (text) => certificatesIn(text)[0]) ??
        this.#certificate;
    if (otherKey || otherCertificate) this.#pair();
    if (this.#caFile.follow(caCert)) this.#readAuthority(caCert!);
  }

  /** Takes key and certificate if they belong together; else they are probably being replaced one after the other. */
  #pair(): void {
    const [key, certificate] = [this.#key, this.#certificate];
    if (!key || !certificate) return;
    if (certificate.checkPrivateKey(key)) {
      this.#identity = { key, certificate };
      this.#parameters = undefined;
    } else if (this.#identity) {
      log.warn(`Private key does not match certificate public key, using the previous pair: ${NOT_MATCHING}`);
    }
  }

  #readAuthority(file: string): void {
    this.#parameters = undefined;
    if (file === 'none') {
      log.warn('Peer certificate validation disabled (this is a security risk)');
      this.#authority = { kind: 'anyone' };
    } else if (this.#settings.bootstrapCaCert && !this.#caFile.exists) {
      this.#authority = { kind: 'bootstrap' };
    } else {
      const certificates = load(file, `failed to load client certificates from ${file}`, certificatesIn);
      if (certificates) this.#authority = { kind: 'certificates', pem: certificates.map(String) };
      else if (this.#authority?.kind !== 'certificates') this.#authority = { kind: 'certificates', pem: [] };
    }
  }

  #readExtra(file: string): void {
    try {
      this.#extra = certificatesIn(systemCall(() => fs.readFileSync(file, 'latin1')));
    } catch (error) {
      if (error instanceof SystemError) log.err(`failed to open ${file} for reading: ${error.message}`);
      else log.err(`PEM_read_X509 failed reading ${file}: ${opensslText(error) ?? (error as Error).message}`);
    }
  }

  #chooseCiphers(text: string): void {
    // Names of TLS 1.3 are another list's, where Node would put them.
    const ciphers = text
      .split(/[:, ;]+/)
      .filter((name) => !name.startsWith('TLS_'))
      .join(':');
    if (areCiphers(`${ciphers}:${DEFAULT_CIPHERSUITES}`) && ciphers !== '') this.#ciphers = ciphers;
    else log.err(`SSL_CTX_set_cipher_list: ${NO_CIPHER}`);
  }

  #chooseCiphersuites(text: string): void {
    const suites = text.split(':');
    if (suites.every((name) => name.startsWith('TLS_')) && areCiphers(`${DEFAULT_CIPHERS}:${text}`))
      this.#ciphersuites = text;
    else log.err(`SSL_CTX_set_ciphersuites: ${NO_CIPHER}`);
  }

  /**
   * What a connection is to be made with now.
   * @throws SystemError ENOPROTOOPT, with the reasons in the log, when something is missing
   */
  parameters(): TlsParameters {
    this.refresh();
    this.#parameters ??= this.#make();
    return this.#parameters;
  }

  #make(): TlsParameters {
    const [identity, authority] = [this.#identity, this.#authority];
    if (!this.#key) log.err('Private key must be configured to use SSL');
    if (!this.#certificate) log.err('Certificate must be configured to use SSL');
    if (!authority) log.err('CA certificate must be configured to use SSL');
    if (this.#key && this.#certificate && authority && !identity)
      log.err(`Private key does not match certificate public key: ${NOT_MATCHING}`);
    if (!identity || !authority) throw new SystemError('ENOPROTOOPT');
    const secure: tls.SecureContextOptions = {
      key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
      cert: [identity.certificate, ...this.#extra].join(''),
      // An empty list, where nothing at all would make Node trust the authorities of the web.
      ca: authority.kind === 'certificates' ? [...authority.pem] : [],
      minVersion: this.#versions.min,
      maxVersion: this.#versions.max,
      ciphers: `${this.#ciphers}:${this.#ciphersuites}`,
      dhparam: 'auto',
    };
    return {
      secure,
      context: tls.createSecureContext(secure),
      verifies: authority.kind !== 'anyone',
      bootstrapTo: authority.kind === 'bootstrap' ? this.#settings.caCert : undefined,
    };
  }
}

function areCiphers(ciphers: string): boolean {
  try {
    tls.createSecureContext({ ciphers });
    return true;
  } catch {
    return false;
  }
}
