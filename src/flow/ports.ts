/**
 * OpenFlow port numbers: the reserved ones, conversion between the 16 bits of OpenFlow 1.0 and the 32 bits of
 * later versions, and their text.
 *
 * Inside OVS a port is the 32-bit number of OpenFlow 1.1+ in every version; only 0 to 0xfeff and 0xffffff00 to
 * 0xffffffff exist. C counterpart: lib/ofp-port.c.
 */
import { parseUint32 } from '../base/parse.ts';
import { RateLimit, vlog } from '../base/vlog.ts';

const log = vlog('ofp_port');
const tableLog = vlog('ofp_table');
const limit = new RateLimit(1, 5);

export const OFPP = {
  /** First number that is not a physical port. */
  MAX: 0xffff_ff00,
  UNSET: 0xffff_fff7,
  IN_PORT: 0xffff_fff8,
  TABLE: 0xffff_fff9,
  NORMAL: 0xffff_fffa,
  FLOOD: 0xffff_fffb,
  ALL: 0xffff_fffc,
  CONTROLLER: 0xffff_fffd,
  LOCAL: 0xffff_fffe,
  /** "No port"; OFPP_ANY in OpenFlow 1.1+. */
  NONE: 0xffff_ffff,
} as const;

/** One more than the highest number of a physical port. */
export const OFPP_PHYSICAL_END = 0xff00;

const OFFSET = 0xffff_0000;

/** Whether a number can be that of a physical port. */
export const isPhysicalPort = (port: number): boolean => port < OFPP_PHYSICAL_END;

/** A port of OpenFlow 1.0 as we keep it. */
export const portFromOf10 = (port16: number): number =>
  port16 < OFPP_PHYSICAL_END ? port16 : port16 + OFFSET;

/** A port as OpenFlow 1.0 writes it. */
export const portToOf10 = (port: number): number => port & 0xffff;

/** Checks a port of OpenFlow 1.1+; undefined when it lies outside of the two supported ranges. */
export function portFromOf11(port32: number): number | undefined {
  if (port32 < OFPP_PHYSICAL_END || port32 >= OFPP.MAX) return port32;
  log.warnRl(
    limit,
    `port ${port32} is outside the supported range 0 through ${OFPP_PHYSICAL_END - 1} or 0xffffff00 through 0xffffffff`,
  );
  return undefined;
}

/** Names of ports (or tables) that commands print and accept. */
export interface NameMap {
  /** undefined when there is no such number or its name is not unique. */
  nameOf(number: number): string | undefined;
  numberOf(name: string): number | undefined;
}

const RESERVED_NAMES = new Map<number, string>(
  (['IN_PORT', 'TABLE', 'NORMAL', 'FLOOD', 'ALL', 'CONTROLLER', 'LOCAL', 'UNSET'] as const).map((n) => [
    OFPP[n],
    n,
  ]),
);
const BY_NAME = new Map<string, number>([...RESERVED_NAMES].map(([port, name]) => [name, port]));
BY_NAME.set('ANY', OFPP.NONE);
BY_NAME.set('NONE', OFPP.NONE);

/** Name of a reserved port, e.g. 'LOCAL' ('ANY' for OFPP.NONE). */
export const reservedPortName = (port: number): string | undefined =>
  port === OFPP.NONE ? 'ANY' : RESERVED_NAMES.get(port);

/** A name of a port or table, in quotes unless it is alphanumeric. */
export function quoteName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9]*$/.test(name) ? name : JSON.stringify(name);
}

/** A port as the tools print it: reserved name, name from `names`, or number. */
export function formatPort(port: number, names?: NameMap): string {
  if (port < OFPP_PHYSICAL_END) {
    const name = names?.nameOf(port);
    return name === undefined ? String(port) : quoteName(name);
  }
  return reservedPortName(port) ?? String(port & 0xffff);
}

function lookUp(s: string, names: NameMap | undefined): number | undefined {
  if (!s.startsWith('"')) return names?.numberOf(s);
  if (s.length < 2 || !s.endsWith('"')) return undefined;
  try {
    const name: unknown = JSON.parse(s);
    return typeof name === 'string' ? names?.numberOf(name) : undefined;
  } catch {
    return undefined;
  }
}

const warnedOf = new Set<number>();

/** Reads a port: number, reserved name in any case, or name from `names`; undefined when it is none of them. */
export function parsePort(s: string, names?: NameMap): number | undefined {
  if (s.startsWith('-')) {
    log.warn(`Negative value ${s} is not a valid port number.`);
    return undefined;
  }
  const n = parseUint32(s, 10);
  if (n === undefined) return BY_NAME.get(s.toUpperCase()) ?? lookUp(s, names);
  if (n < OFPP_PHYSICAL_END || n >= OFPP.MAX) return n;
  if (n < 0xfff7) {
    log.warn(
      `port ${n} is a reserved OF1.0 port number that will be translated to ${n + OFFSET} when talking to an ` +
        'OF1.1 or later controller',
    );
    return n + OFFSET;
  }
  if (n <= 0xffff) {
    if (!warnedOf.has(n)) {
      warnedOf.add(n);
      log.warn(
        `referring to port ${formatPort(n + OFFSET)} as ${n} is deprecated for compatibility with OpenFlow 1.1 and later`,
      );
    }
    return n + OFFSET;
  }
  log.warn(`port ${n} is outside the supported range 0 through ffff or 0xffffff00 through 0xffffffff`);
  return undefined;
}

/** A table as the tools print it: its name if it has one, or its number. */
export function formatTable(table: number, names?: NameMap): string {
  const name = names?.nameOf(table);
  return name === undefined ? String(table) : quoteName(name);
}

/** Reads a table number or name; undefined when it is neither. */
export function parseTable(s: string, names?: NameMap): number | undefined {
  if (s.startsWith('-')) {
    tableLog.warn(`Negative value ${s} is not a valid table number.`);
    return undefined;
  }
  const n = parseUint32(s, 10);
  if (n === undefined) {
    const table = lookUp(s, names);
    return table === 255 ? undefined : table;
  }
  if (n > 255) {
    tableLog.warn(`table ${n} is outside the supported range 0 through 255`);
    return undefined;
  }
  return n;
}
