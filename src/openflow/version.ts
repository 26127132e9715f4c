/**
 * OpenFlow versions, and the protocols that OVS distinguishes within them.
 *
 * A protocol is a version plus, for OpenFlow 1.0, which match format and whether FLOW_MOD carries a table
 * number. Sets of protocols and of versions are bitmaps. C counterpart: lib/ofp-protocol.c.
 */

import { OFPUTIL_P as P } from '../flow/protocols.ts';

export const OFP10 = 1;
export const OFP11 = 2;
export const OFP12 = 3;
export const OFP13 = 4;
export const OFP14 = 5;
export const OFP15 = 6;

/** Version byte of the OpenFlow header. Only 1 to 6 are implemented; `hello` may show any. */
export type OfpVersion = number;

/** Bits of a set of protocols. */
export { P };

/** One bit of {@link P}. */
export type Protocol = number;
/** Any bits of {@link P}. */
export type Protocols = number;
/** Bit N is set when version N is allowed. */
export type VersionBitmap = number;

export const SUPPORTED_VERSIONS: VersionBitmap = 0x7e;

const NAMES: readonly (readonly [Protocols, string])[] = [
  [P.OF10_STD, 'OpenFlow10-table_id'],
  [P.OF10_STD_TID, 'OpenFlow10+table_id'],
  [P.OF10_NXM, 'NXM-table_id'],
  [P.OF10_NXM_TID, 'NXM+table_id'],
  [P.OF11_STD, 'OpenFlow11'],
  [P.OF12_OXM, 'OXM-OpenFlow12'],
  [P.OF13_OXM, 'OXM-OpenFlow13'],
  [P.OF14_OXM, 'OXM-OpenFlow14'],
  [P.OF15_OXM, 'OXM-OpenFlow15'],
];

/** Names of sets: what `-F` accepts and how sets are printed. */
const GROUP_NAMES: readonly (readonly [Protocols, string])[] = [
  [P.ANY, 'any'],
  [P.OF10_STD_ANY, 'OpenFlow10'],
  [P.OF10_NXM_ANY, 'NXM'],
  [P.ANY_OXM, 'OXM'],
];

/** Version of one protocol. */
export function protocolVersion(protocol: Protocol): OfpVersion {
  if (protocol & P.OF10_ANY) return OFP10;
  for (let v = OFP11; v <= OFP15; v++) if (protocol === 1 << (v + 2)) return v;
  throw new RangeError(`not a protocol: ${protocol}`);
}

/** The protocol that a fresh connection of that version speaks; 0 for an unknown version. */
export function versionProtocol(version: OfpVersion): Protocol {
  return version === OFP10 ? P.OF10_STD : version >= OFP11 && version <= OFP15 ? 1 << (version + 2) : 0;
}

/** All protocols of that version. */
export const versionProtocols = (version: OfpVersion): Protocols =>
  version === OFP10 ? P.OF10_ANY : versionProtocol(version);

export function protocolsToVersions(protocols: Protocols): VersionBitmap {
  let versions = protocols & P.OF10_ANY ? 1 << OFP10 : 0;
  for (let v = OFP11; v <= OFP15; v++) if (protocols & (1 << (v + 2))) versions |= 1 << v;
  return versions;
}

export function versionsToProtocols(versions: VersionBitmap): Protocols {
  let protocols = 0;
  for (let v = OFP10; v <= OFP15; v++) if (versions & (1 << v)) protocols |= versionProtocols(v);
  return protocols;
}

/** The same protocol with the table-id extension on or off (OpenFlow 1.0 only; others are unchanged). */
export function setProtocolTid(protocol: Protocol, enable: boolean): Protocol {
  if (protocol & P.OF10_STD_ANY) return enable ? P.OF10_STD_TID : P.OF10_STD;
  if (protocol & P.OF10_NXM_ANY) return enable ? P.OF10_NXM_TID : P.OF10_NXM;
  return protocol;
}

/** Its form without the table-id extension. */
export const protocolBase = (protocol: Protocol): Protocol => setProtocolTid(protocol, false);

/** The base of `wanted` with the table-id state of `current`. */
export const setProtocolBase = (current: Protocol, wanted: Protocol): Protocol =>
  setProtocolTid(wanted, (current & P.TID) !== 0);

/** Name of one protocol; undefined when `protocol` is not exactly one. */
export const protocolName = (protocol: Protocol): string | undefined =>
  NAMES.find(([bit]) => bit === protocol)?.[1];

/** A set as text, e.g. 'NXM,OXM', 'OpenFlow10+table_id,NXM'; 'none' when empty. */
export function protocolsToString(protocols: Protocols): string {
  let left = protocols & P.ANY;
  if (left === 0) return 'none';
  const parts: string[] = [];
  while (left) {
    const group = GROUP_NAMES.find(([bits]) => (left & bits) === bits);
    if (group) {
      parts.push(group[1]);
      left &= ~group[0];
      continue;
    }
    const single = NAMES.find(([bits]) => (left & bits) !== 0)!;
    parts.push(single[1]);
    left &= ~single[0];
  }
  return parts.join(',');
}

const VERSION_NAMES: readonly string[] = [
  '',
  'OpenFlow10',
  'OpenFlow11',
  'OpenFlow12',
  'OpenFlow13',
  'OpenFlow14',
  'OpenFlow15',
];

/** 'OpenFlow10' ... 'OpenFlow15'; undefined for others. */
export const versionName = (version: OfpVersion): string | undefined => VERSION_NAMES[version] || undefined;

/** A set of versions as text, e.g. '0x01, 0x04'. */
export const formatVersions = (versions: VersionBitmap): string =>
  versionList(versions)
    .map((v) => `0x${v.toString(16).padStart(2, '0')}`)
    .join(', ');

/** A set of versions by their names, e.g. 'OpenFlow10, OpenFlow13'. */
export const formatVersionNames = (versions: VersionBitmap): string =>
  versionList(versions)
    .map((v) => VERSION_NAMES[v] ?? '')
    .join(', ');

/** The members of a set, lowest first. */
function versionList(versions: VersionBitmap): OfpVersion[] {
  const list: OfpVersion[] = [];
  for (let v = 0; v < 32; v++) if (versions & (1 << v)) list.push(v);
  return list;
}

/** 'OpenFlow10' ... in any case; undefined for anything else. */
export function parseVersion(name: string): OfpVersion | undefined {
  const v = VERSION_NAMES.findIndex((n) => n !== '' && n.toLowerCase() === name.toLowerCase());
  return v < 0 ? undefined : v;
}

/**
 * Reads versions between commas or spaces (`-O`).
 * @throws Error with C's text
 */
export function parseVersions(text: string): VersionBitmap {
  let versions = 0;
  for (const word of text.split(/[\s,]+/)) {
    if (word === '') continue;
    const v = parseVersion(word);
    if (v === undefined) throw new Error(`Unknown OpenFlow version: "${word}"`);
    versions |= 1 << v;
  }
  return versions;
}

/**
 * Reads protocols between commas (`-F`).
 * @throws Error with C's text
 */
export function parseProtocols(text: string): Protocols {
  let protocols = 0;
  for (const word of text.split(',')) {
    if (word === '') continue;
    const same = ([, name]: readonly [Protocols, string]): boolean =>
      name.toLowerCase() === word.toLowerCase();
    const found = NAMES.find(same) ?? GROUP_NAMES.find(same);
    if (!found) throw new Error(`${word}: unknown flow protocol`);
    protocols |= found[0];
  }
  if (protocols === 0) throw new Error(`${text}: no flow protocol specified`);
  return protocols;
}
