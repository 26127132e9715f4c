/**
 * What the file of each message implements, and what it is given to do so.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Colors } from '../../base/colors.ts';
import type { NameMap } from '../../flow/ports.ts';
import type { OfpVersion } from '../version.ts';
import type { Body, Message, OfpBody, OfpKind } from './message.ts';
import type { DecodeOptions, EncodeOptions } from './options.ts';
import type { Raw, RawName } from './raw.ts';

/** What is known of a message while its body is decoded. */
export class DecodeContext {
  readonly version: OfpVersion;
  readonly xid: number;
  readonly raw: RawName;
  readonly options: DecodeOptions;
  /** Whether unknown properties and bits are let pass (for printing). */
  readonly loose: boolean;
  /** What was understood of a list before the error that stopped it. */
  partial: OfpBody | undefined;

  constructor(version: OfpVersion, xid: number, raw: RawName, options: DecodeOptions) {
    this.version = version;
    this.xid = xid;
    this.raw = raw;
    this.options = options;
    this.loose = options.loose ?? false;
  }

  /** `nxm` for messages in a Nicira form that every version has (roles). */
  get nicira(): { readonly nxm?: true } {
    return this.raw.startsWith('NXT_') ? { nxm: true } : {};
  }

  /** Decodes items to the end of the body. After an error those before it stay in `partial`. */
  items<T, B extends OfpBody>(r: ByteReader, one: (r: ByteReader) => T, wrap: (items: T[]) => B): B {
    const items: T[] = [];
    try {
      while (r.left > 0) items.push(one(r));
    } catch (error) {
      this.partial = wrap(items);
      throw error;
    }
    return wrap(items);
  }
}

/** What is known of a message while its body is encoded. */
export class EncodeContext {
  readonly version: OfpVersion;
  readonly raw: RawName;
  readonly options: EncodeOptions;
  readonly #w: ByteWriter;
  /** Ends of the items of a list, where a multipart message may be split. */
  readonly ends: number[] = [];

  constructor(version: OfpVersion, raw: RawName, options: EncodeOptions, w: ByteWriter) {
    this.version = version;
    this.raw = raw;
    this.options = options;
    this.#w = w;
  }

  /** Encodes the items of a multipart message; between them it may be split. */
  items<T>(items: readonly T[], one: (item: T) => void): void {
    for (const item of items) {
      one(item);
      this.ends.push(this.#w.length);
    }
  }
}

/** What printing of a body is given. */
export interface FormatContext {
  readonly version: OfpVersion;
  readonly raw: RawName;
  readonly verbosity: number;
  readonly portNames: NameMap | undefined;
  readonly tableNames: NameMap | undefined;
  readonly colors: Colors;
  /** The whole message. */
  readonly bytes: Uint8Array;
  /** Prints a message inside this one. */
  nested(bytes: Uint8Array): string;
}

/** What printing of matches and actions is given. */
export type NameContext = Pick<FormatContext, 'portNames' | 'tableNames' | 'colors'>;

/** One message: its bytes and its text. */
export interface Codec<K extends OfpKind> {
  /** @throws OfpError, MatchError, TruncatedError (which becomes OFPBRC_BAD_LEN) */
  decode(r: ByteReader, c: DecodeContext): Body<K>;
  encode(w: ByteWriter, m: Message<K>, c: EncodeContext): void;
  /** Text after "NAME (xid=...):". Absent: nothing. */
  format?(m: Body<K>, f: FormatContext): string;
  /** Its text at verbosity 0, if that is but the number of its items: what is wrong with the next one is not told then. */
  countText?(m: Body<K>): string;
  /**
   * For long lists: decodes and prints item by item what `decode` and `format` would of all at once. So one flow's
   * match is used over and over, and stays in the processor's cache. `add` takes the text of each; throws as `decode`.
   */
  print?(r: ByteReader, c: DecodeContext, f: FormatContext, add: (text: string) => void): void;
  /** Which form to write where a version has several. Absent: the first of the table. */
  choose?(m: Message<K>, forms: readonly Raw[], options: EncodeOptions): RawName | undefined;
}

/** Kinds of messages without a body. */
type EmptyKind = { [K in OfpKind]: keyof Body<K> extends 'kind' ? K : never }[OfpKind];

/** A message without a body. */
export function emptyCodec<K extends EmptyKind>(kind: K): Codec<K> {
  return { decode: () => ({ kind }) as Body<K>, encode: () => {} };
}
