/**
 * Logging: modules with a level for each destination, patterns, rate limits.
 *
 * A module is made once, at import (`const log = vlog('bridge')`), and asks one table of levels; where the
 * lines go is the host's business ({@link setVlogSink}). State is per process, as the levels of `vlog/set`
 * are. Without a sink (libraries, tests) nothing is written.
 * C counterpart: lib/vlog.c; texts follow ovs-appctl(8).
 */

import { C_MODULES } from './vlog-modules.ts';

export const VLOG_LEVELS = ['off', 'emer', 'err', 'warn', 'info', 'dbg'] as const;
export type VlogLevel = (typeof VLOG_LEVELS)[number];
export const VLOG_DESTINATIONS = ['syslog', 'console', 'file'] as const;
export type VlogDestination = (typeof VLOG_DESTINATIONS)[number];

const EMER = 1;
const ERR = 2;
const WARN = 3;
const INFO = 4;
const DBG = 5;

/** What the host adds: the clock, the process, and where a formatted line goes. */
export interface VlogSink {
  readonly program: string;
  readonly pid: number;
  readonly hostname: string;
  /** Milliseconds since the epoch, and since some fixed start. */
  wallMs(): number;
  monotonicMs(): number;
  /** Minutes to add to UTC for local time. */
  localOffsetMinutes(wallMs: number): number;
  /** Whether a destination is open at all. */
  isOpen(destination: VlogDestination): boolean;
  write(destination: VlogDestination, level: VlogLevel, line: string): void;
  /** What goes before each line for syslog, in the language of patterns; '' for nothing. */
  readonly syslogPrefix: string;
  /** Sends a line in the form of RFC 5424 wherever else lines for syslog go, if they do. */
  syslogAlso?: ((line: string) => void) | undefined;
}

const RFC5424_PATTERN = '<%B>1 %D{%Y-%m-%dT%H:%M:%S.###Z} %E %A %P %c - \ufeff%m';

const DEFAULT_PATTERNS: Readonly<Record<VlogDestination, string>> = {
  syslog: 'ovs|%05N|%c%T|%p|%m',
  console: '%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m',
  file: '%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m',
};

const modules = new Map<string, Vlog>();
const defaultLevels = [INFO, INFO, INFO];
const patterns: Record<VlogDestination, string> = { ...DEFAULT_PATTERNS };
let sink: VlogSink | undefined;
let sequence = 0;
let facility = '';

/** Log facilities of syslog(3) that `FACILITY:` accepts, in the order of their numbers. */
const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'clock',
  // Number 10 has no name here.
  '(authpriv)',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock2',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
];

/** A token bucket for messages that a peer can provoke: `burst` at once, then `perMinute`. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #burst: number;
  #tokens: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  dropped = 0;
  firstDroppedMs = 0;
  lastDroppedMs = 0;

  constructor(perMinute: number, burst: number) {
    this.#perMinute = perMinute;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes a token if there is one. */
  take(nowMs: number): boolean {
    if (nowMs > this.#lastMs) {
      if (this.#lastMs !== Number.NEGATIVE_INFINITY) {
        const grown = this.#tokens + ((nowMs - this.#lastMs) * this.#perMinute) / 60_000;
        this.#tokens = Math.min(Math.max(this.#burst, 1), grown);
      }
      this.#lastMs = nowMs;
    }
    if (this.#tokens < 1) {
      if (this.dropped++ === 0) this.firstDroppedMs = nowMs;
      this.lastDroppedMs = nowMs;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }
}

/** A logging module. */
export class Vlog {
  readonly name: string;
  /** Numeric levels, in the order of {@link VLOG_DESTINATIONS}. */
  readonly levels: number[];
  honorRateLimits = true;

  constructor(name: string) {
    this.name = name;
    this.levels = [...defaultLevels];
  }

  emer(message: string): void {
    this.#log(EMER, message);
  }
  err(message: string): void {
    this.#log(ERR, message);
  }
  warn(message: string): void {
    this.#log(WARN, message);
  }
  info(message: string): void {
    this.#log(INFO, message);
  }
  /** A function is only called when the message will be written. */
  dbg(message: string | (() => string)): void {
    if (this.#enabled(DBG)) this.#log(DBG, typeof message === 'string' ? message : message());
  }
  isDbg(): boolean {
    return this.#enabled(DBG);
  }
  errRl(limit: RateLimit, message: string): void {
    this.#limited(ERR, limit, message);
  }
  warnRl(limit: RateLimit, message: string): void {
    this.#limited(WARN, limit, message);
  }
  /** @returns whether the message was written: for what belongs to it */
  infoRl(limit: RateLimit, message: string): boolean {
    return this.#limited(INFO, limit, message);
  }
  dbgRl(limit: RateLimit, message: string | (() => string)): void {
    if (this.#enabled(DBG)) this.#limited(DBG, limit, typeof message === 'string' ? message : message());
  }

  #enabled(level: number): boolean {
    const levels = this.levels;
    return sink !== undefined && (levels[0]! >= level || levels[1]! >= level || levels[2]! >= level);
  }

  #limited(level: number, limit: RateLimit, message: string): boolean {
    if (!this.#enabled(level)) return false;
    if (this.honorRateLimits) {
      const now = sink!.monotonicMs();
      if (!limit.take(now)) return false;
      if (limit.dropped > 0) {
        const seconds = (ms: number): number => Math.floor((now - ms) / 1000);
        this.#log(
          level,
          `Dropped ${limit.dropped} log messages in last ${seconds(limit.firstDroppedMs)} seconds (most recently, ` +
            `${seconds(limit.lastDroppedMs)} seconds ago) due to excessive rate`,
        );
        limit.dropped = 0;
      }
    }
    this.#log(level, message);
    return true;
  }

