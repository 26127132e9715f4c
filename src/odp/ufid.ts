/** Unique flow identifiers as text: `ufid:` and a UUID. C counterpart: odp_format_ufid, odp_ufid_from_string. */
import { OdpSyntax, type Scanner } from './scanner.ts';

/** `ufid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` of 32 hexadecimal digits. */
export const formatUfid = (ufid: string): string =>
  `ufid:${ufid.slice(0, 8)}-${ufid.slice(8, 12)}-${ufid.slice(12, 16)}-${ufid.slice(16, 20)}-${ufid.slice(20)}`;

/** A UFID if the text has one here, as 32 hexadecimal digits. @throws OdpSyntax if it starts like one but is none */
export function scanUfid(s: Scanner): string | undefined {
  if (!s.take('ufid:')) return undefined;
  const m = s.match(/[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}/y);
  if (!m) throw new OdpSyntax();
  return m[0].replaceAll('-', '').toLowerCase();
}
