/** The options for TLS connections that the programs share. See "Public Key Infrastructure Options" in ovsdb-server(1). */
import type { OptionSpec, ParsedOption } from './getopt.ts';
import type { TlsSettings } from './host.ts';

export const TLS_OPTIONS = {
  privateKey: { long: 'private-key', short: 'p', arg: 'required' },
  certificate: { long: 'certificate', short: 'c', arg: 'required' },
  caCert: { long: 'ca-cert', short: 'C', arg: 'required' },
  sslProtocols: { long: 'ssl-protocols', arg: 'required' },
  sslCiphers: { long: 'ssl-ciphers', arg: 'required' },
  sslCiphersuites: { long: 'ssl-ciphersuites', arg: 'required' },
  sslServerName: { long: 'ssl-server-name', arg: 'required' },
} as const satisfies Record<string, OptionSpec>;

export const BOOTSTRAP_OPTIONS = {
  bootstrapCaCert: { long: 'bootstrap-ca-cert', arg: 'required' },
  peerCaCert: { long: 'peer-ca-cert', arg: 'required' },
} as const satisfies Record<string, OptionSpec>;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const SETTINGS = {
  privateKey: 'privateKey',
  certificate: 'certificate',
  caCert: 'caCert',
  bootstrapCaCert: 'caCert',
  peerCaCert: 'peerCaCert',
  sslProtocols: 'protocols',
  sslCiphers: 'ciphers',
  sslCiphersuites: 'ciphersuites',
  sslServerName: 'serverName',
} as const satisfies Record<keyof typeof TLS_OPTIONS | keyof typeof BOOTSTRAP_OPTIONS, keyof TlsSettings>;

/** What the options above say; of several for one setting the last counts. */
export function tlsSettings(options: readonly ParsedOption<string>[]): TlsSettings {
  const settings: Writable<TlsSettings> = {};
  for (const { id, value } of options) {
    if (!Object.hasOwn(SETTINGS, id)) continue;
    const setting = SETTINGS[id as keyof typeof SETTINGS];
    settings[setting] = value;
    if (setting === 'caCert') settings.bootstrapCaCert = id === 'bootstrapCaCert';
  }
  return settings;
}
