/** What the tools do with their TLS options, and what their usage says of connection methods. */
import type { ParsedOption } from '../base/getopt.ts';
import type { Streams } from '../base/host.ts';
import { tlsSettings } from '../base/tls-options.ts';

/** Puts the TLS options of a tool in force. */
export const applyTlsOptions = (streams: Streams, options: readonly ParsedOption<string>[]): void =>
  streams.configureTls(tlsSettings(options));

export const streamUsage = (name: string, passive: boolean, bootstrap: boolean): string =>
  `
Active ${name} connection methods:
  tcp:HOST:PORT           PORT at remote HOST
  ssl:HOST:PORT           SSL/TLS PORT at remote HOST
  unix:FILE               Unix domain socket named FILE
` +
  (passive
    ? `Passive ${name} connection methods:
  ptcp:PORT[:IP]          listen to TCP PORT on IP
  pssl:PORT[:IP]          listen for SSL/TLS on PORT on IP
  punix:FILE              listen on Unix domain socket FILE
`
    : '') +
  `PKI configuration (required to use SSL/TLS):
  -p, --private-key=FILE  file with private key
  -c, --certificate=FILE  file with certificate for private key
  -C, --ca-cert=FILE      file with peer CA certificate
` +
  (bootstrap ? '  --bootstrap-ca-cert=FILE  file with peer CA certificate to read or create\n' : '') +
  `SSL/TLS options:
  --ssl-protocols=PROTOS    range of SSL/TLS protocols to enable
  --ssl-ciphers=CIPHERS     list of SSL/TLS ciphers to enable
                            with TLSv1.2
  --ssl-ciphersuites=SUITES list of SSL/TLS ciphersuites to
                            enable with TLSv1.3 and later
  --ssl-server-name=NAME    server name for TLS Server Name
                            Indication (SNI)
`;

/** Whether a connection target names a known method: active, passive or either. */
export const isTarget = (target: string): boolean => /^p?(tcp|ssl|unix):/.test(target);
