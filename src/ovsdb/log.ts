/**
 * A file of JSON records, each after a line with its length and SHA-1: what a database is on the disk.
 *
 * A log is read from its start; the first write cuts off what has not been read (a record torn by a crash, say) and
 * appends from there. Writes are whole records or nothing; `sync` says when they are safe on the disk.
 * The format is that of ovsdb(5). C counterpart: ovsdb/log.c.
 */
import { type Storage, type StoredFile, SystemError } from '../base/host.ts';
import { Sha1, sha1Hex } from '../base/sha1.ts';
import { RateLimit, vlog } from '../base/vlog.ts';
import { JsonError, type JsonObject, parseJson, stringifyJson } from '../jsonrpc/json.ts';
import { decodeUtf8 } from '../jsonrpc/utf8.ts';
import { isJsonObject } from './members.ts';
import { ioError, OvsdbError, syntaxError } from './ovsdb-error.ts';
import { recordPieces } from './record-pieces.ts';

const log = vlog('ovsdb_log');
const rl = new RateLimit(5, 5);

/** The magic words of a stand-alone database and of a clustered one. */
export const OVSDB_MAGIC = 'JSON';
export const RAFT_MAGIC = 'CLUSTER';

export type LogMode = 'read' | 'write' | 'create-exclusive' | 'create';

