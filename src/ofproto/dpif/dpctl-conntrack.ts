/** dpctl: looking at tracked connections, forgetting and limiting them. */
import { strerror } from '../../base/errno.ts';
import { SystemError } from '../../base/host.ts';
import { ParseError, strToU16, strToU32 } from '../../base/parse.ts';
import type { Dpif, DpifConntrack } from '../../datapath/dpif-provider.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import type { CtMatch } from '../../openflow/messages/message.ts';
import { parseCtMatch } from '../../openflow/parse/ct-match.ts';
import { flushConnections } from './conntrack-flush.ts';
import { ctEntryText, PROTOCOLS, tcpState, tcpStateName, zoneLimitsText } from './conntrack-text.ts';
import { type DpctlCommand, type DpctlWorld, fail, openDatapath } from './dpctl-arguments.ts';

const invalid = new SystemError('EINVAL');
const TCP = 6;
const MAX_U32 = 0xffff_ffff;

/** The connections of the datapath that the first argument names, or the only one. */
function open(world: DpctlWorld, rest: string[], maxArgs: number, purpose: string): DpifConntrack {
  const dpif: Dpif = openDatapath(world, rest, maxArgs);
  return dpif.conntrack ?? fail(purpose, new SystemError('ENOTSUP'));
}

/** Takes `PREFIXnumber` off the end. */
function takeNumber(rest: string[], prefix: string): number | undefined {
  const found = rest.at(-1)?.startsWith(prefix)
    ? /^\s*[+-]?\d+/.exec(rest.at(-1)!.slice(prefix.length))
    : null;
  if (!found) return undefined;
  rest.pop();
  return Number(found[0]) & 0xffff;
}

/** A number at the start of a text, as scanf reads it. */
function leadingU32(text: string | undefined): number | undefined {
  const found = /^\s*[+-]?\d+/.exec(text ?? '');
  return found ? Number(found[0]) >>> 0 : undefined;
}

const dump: DpctlCommand = (world, rest, { verbose, statistics }) => {
  const zone = takeNumber(rest, 'zone=');
  const conntrack = open(world, rest, 1, 'starting conntrack dump');
  let text = '';
  for (const entry of conntrack.entries(zone)) text += `${ctEntryText(entry, verbose, statistics)}\n`;
  return text;
};

const flush: DpctlCommand = (world, rest) => {
  const dpif = openDatapath(world, rest, 6);
  const conntrack = dpif.conntrack ?? fail('failed to flush conntrack', new SystemError('ENOTSUP'));
  let match: CtMatch;
  try {
    match = parseCtMatch(rest);
  } catch (error) {
    return fail(error instanceof ParseError ? error.message : String(error), invalid);
  }
  const errno = flushConnections(conntrack, match, `${dpif.type}@${dpif.name}`);
  return errno === 0 ? '' : fail('failed to flush conntrack', new SystemError(errno));
};

const statistics: DpctlCommand = (world, rest, { verbose }) => {
  let zone: number | undefined;
  let details = verbose;
  for (let before = -1; rest.length !== before && rest.length > 0; ) {
    before = rest.length;
    if (rest.at(-1)!.startsWith('verbose')) {
      details = true;
      rest.pop();
    } else zone = takeNumber(rest, 'zone=') ?? zone;
  }
  const conntrack = open(world, rest, 1, 'starting conntrack dump');
  let total = 0;
  const byProtocol = new Map<number, number>();
  const byState = new Map<number, number>();
  const count = (map: Map<number, number>, key: number): void => void map.set(key, (map.get(key) ?? 0) + 1);
  for (const { ipProto, tcp } of conntrack.entries(zone)) {
    total++;
    count(byProtocol, PROTOCOLS.has(ipProto) ? ipProto : -1);
    if (tcp) count(byState, tcpState(tcp));
  }
  let text = `Connections Stats:\n    Total: ${total}\n`;
  for (const [proto, title] of [
    [TCP, 'TCP'],
    [17, 'UDP'],
    [136, 'UDPLITE'],
    [132, 'SCTP'],
    [1, 'ICMP'],
    [33, 'DCCP'],
    [2, 'IGMP'],
    [-1, 'Other'],
  ] as const) {
    const n = byProtocol.get(proto);
    if (n !== undefined) text += `  ${title}: ${n}\n`;
    if (proto !== TCP || n === undefined || !details) continue;
    text += '    Conn per TCP states:\n';
    for (const [state, m] of [...byState].sort(([a], [b]) => a - b))
      text += `\t  [${tcpStateName(state)}]=${m}\n`;
  }
  return text;
};

/** `zone=N1[,N2]...` */
function parseZones(text: string): number[] {
  if (!text.startsWith('zone=')) return fail(`invalid argument ${text}`, invalid);
  return text
    .slice(5)
    .split(',')
    .filter((word) => word !== '')
    .map((word) => {
      const zone = leadingU32(word);
      return zone === undefined ? fail('invalid zone', invalid) : zone & 0xffff;
    });
}

/** `zone=N,limit=L` */
function parseZoneLimit(text: string): { zone: number; limit: number } {
  let zone: number | undefined;
  let limit: number | undefined;
  for (const kv = new KeyValueScanner(text); kv.next(); ) {
    const { key, value } = kv;
    if (value === '') fail(`field ${key} missing value`, invalid);
    try {
      if (key === 'zone') zone = strToU16(value, key);
      else if (key === 'limit') limit = strToU32(value);
      else fail(`invalid zone limit field: ${key}`, invalid);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      fail(`failed to parse field ${key}`, invalid);
    }
  }
  if (zone === undefined || limit === undefined) return fail('failed to parse zone limit', invalid);
  return { zone, limit };
}