  #log(level: number, message: string): void {
    if (!sink || !this.#enabled(level)) return;
    let counted = false;
    VLOG_DESTINATIONS.forEach((destination, i) => {
      if (this.levels[i]! < level || !sink!.isOpen(destination)) return;
      if (!counted) {
        sequence++;
        counted = true;
      }
      const name = VLOG_LEVELS[level]!;
      const format = (pattern: string): string => formatLine(sink!, this.name, name, pattern, message);
      sink!.write(destination, name, format(patterns[destination]));
      if (destination === 'syslog') sink!.syslogAlso?.(format(RFC5424_PATTERN));
    });
  }
}

/** The module of that name if there is one, here or in the C implementation. */
const knownModule = (name: string): Vlog | undefined =>
  modules.get(name) ?? (C_MODULES.has(name) ? vlog(name) : undefined);

/** The module of that name, made at first use. */
export function vlog(name: string): Vlog {
  let module = modules.get(name);
  if (!module) modules.set(name, (module = new Vlog(name)));
  return module;
}

export function setVlogSink(newSink: VlogSink | undefined): void {
  sink = newSink;
}

function destinationIndexes(destination: VlogDestination | 'any'): number[] {
  return VLOG_DESTINATIONS.flatMap((d, i) => (destination === 'any' || d === destination ? [i] : []));
}

/** Sets the level of one module, or of all of them and those to come. */
export function setVlogLevel(
  module: Vlog | undefined,
  destination: VlogDestination | 'any',
  level: VlogLevel,
): void {
  const n = VLOG_LEVELS.indexOf(level);
  for (const i of destinationIndexes(destination)) {
    if (module) module.levels[i] = n;
    else {
      defaultLevels[i] = n;
      for (const m of modules.values()) m.levels[i] = n;
    }
  }
}

/**
 * Carries out what `vlog/set` and `-v` take: words of module, destination and level in any order,
 * `PATTERN:DESTINATION:PATTERN` or `FACILITY:NAME`.
 * @returns the error message, or undefined
 */
export function setVlogFromSpec(spec: string): string | undefined {
  const words = spec.split(/[ ,:\t]+/).filter((w) => w !== '');
  const first = words[0]?.toLowerCase();
  if (first === 'pattern' || first === 'facility') {
    const rest = spec.replace(/^[ ,:\t]*[^ ,:\t]+[ ,:\t]?/, '');
    if (first === 'facility') {
      if (!FACILITIES.includes(rest.toLowerCase())) return 'invalid facility';
      facility = rest.toLowerCase();
      return undefined;
    }
    const parts = /^[ ,:\t]*([^ ,:\t]+)[ ,:\t]?(.*)$/s.exec(rest);
    if (!parts) return 'missing destination';
    const word = parts[1]!.toLowerCase();
    const chosen = VLOG_DESTINATIONS.filter((d) => word === 'any' || d === word);
    if (chosen.length === 0) return `unknown destination "${parts[1]}"`;
    for (const d of chosen) patterns[d] = parts[2]!;
    return undefined;
  }
  let module: Vlog | undefined;
  let destination: VlogDestination | undefined;
  let level: VlogLevel | undefined;
  for (const original of words) {
    const word = original.toLowerCase();
    if (word === 'any') continue;
    const asDestination = VLOG_DESTINATIONS.find((d) => d === word);
    const asLevel = VLOG_LEVELS.find((l) => l === word);
    const asModule = knownModule(word) ?? knownModule(word.replaceAll('-', '_'));
    if (asDestination) {
      if (destination) return 'cannot specify multiple destinations';
      destination = asDestination;
    } else if (asLevel) {
      if (level) return 'cannot specify multiple levels';
      level = asLevel;
    } else if (asModule) {
      if (module) return 'cannot specify multiple modules';
      module = asModule;
    } else {
      return `no destination, level, or module "${original}"`;
    }
  }
  setVlogLevel(module, destination ?? 'any', level ?? 'dbg');
  return undefined;
}

