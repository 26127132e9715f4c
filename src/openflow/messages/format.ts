/**
 * Messages as text, as `ovs-ofctl ofp-print` prints them. C counterpart: lib/ofp-print.c.
 */
import { type Colors, NO_COLORS } from '../../base/colors.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { MatchPool } from '../../flow/match/pool.ts';
import type { NameMap } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { DecodeContext, type FormatContext } from './codec.ts';
import { type AnyCodec, codecOf } from './codecs.ts';
import { asOfpError, bodyReader, OFPSF_MORE, tryDecodeMessage, xidOf } from './decode.ts';
import { chooseRaw, encodeMessage } from './encode.ts';
import type { Body, OfpKind, OfpMessage } from './message.ts';
import type { DecodeOptions, FormatOptions } from './options.ts';
import {
  checkLength,
  identify,
  isMultipart,
  isMultipartRequest,
  multipartFlags,
  type Raw,
  type RawName,
} from './raw.ts';

const EMPTY = new Uint8Array(0);
const KNOWN_VERSIONS = 6;

/** 'OFPT_HELLO (OF1.3) (xid=0x1):' */
function headerText(raw: Raw, version: number, xid: number): string {
  let s = raw.name;
  if (version >= 2 && version <= KNOWN_VERSIONS) s += ` (OF1.${version - 1})`;
  else if (version !== 1) s += ` (OF 0x${version.toString(16).padStart(2, '0')})`;
  return `${s} (xid=0x${xid.toString(16)}):`;
}

/** Flags of a multipart message: ' flags=[more]'; nothing for none. */
function multipartText(bytes: Uint8Array): string {
  if (!isMultipart(bytes)) return '';
  let flags = multipartFlags(bytes);
  if (flags === 0) return '';
  let s = ' flags=';
  if ((!isMultipartRequest(bytes) || bytes[0]! >= 4) && flags & OFPSF_MORE) {
    s += '[more]';
    flags &= ~OFPSF_MORE;
  }
  return flags ? `${s}[***unknown flags 0x${flags.toString(16).padStart(4, '0')}***]` : s;
}

const endLine = (s: string): string => (s === '' || s.endsWith('\n') ? s : `${s}\n`);
const chomp = (s: string): string => (s.endsWith(' ') ? s.slice(0, -1) : s);
const errorLine = (error: OfpError): string => `***decode error: ${error.printedName}***\n`;

/** A class, so that a message costs no closure. */
class Formatting implements FormatContext {
  readonly bytes: Uint8Array;
  readonly version: number;
  readonly raw: RawName;
  readonly verbosity: number;
  readonly portNames: NameMap | undefined;
  readonly tableNames: NameMap | undefined;
  readonly colors: Colors;
  readonly #options: FormatOptions;

  constructor(bytes: Uint8Array, version: number, raw: Raw, options: FormatOptions) {
    this.bytes = bytes;
    this.version = version;
    this.raw = raw.id;
    this.verbosity = options.verbosity ?? 1;
    this.portNames = options.portNames;
    this.tableNames = options.tableNames;
    this.colors = options.colors ?? NO_COLORS;
    this.#options = options;
  }