const FAILED_TO: Readonly<Record<LogMode, string>> = {
  read: 'open',
  write: 'open',
  'create-exclusive': 'create',
  create: 'create or open',
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A header line is shorter than this. */
const MAX_HEADER = 127;
const ULONG_MAX = 2n ** 64n - 1n;
/** Bytes that are read at once. */
const CHUNK = 256 * 1024;
/** Records from this length on are read in pieces. */
const LONG_RECORD = 1024 * 1024;
/** The C implementation reads bodies in pieces of this size, which its errors show. */
const C_PIECE = 8192;

const plain = (details: string): OvsdbError => new OvsdbError('ovsdb error', details);

interface Header {
  readonly magic: string;
  readonly length: number;
  readonly sha1: string;
}

function parseHeader(line: string): Header | undefined {
  const match = /^OVSDB ([^ ]*) (\d+) ([0-9a-fA-F]{40})\n$/.exec(line);
  const length = Number(match?.[2]);
  if (!match || length === 0 || BigInt(match[2]!) >= ULONG_MAX) return undefined;
  return { magic: match[1]!, length, sha1: match[3]!.toLowerCase() };
}

/** A line that is no header as errors show it: as far as the C implementation makes sense of it. */
function badHeaderText(line: string): string {
  const text = line.replace(/[\n\0].*$/s, '');
  return /^OVSDB [^ ]*(?= )/.exec(text)?.[0] ?? text;
}

const headerText = (magic: string, length: number, sha1: string): string =>
  `OVSDB ${magic} ${length} ${sha1}\n`;

/** Reused for composing records: the body stands after room for the header. */
let scratch = new Uint8Array(4096);
let scratchBody = scratch.subarray(MAX_HEADER);
function resizeScratch(length: number): void {
  scratch = new Uint8Array(length);
  scratchBody = scratch.subarray(MAX_HEADER);
}

/** The bytes of a record, valid until the next call. `text` is the JSON. */
export function composeRecord(magic: string, text: string): Uint8Array {
  const need = MAX_HEADER + text.length * 3 + 1;
  if (scratch.length < need) resizeScratch(need * 2);
  let end = MAX_HEADER + encoder.encodeInto(text, scratchBody).written;
  scratch[end++] = 0x0a;
  const header = headerText(magic, end - MAX_HEADER, sha1Hex(scratch, MAX_HEADER, end));
  const start = MAX_HEADER - header.length;
  for (let i = 0; i < header.length; i++) scratch[start + i] = header.charCodeAt(i);
  const record = scratch.subarray(start, end);
  // Do not keep the memory of an exceptionally long record.
  if (scratch.length > 16 * 1024 * 1024) resizeScratch(4096);
  return record;
}

export class OvsdbLog {
  /** As the user named it. */
  readonly name: string;
  /** Absolute, and free of symbolic links. */
  readonly #path: string;
  readonly magic: string;
  readonly #storage: Storage;
  #file: StoredFile;
  readonly #unlock: (() => void) | undefined;
  #writing = false;
  #readError: OvsdbError | undefined;
  #previous = 0;
  /** End of the records read or written so far. */
  #offset = 0;
  #base = 0;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  /** While the log is being replaced: the records written meanwhile. */
  #meanwhile: Uint8Array[] | undefined;
  /** Gives up the replacement that is under way. */
  #abandon: (() => void) | undefined;

  private constructor(storage: Storage, name: string, path: string, file: StoredFile, unlock?: () => void) {
    this.name = name;
    this.#path = path;
    this.#storage = storage;
    this.#file = file;
    this.#unlock = unlock;
    this.magic = '';
  }

  /**
   * @param magics what kinds of file are welcome; a new one gets the first
   * @param lock whether to lock the file; by default where it may be written
   * @throws OvsdbError
   */
  static open(
    storage: Storage,
    name: string,
    magics: readonly string[],
    mode: LogMode,
    lock = mode !== 'read',
  ): OvsdbLog {
    let unlock: (() => void) | undefined;
    if (lock) {
      try {
        unlock = storage.lock(name);
      } catch (error) {
        throw wrapSystemError(error, `${name}: failed to lock lockfile`);
      }
    }
    let file: StoredFile | undefined;
    try {
      let path: string;
      try {
        path = storage.resolve(name);
        // A dangling link cannot be opened exclusively.
        if (mode === 'create-exclusive') file = storage.open(path, { create: 'excl' });
        else if (mode === 'create') file = storage.open(path, { create: 'maybe' });
        else file = storage.open(path, { readOnly: mode === 'read' });
      } catch (error) {
        throw wrapSystemError(error, `${name}: ${FAILED_TO[mode]} failed`);
      }
      const opened = new OvsdbLog(storage, name, path, file, unlock);
      (opened as { magic: string }).magic = opened.#identify(magics);
      return opened;
    } catch (error) {
      file?.close();
      unlock?.();
      throw error;
    }
  }

  #identify(magics: readonly string[]): string {
    const line = this.#line(0, 'read error');
    if (line === '') {
      if (magics.length > 1) throw plain(`${this.name}: cannot identify file type`);
      return magics[0]!;
    }
    const header = parseHeader(line);
    if (!header) throw plain(`${this.name}: unexpected file format`);
    if (!magics.includes(header.magic)) throw plain(`${this.name}: cannot identify file type`);
    return header.magic;
  }

  /** Size of the records read or written so far. */
  get offset(): number {
    return this.#offset;
  }

  /** At most `length` bytes at `offset`. */
  #bytes(offset: number, length: number, failed = 'read failed'): Uint8Array {
    const inWindow = offset - this.#windowAt;
    if (inWindow < 0 || inWindow + length > this.#window.length) {
      try {
        // A length out of a file may be any number.
        const left = Math.max(0, this.#file.size() - offset);
        this.#window = this.#file.readAt(offset, Math.min(left, Math.max(length, CHUNK)));
      } catch (error) {
        throw wrapSystemError(error, `${this.name}: ${failed}`);
      }
      this.#windowAt = offset;
    }
    return this.#window.subarray(offset - this.#windowAt, offset - this.#windowAt + length);
  }

  /** The line at `offset` with its newline, as far as a header may be long. */
  #line(offset: number, failed?: string): string {
    const bytes = this.#bytes(offset, MAX_HEADER, failed);
    const newline = bytes.indexOf(0x0a);
    return decoder.decode(newline < 0 ? bytes : bytes.subarray(0, newline + 1));
  }

  /** The next record; undefined at the end. @throws OvsdbError, from then on always the same */
  read(): JsonObject | undefined {
    if (this.#readError) throw this.#readError;
    if (this.#writing) return undefined;
    try {
      return this.#readRecord();
    } catch (error) {
      if (error instanceof OvsdbError) this.#readError = error;
      throw error;
    }
  }

  #readRecord(): JsonObject | undefined {
    const line = this.#line(this.#offset);
    if (line === '') return undefined;
    const header = parseHeader(line);
    if (header?.magic !== this.magic)
      throw syntaxError(
        undefined,
        `${this.name}: parse error at offset ${this.#offset} in header line "${badHeaderText(line)}"`,
      );
    const { length } = header;
    const start = this.#offset + line.length;
    const bytes = this.#bytes(start, length);
    if (bytes.length < length) {
      const left = length - Math.floor(bytes.length / C_PIECE) * C_PIECE;
      const details = `${this.name}: error reading ${left} bytes starting at offset ${start}`;
      throw new OvsdbError('I/O error', details, { io: 'End of file' });
    }
    const what = `${this.name}: ${length} bytes starting at offset ${start}`;
    const actual = sha1Hex(bytes);
    if (actual !== header.sha1)
      throw syntaxError(undefined, `${what} have SHA-1 hash ${actual} but should have hash ${header.sha1}`);
    let json: unknown;
    try {
      json = parseJson(decodeUtf8(bytes));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      throw syntaxError(undefined, `${what} are not valid JSON (${error.message})`);
    }
    if (!isJsonObject(json as JsonObject)) throw syntaxError(undefined, `${what} are not a JSON object`);
    this.#previous = this.#offset;
    this.#offset = start + length;
    return json as JsonObject;
  }

  /**
   * The pieces of the next record (see record-pieces.ts), if it is a long one and undamaged: then neither its text nor
   * its JSON is ever in memory as a whole. It counts as read when the last piece has been taken; until then `read` has
   * it too. @throws JsonError while pieces are taken
   */
  readPieces(): Generator<JsonObject> | undefined {
    if (this.#readError || this.#writing) return undefined;
    const line = this.#line(this.#offset);
    const header = parseHeader(line);
    if (header?.magic !== this.magic || header.length < LONG_RECORD) return undefined;
    const start = this.#offset + line.length;
    const sha1 = new Sha1();
    for (const chunk of this.#chunks(start, header.length)) sha1.update(chunk);
    return sha1.hex() === header.sha1 ? this.#pieces(start, header.length) : undefined;
  }

  *#pieces(start: number, length: number): Generator<JsonObject> {
    for (const text of recordPieces(this.#chunks(start, length))) {
      const json = parseJson(text);
      if (!isJsonObject(json)) throw new JsonError('not an object');
      yield json;
    }
    this.#previous = this.#offset;
    this.#offset = start + length;
  }

  /** The bytes there, up to the end of the file. */
  *#chunks(start: number, length: number): Generator<Uint8Array> {
    for (let at = 0; at < length; at += CHUNK) {
      const chunk = this.#bytes(start + at, Math.min(CHUNK, length - at));
      if (chunk.length === 0) return;
      yield chunk;
    }
  }

  /** Discards the record read last: the next write overwrites it. */
  unread(): void {
    this.#offset = this.#previous;
  }

  /** @throws OvsdbError */
  write(json: JsonObject): void {
    this.writeText(stringifyJson(json));
  }

  /** @param text JSON of an object @throws OvsdbError */
  writeText(text: string): void {
    this.#append(composeRecord(this.magic, text));
  }

  #append(record: Uint8Array): void {
    if (!this.#writing) {
      try {
        this.#file.truncate(this.#offset);
      } catch (error) {
        throw wrapSystemError(error, `${this.name}: cannot truncate to length ${this.#offset}`);
      }
      this.#writing = true;
      this.#readError = undefined;
      this.#window = new Uint8Array(0);
    }
    try {
      this.#file.append(record);
    } catch (error) {
      // The next write tries to cut off what may be left of this one.
      this.#writing = false;
      log.warnRl(rl, `${this.#path}: write failed (${(error as Error).message})`);
      throw wrapSystemError(error, `${this.name}: write failed`);
    }
    this.#offset += record.length;
    this.#meanwhile?.push(record.slice());
  }

  /** Calls `done` when everything written is safe on the disk, or with the reason why it is not. */
  sync(done: (error: OvsdbError | undefined) => void): void {
    this.#file.sync((error) => done(error && ioError(error, `${this.name}: fsync failed`)));
  }

  /** Notes the size that the log would have after a compaction. */
  markBase(): void {
    this.#base = this.#offset;
  }

  /** Whether compaction would save much. */
  get grewLots(): boolean {
    return this.#offset > 10 * 1024 * 1024 && this.#offset / 2 > this.#base;
  }

  get isBeingReplaced(): boolean {
    return this.#meanwhile !== undefined;
  }

  /**
   * Begins to put other records in the place of all that were written so far. What is written to the log meanwhile goes
   * to both. @throws OvsdbError
   */
  startReplacement(): LogReplacement {
    const temporary = `${this.#path}.tmp`;
    let file: StoredFile;
    try {
      if (this.#storage.exists(temporary)) this.#storage.remove(temporary);
      file = this.#storage.open(temporary, { create: 'excl' });
    } catch (error) {
      throw wrapSystemError(error, `${temporary}: create failed`);
    }
    const meanwhile: Uint8Array[] = [];
    this.#meanwhile = meanwhile;
    const abandon = (): void => {
      if (this.#abandon !== abandon) return;
      this.#meanwhile = undefined;
      this.#abandon = undefined;
      try {
        file.close();
        this.#storage.remove(temporary);
      } catch (error) {
        // What is left of it is removed before the next one.
        log.warnRl(rl, `${temporary}: remove failed (${(error as Error).message})`);
      }
    };
    this.#abandon = abandon;
    let base = 0;
    const catchUp = (): void => {
      for (const record of meanwhile.splice(0)) file.append(record);
    };
    const commit = (done: (error: OvsdbError | undefined) => void): void => {
      base = file.size();
      const fail = (error: unknown): void => {
        abandon();
        done(error instanceof OvsdbError ? error : wrapSystemError(error, `${temporary}: write failed`));
      };
      const settle = (error: SystemError | undefined): void => {
        // The log was closed meanwhile.
        if (this.#abandon !== abandon) return;
        if (error) {
          fail(ioError(error, `${temporary}: fsync failed`));
          return;
        }
        try {
          if (meanwhile.length > 0) {
            catchUp();
            file.sync(settle);
            return;
          }
          this.#storage.rename(temporary, this.#path);
        } catch (thrown) {
          fail(thrown);
          return;
        }
        try {
          this.#file.close();
        } catch (thrown) {
          log.warnRl(rl, `${this.#path}: close failed (${(thrown as Error).message})`);
        }
        this.#file = file;
        this.#offset = file.size();
        this.#base = base;
        this.#writing = true;
        this.#readError = undefined;
        this.#meanwhile = undefined;
        this.#abandon = undefined;
        done(undefined);
      };
      try {
        catchUp();
        file.sync(settle);
      } catch (error) {
        fail(error);
      }
    };
    return new LogReplacement(this.magic, file, commit, abandon);
  }

  close(): void {
    this.#abandon?.();
    this.#file.close();
    this.#unlock?.();
  }
}

/** The records that will take a log's place. */
export class LogReplacement {
  readonly #magic: string;
  readonly #file: StoredFile;
  /** Ends it: `done` is told when the new file has taken the old one's place, or why it could not. */
  readonly commit: (done: (error: OvsdbError | undefined) => void) => void;
  readonly abandon: () => void;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #sha1 = new Sha1();

  constructor(magic: string, file: StoredFile, commit: LogReplacement['commit'], abandon: () => void) {
    this.#magic = magic;
    this.#file = file;
    this.commit = commit;
    this.abandon = abandon;
  }

  /** Adds a piece of the text of a record. */
  addText(text: string): void {
    const bytes = encoder.encode(text);
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    this.#sha1.update(bytes);
  }

  /** Ends the record and writes it, some of it at each step. @throws OvsdbError */
  *endRecord(): Generator<void> {
    this.addText('\n');
    try {
      this.#file.append(encoder.encode(headerText(this.#magic, this.#length, this.#sha1.hex())));
      for (const piece of this.#pieces) {
        this.#file.append(piece);
        yield;
      }
    } catch (error) {
      throw wrapSystemError(error, `${this.#file.path}: write failed`);
    }
    this.#pieces = [];
    this.#length = 0;
    this.#sha1 = new Sha1();
  }
}

function wrapSystemError(error: unknown, details: string): OvsdbError {
  if (error instanceof SystemError) return ioError(error, details);
  throw error;
}