/** The reply of `vlog/list`. */
export function vlogLevelsText(): string {
  const name = (m: Vlog, d: VlogDestination): string =>
    VLOG_LEVELS[m.levels[VLOG_DESTINATIONS.indexOf(d)]!]!.toUpperCase().padStart(4);
  const lines = [...modules.values()].map(
    (m) =>
      `${m.name.padEnd(16)}  ${name(m, 'console')}       ${name(m, 'syslog')}       ${name(m, 'file')}` +
      (m.honorRateLimits ? '' : '    (rate limiting disabled)'),
  );
  return (
    '                 console    syslog    file\n                 -------    ------    ------\n' +
    lines
      .sort()
      .map((l) => `${l}\n`)
      .join('')
  );
}

/** The reply of `vlog/list-pattern`. */
export function vlogPatternsText(): string {
  const lines = VLOG_DESTINATIONS.map((d) => {
    const prefix = d === 'syslog' ? (sink?.syslogPrefix ?? 'none') : 'none';
    return `${d.toUpperCase().padEnd(7)}  ${prefix.padEnd(32)}  ${patterns[d]}\n`;
  });
  return (
    '         prefix                            format\n         ------                            ------\n' +
    lines.join('')
  );
}

/** Turns rate limiting on or off for the named modules ('any' or none: all). @returns whether all exist */
export function setVlogRateLimits(names: readonly string[], honor: boolean): boolean {
  const all = names.length === 0 || names.some((n) => n.toLowerCase() === 'any');
  for (const name of all ? [...modules.keys()] : names) {
    const module = modules.get(name);
    if (!module) return false;
    module.honorRateLimits = honor;
  }
  return true;
}

const two = (n: number): string => String(n).padStart(2, '0');
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** strftime with `#` for digits of the second's fraction, as the patterns use it. */
export function formatTime(pattern: string, wallMs: number, offsetMinutes = 0): string {
  const t = new Date(Math.floor(wallMs) + offsetMinutes * 60_000);
  const text = pattern.replace(/%(.)/g, (whole, c: string) => {
    switch (c) {
      case 'Y':
        return String(t.getUTCFullYear());
      case 'm':
        return two(t.getUTCMonth() + 1);
      case 'd':
        return two(t.getUTCDate());
      case 'H':
        return two(t.getUTCHours());
      case 'M':
        return two(t.getUTCMinutes());
      case 'S':
        return two(t.getUTCSeconds());
      case 'a':
        return DAYS[t.getUTCDay()]!;
      case 'e':
        return String(t.getUTCDate()).padStart(2);
      case 'b':
      case 'h':
        return MONTHS[t.getUTCMonth()]!;
      case 'F':
        return `${t.getUTCFullYear()}-${two(t.getUTCMonth() + 1)}-${two(t.getUTCDate())}`;
      case 'T':
        return `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}`;
      case 's':
        return String(Math.floor(t.getTime() / 1000));
      case '%':
        return '%';
      default:
        return whole;
    }
  });
  const fraction = String(t.getUTCMilliseconds()).padStart(3, '0');
  let digit = 0;
  return text.replace(/#/g, () => fraction[digit++] ?? '0');
}

/** Facility numbers of syslog(3): kern 0 ... clock2 15, local0 16 ... */
const facilityNumber = (otherwise: string): number => FACILITIES.indexOf(facility || otherwise);

/** Facility and severity of a line as syslog daemons want them. */
export const syslogPriority = (level: VlogLevel): number =>
  8 * facilityNumber('daemon') + SYSLOG_SEVERITY[level];

const SYSLOG_SEVERITY: Readonly<Record<VlogLevel, number>> = {
  off: 1,
  emer: 1,
  err: 3,
  warn: 4,
  info: 5,
  dbg: 7,
};

function formatLine(s: VlogSink, module: string, level: VlogLevel, pattern: string, message: string): string {
  return pattern.replace(
    /%(-?)(0?)(\d*)([A-Za-z%])(\{[^}]*\})?/g,
    (_, left: string, zero: string, width: string, conversion: string, braces: string | undefined) => {
      let rest = braces ?? '';
      let text: string;
      switch (conversion) {
        case 'A':
          text = s.program;
          break;
        case 'B':
          text = String(8 * facilityNumber('local0') + SYSLOG_SEVERITY[level]);
          break;
        case 'c':
          text = module;
          rest = '';
          break;
        case 'd':
        case 'D': {
          const wall = s.wallMs();
          const format = braces ? braces.slice(1, -1) : '%Y-%m-%d %H:%M:%S.###';
          text = formatTime(format, wall, conversion === 'd' ? s.localOffsetMinutes(wall) : 0);
          rest = '';
          break;
        }
        case 'E':
          text = s.hostname;
          break;
        case 'm':
          text = message.replace(/\n+$/, '');
          break;
        case 'N':
          text = String(sequence);
          break;
        case 'n':
          text = '\n';
          break;
        case 'p':
          text = level.toUpperCase();
          break;
        case 'P':
          text = String(s.pid);
          break;
        case 'r':
          text = String(Math.floor(s.monotonicMs()));
          break;
        case 't':
          text = 'main';
          break;
        case 'T':
          text = '';
          break;
        default:
          text = conversion;
      }
      const n = width === '' ? 0 : Number(width);
      text = left ? text.padEnd(n) : text.padStart(n, zero ? '0' : ' ');
      return text + rest;
    },
  );
}
