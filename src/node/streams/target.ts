/**
 * Names of connections: 'tcp:HOST[:PORT]', 'unix:FILE', 'ptcp:[PORT][:IP]', 'punix:FILE' and the ssl forms.
 * C counterpart: lib/stream.c, inet_parse_active in lib/socket-util.c; ovsdb(7) "Connection Methods".
 */
import path from 'node:path';
import { SystemError } from '../../base/host.ts';

export type Target =
  | { readonly kind: 'unix'; readonly path: string; readonly passive: boolean }
  | { readonly kind: 'tcp' | 'ssl'; readonly host: string; readonly port: number; readonly passive: boolean };

/** Splits 'A:B' around the last colon outside of brackets; understands '[v6]:port' and bare IPv6 addresses. */
function splitHostPort(text: string): [string, string] {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) return [bracketed[1]!, bracketed[2] ?? ''];
  const colon = text.indexOf(':');
  if (colon < 0 || text.indexOf(':', colon + 1) >= 0) return [text, ''];
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function parsePort(text: string, fallback: number): number {
  if (text === '') return fallback;
  if (!/^\d+$/.test(text) || Number(text) > 65535) throw new SystemError('EAFNOSUPPORT');
  return Number(text);
}

/**
 * @param rundir where relative socket names live
 * @throws SystemError EAFNOSUPPORT for anything else
 */
export function parseTarget(name: string, defaultPort: number, rundir: string): Target {
  const colon = name.indexOf(':');
  const scheme = name.slice(0, colon);
  const rest = name.slice(colon + 1);
  switch (colon < 0 ? '' : scheme) {
    case 'unix':
    case 'punix':
      return { kind: 'unix', path: path.resolve(rundir, rest), passive: scheme === 'punix' };
    case 'tcp':
    case 'ssl': {
      const [host, port] = splitHostPort(rest);
      if (host === '') throw new SystemError('EAFNOSUPPORT');
      return { kind: scheme as 'tcp' | 'ssl', host, port: parsePort(port, defaultPort), passive: false };
    }
    case 'ptcp':
    case 'pssl': {
      const parts = /^(\d*)(?::(.*))?$/.exec(rest);
      if (!parts) throw new SystemError('EAFNOSUPPORT');
      const host = (parts[2] ?? '').replace(/^\[(.*)\]$/, '$1');
      return {
        kind: scheme.slice(1) as 'tcp' | 'ssl',
        host,
        port: parsePort(parts[1]!, defaultPort),
        passive: true,
      };
    }
    default:
      throw new SystemError('EAFNOSUPPORT');
  }
}