  nested(inner: Uint8Array): string {
    return formatBytes(inner, { ...this.#options, verbosity: 1 });
  }
}

/** The matches of the message that is being printed. One inside of another (in a bundle, in an error) has its own. */
let matches: MatchPool | undefined = new MatchPool();

/** A whole message: header, body, and what is wrong with it. */
function formatWhole(bytes: Uint8Array, options: FormatOptions): string {
  const mine = matches ?? new MatchPool();
  matches = undefined;
  try {
    return formatWith(mine, bytes, options);
  } finally {
    matches = mine;
  }
}

/** What prints only the number of a message's items, where that is asked for. */
const counter = (codec: AnyCodec, f: FormatContext): AnyCodec['countText'] =>
  f.verbosity < 1 ? codec.countText : undefined;

const decodedText = (codec: AnyCodec, message: Body<OfpKind>, f: FormatContext): string =>
  counter(codec, f)?.(message) ?? codec.format?.(message, f) ?? '';

/** What follows the name of a message: of a list that ends in an error the items before it. */
function bodyText(
  bytes: Uint8Array,
  raw: Raw,
  f: FormatContext,
  options: DecodeOptions,
): { text: string; error: OfpError | undefined } {
  const codec = codecOf(raw.kind);
  let text = '';
  if (!codec.print) {
    const { message, error } = tryDecodeMessage(bytes, options);
    if (!message) return { text, error };
    return { text: decodedText(codec, message, f), error: counter(codec, f) ? undefined : error };
  }
  try {
    const c = new DecodeContext(f.version, xidOf(bytes), raw.id, options);
    codec.print(bodyReader(bytes, raw), c, f, (item) => {
      text += item;
    });
    return { text, error: undefined };
  } catch (thrown) {
    return { text, error: asOfpError(thrown) };
  }
}

function formatWith(pool: MatchPool, bytes: Uint8Array, options: FormatOptions): string {
  const version = bytes[0]!;
  const dump = endsWithDump(options);
  let raw: Raw;
  try {
    raw = identify(bytes);
    checkLength(raw, version, bytes.length);
  } catch (thrown) {
    return endLine(errorLine(asOfpError(thrown)) + hexDump(bytes));
  }
  const header = headerText(raw, version, xidOf(bytes));
  const { text: decoded, error } = bodyText(bytes, raw, new Formatting(bytes, version, raw, options), {
    loose: isLoose(raw),
    flowModTableId: true,
    matches: pool,
  });
  let body = multipartText(bytes) + decoded;
  // Only these replies say so themselves.
  if (error && raw.kind === 'group_stats_reply') body += ' ***parse error***';
  if (!error) return endLine(chomp(header + body) + (dump ? `\n${hexDump(bytes)}` : ''));
  const text = body === '' ? `${header} ` : endLine(chomp(header + body));
  return endLine(text + errorLine(error) + hexDump(bytes));
}

const endsWithDump = (options: FormatOptions): boolean => (options.verbosity ?? 1) >= 5;

/** Printing lets unknown properties pass where the C tools do. */
const isLoose = (raw: Raw): boolean => raw.kind !== 'set_async_config';

/** Text of any bytes that are meant to be one message; every line ends in a newline. */
export function formatBytes(bytes: Uint8Array, options: FormatOptions = {}): string {
  const n = bytes.length;
  if (n === 0) return 'OpenFlow message is empty\n';
  if (n < 8) return `OpenFlow packet too short (only ${n} bytes):\n${hexDump(bytes)}`;
  const length = (bytes[2]! << 8) | bytes[3]!;
  if (length === n) return formatWhole(bytes, options);
  if (length < n) return `(***only uses ${length} bytes out of ${n}***)\n${hexDump(bytes)}`;
  let head = '';
  try {
    head = `${headerText(identify(bytes), bytes[0]!, xidOf(bytes))}\n`;
  } catch (thrown) {
    asOfpError(thrown);
  }
  return `${head}(***truncated to ${n} bytes from ${length}***)\n${hexDump(bytes)}`;
}

/** Text of a message given as bytes or as a value. */
export function formatMessage(message: OfpMessage | Uint8Array, options: FormatOptions = {}): string {
  if (message instanceof Uint8Array) return formatBytes(message, options);
  const raw = chooseRaw(message, {});
  const flags = message.more ? ' flags=[more]' : '';
  // Few kinds print from their own bytes.
  const detailed = (options.verbosity ?? 1) > 1;
  const fromBytes = message.kind === 'hello' || (message.kind === 'flow_mod' && detailed);
  const bytes = fromBytes ? (encodeMessage(message)[0] ?? EMPTY) : EMPTY;
  const body = decodedText(codecOf(raw.kind), message, new Formatting(bytes, message.version, raw, options));
  return endLine(chomp(headerText(raw, message.version, message.xid) + flags + body));
}

/** The name of a message's form, e.g. 'OFPT_FLOW_MOD', or of the error that it is. */
export function messageName(bytes: Uint8Array): string {
  try {
    return identify(bytes).name;
  } catch (thrown) {
    if (thrown instanceof OfpError) return thrown.code;
    throw thrown;
  }
}
