/**
 * Versions of TLS, as `--ssl-protocols` names them: a list such as 'TLSv1.2,TLSv1.3', or one range, 'TLSv1.2-TLSv1.3' or
 * 'TLSv1.2+'. A list means the range that contains it. See "SSL/TLS connection options" in ovsdb-server(1).
 */
import { vlog } from '../../base/vlog.ts';

const log = vlog('stream_ssl');

/** Oldest first. */
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof VERSIONS)[number];

export interface TlsVersions {
  readonly min: TlsVersion;
  readonly max: TlsVersion;
}

export const DEFAULT_TLS_VERSIONS: TlsVersions = { min: 'TLSv1.2', max: 'TLSv1.3' };

/** @returns undefined, with the reason in the log, when the text is not good */
export function parseTlsProtocols(text: string): TlsVersions | undefined {
  const dash = text.indexOf('-');
  const orLater = text.endsWith('+');
  const words = orLater
    ? [text.slice(0, -1)]
    : dash >= 0
      ? [text.slice(0, dash), text.slice(dash + 1)]
      : text.split(/[ ,\t]+/).filter((word) => word !== '');
  const named = VERSIONS.filter((version) => words.includes(version));
  const unknown = [...new Set(words)].filter((word) => !named.includes(word as TlsVersion));
  if (words.length === 0) log.err('SSL/TLS protocol settings invalid');
  for (const word of unknown) log.err(`${word}: SSL/TLS protocol not recognized`);
  const [min] = named;
  if (unknown.length > 0 || min === undefined) return undefined;
  const max = orLater ? undefined : named.at(-1)!;
  log.dbg(`Enabled protocol range: ${min}${max === undefined ? ' or later' : ` - ${max}`}`);
  return { min, max: max ?? VERSIONS.at(-1)! };
}
