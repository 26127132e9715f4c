/**
 * What `--help` says of connection methods and of TLS. C counterpart: stream_usage() in lib/stream.c.
 *
 * @param name of what is connected to
 * @param passive whether it may connect to us
 * @param bootstrap whether there is the option --bootstrap-ca-cert
 */
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