const tooFew = (rest: readonly string[], world: DpctlWorld): boolean => {
  const [first, second] = rest;
  return second === undefined && world.datapaths.all().some(({ type, name }) => first === `${type}@${name}`);
};

const setLimits: DpctlCommand = (world, rest) => {
  if (tooFew(rest, world)) return fail('too few arguments', invalid);
  const conntrack = open(world, rest, Number.POSITIVE_INFINITY, 'failed to set conntrack limit');
  const limits: { zone: number | undefined; limit: number }[] = [];
  if (rest[0]?.startsWith('default=')) {
    const text = rest.shift()!.slice('default='.length);
    if (!/^\d+$/.test(text) || Number(text) > MAX_U32) return fail('invalid default limit', invalid);
    limits.push({ zone: undefined, limit: Number(text) });
  }
  for (const word of rest) limits.push(parseZoneLimit(word));
  for (const { zone, limit } of limits) conntrack.setZoneLimit(zone, limit);
  return '';
};

const deleteLimits: DpctlCommand = (world, rest) => {
  if (tooFew(rest, world)) return fail('too few arguments', invalid);
  const conntrack = open(world, rest, 3, 'failed to delete conntrack limit');
  const zones: (number | undefined)[] = [];
  if (rest[0] === 'default') {
    rest.shift();
    zones.push(undefined);
  }
  if (rest[0] !== undefined) zones.push(...parseZones(rest[0]));
  for (const zone of zones) conntrack.deleteZoneLimit(zone);
  return '';
};

const getLimits: DpctlCommand = (world, rest) => {
  const conntrack = open(world, rest, 2, `failed to get conntrack limit ${strerror(95)}`);
  const zones = rest[0] === undefined ? [] : parseZones(rest[0]);
  return `${zoneLimitsText(conntrack.zoneLimits(zones))}\n`;
};

const setMaxConnections: DpctlCommand = (world, rest) => {
  const conntrack = open(world, rest, 2, 'ct set maxconns failed');
  conntrack.maxConnections = leadingU32(rest.at(-1)) ?? fail('maxconns missing or malformed', invalid);
  return 'setting maxconns successful';
};

const setTcpCheck =
  (enabled: boolean): DpctlCommand =>
  (world, rest) => {
    const doing = `${enabled ? 'enabling' : 'disabling'} TCP sequence checking`;
    open(world, rest, 2, `${doing} failed`).checkTcpSequence = enabled;
    return `${doing} successful`;
  };

const getTcpCheck: DpctlCommand = (world, rest) => {
  const { checkTcpSequence } = open(world, rest, 1, 'TCP sequence checking query failed');
  return `TCP sequence checking: ${checkTcpSequence ? 'enabled' : 'disabled'}\n`;
};

const setSweep: DpctlCommand = (world, rest) => {
  const conntrack = open(world, rest, 2, 'failed to set the sweep interval');
  const ms = leadingU32(rest.at(-1));
  if (!ms) return fail('invalid sweep value', invalid);
  conntrack.sweepIntervalMs = ms;
  return 'setting sweep interval successful\n';
};

/** With their usage, and least and greatest number of arguments. */
export const CONNTRACK_COMMANDS: readonly (readonly [
  name: string,
  usage: string,
  min: number,
  max: number,
  run: DpctlCommand,
])[] = [
  ['dump-conntrack', '[-m] [-s] [dp] [zone=N]', 0, 4, dump],
  [
    'flush-conntrack',
    '[dp] [zone=N] [mark=X[/M]] [labels=Y[/N]] [ct-orig-tuple [ct-reply-tuple]]',
    0,
    6,
    flush,
  ],
  ['ct-stats-show', '[dp] [zone=N]', 0, 3, statistics],
  ['ct-set-maxconns', '[dp] maxconns', 1, 2, setMaxConnections],
  [
    'ct-get-maxconns',
    '[dp]',
    0,
    1,
    (world, rest) => `${open(world, rest, 1, 'maxconns could not be retrieved').maxConnections}\n`,
  ],
  [
    'ct-get-nconns',
    '[dp]',
    0,
    1,
    (world, rest) => `${open(world, rest, 1, 'nconns could not be retrieved').count}\n`,
  ],
  ['ct-enable-tcp-seq-chk', '[dp]', 0, 1, setTcpCheck(true)],
  ['ct-disable-tcp-seq-chk', '[dp]', 0, 1, setTcpCheck(false)],
  ['ct-get-tcp-seq-chk', '[dp]', 0, 1, getTcpCheck],
  ['ct-set-limits', '[dp] [default=L] [zone=N,limit=L]...', 1, Number.POSITIVE_INFINITY, setLimits],
  ['ct-del-limits', '[dp] [default] [zone=N1[,N2]...]', 1, 3, deleteLimits],
  ['ct-get-limits', '[dp] [zone=N1[,N2]...]', 0, 2, getLimits],
  [
    'ct-get-sweep-interval',
    '[dp]',
    0,
    1,
    (world, rest) => String(open(world, rest, 1, 'failed to get the sweep interval').sweepIntervalMs),
  ],
  ['ct-set-sweep-interval', '[dp] ms', 1, 2, setSweep],
];
