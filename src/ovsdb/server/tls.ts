/** TLS settings of the server, of which each may be the "db:" name of a column that holds it. */
import type { TlsSettings } from '../../base/host.ts';
import type { Table } from '../database.ts';
import { type Databases, parseDbColumn, queryDbString, UnavailableError } from './db-remotes.ts';

export interface ResolvedTls {
  readonly settings: TlsSettings;
  /** Tables from which they were taken. */
  readonly tables: ReadonlySet<Table>;
  /** What is wrong with "db:" names. */
  readonly errors: readonly string[];
}

export function resolveTls(databases: Databases, configured: TlsSettings): ResolvedTls {
  const settings: Record<string, unknown> = {};
  const tables = new Set<Table>();
  const errors: string[] = [];
  for (const [name, value] of Object.entries(configured)) {
    if (typeof value !== 'string' || !value.startsWith('db:') || name === 'peerCaCert') {
      settings[name] = value;
      continue;
    }
    try {
      tables.add(parseDbColumn(databases, value).table);
      settings[name] = queryDbString(databases, value);
    } catch (error) {
      if (!(error instanceof UnavailableError)) errors.push((error as Error).message);
    }
  }
  return { settings, tables, errors };
}
