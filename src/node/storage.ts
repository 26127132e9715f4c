/**
 * Files of the host: see `Storage` in src/base/host.ts.
 *
 * The lock on `.FILE.~lock~` is a file lock taken by a `flock`-like fcntl; Node has no call for it, so it goes
 * through the C library when that is reachable.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type Storage, type StoredFile, SystemError } from '../base/host.ts';
import { vlog } from '../base/vlog.ts';
import { systemCall, toSystemError } from './system-error.ts';

const log = vlog('lockfile');
const utilLog = vlog('util');

class NodeFile implements StoredFile {
  readonly path: string;
  readonly #fd: number;
  #size: number;

  constructor(file: string, fd: number) {
    this.path = file;
    this.#fd = fd;
    this.#size = fs.fstatSync(fd).size;
  }

  size(): number {
    return this.#size;
  }

  readAt(offset: number, length: number): Uint8Array {
    return systemCall(() => {
      const bytes = new Uint8Array(length);
      let n = 0;
      while (n < length) {
        const got = fs.readSync(this.#fd, bytes, n, length - n, offset + n);
        if (got === 0) break;
        n += got;
      }
      return n === length ? bytes : bytes.subarray(0, n);
    });
  }

  append(bytes: Uint8Array): void {
    let n = 0;
    try {
      while (n < bytes.length) n += fs.writeSync(this.#fd, bytes, n, bytes.length - n, this.#size + n);
    } catch (error) {
      const reason = toSystemError(error);
      if (n > 0) systemCall(() => fs.ftruncateSync(this.#fd, this.#size));
      throw reason;
    }
    this.#size += n;
  }

  truncate(size: number): void {
    systemCall(() => fs.ftruncateSync(this.#fd, size));
    this.#size = size;
  }

  sync(done: (error: SystemError | undefined) => void): void {
    fs.fdatasync(this.#fd, (error) => done(error ? toSystemError(error) : undefined));
  }

  close(): void {
    systemCall(() => fs.closeSync(this.#fd));
  }
}

/** Where a link leads whose target does not exist yet. */
function followLinks(file: string): string {
  for (let i = 0, name = file; i < 10; i++) {
    if (!fs.lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink()) return name;
    name = path.resolve(path.dirname(name), fs.readlinkSync(name));
  }
  throw new SystemError('ELOOP');
}

/** @param shown its name as the user wrote it @throws SystemError */
function openLockFile(name: string, shown: string): number {
  try {
    return systemCall(() => fs.openSync(name, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600));
  } catch (error) {
    const { message } = error as SystemError;
    log.warn(`${shown}: failed to open lock file: ${message}`);
    log.warn(`${shown}: failed to lock file: ${message}`);
    throw error;
  }
}

export class NodeStorage implements Storage {
  /** Locks that this process holds (an fcntl lock does not exclude its own process). */
  readonly #locked = new Set<string>();

  read(file: string): Uint8Array {
    return systemCall(() => fs.readFileSync(file));
  }

  exists(file: string): boolean {
    return fs.existsSync(file);
  }

  resolve(file: string): string {
    // Not the working directory.
    if (file === '') return '';
    return systemCall(() => (fs.existsSync(file) ? fs.realpathSync(file) : followLinks(path.resolve(file))));
  }

  open(file: string, options: { create?: 'excl' | 'maybe'; readOnly?: boolean }): StoredFile {
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
    let flags = options.readOnly ? O_RDONLY : O_RDWR;
    if (options.create) flags |= O_CREAT;
    if (options.create === 'excl') flags |= O_EXCL;
    return systemCall(() => new NodeFile(file, fs.openSync(file, flags, 0o640)));
  }

  lock(file: string): () => void {
    const real = systemCall(() => (fs.existsSync(file) ? fs.realpathSync(file) : path.resolve(file)));
    const name = path.join(path.dirname(real), `.${path.basename(real)}.~lock~`);
    if (this.#locked.has(name)) throw new SystemError('EAGAIN');
    const shown = path.join(path.dirname(file), path.basename(name));
    const fd = openLockFile(name, shown);
    try {
      locker?.lockExclusive(fd);
    } catch (error) {
      const holder = locker!.lockHolder(fd);
      fs.closeSync(fd);
      if (holder === undefined) log.warn(`${shown}: failed to lock file: ${(error as SystemError).message}`);
      else log.warn(`${shown}: cannot lock file because it is already locked by pid ${holder}`);
      throw error;
    }
    this.#locked.add(name);
    return () => {
      this.#locked.delete(name);
      fs.closeSync(fd);
    };
  }

  rename(from: string, to: string): void {
    systemCall(() => fs.renameSync(from, to));
    // The file has its new name whatever becomes of this.
    try {
      const directory = fs.openSync(path.dirname(to), fs.constants.O_RDONLY);
      try {
        fs.fsyncSync(directory);
      } finally {
        fs.closeSync(directory);
      }
    } catch (error) {
      utilLog.err(`${path.dirname(to)}: fsync failed (${toSystemError(error).message})`);
    }
  }

  remove(file: string): void {
    systemCall(() => fs.unlinkSync(file));
  }
}

/** How files are locked: file-lock.ts. */
export interface FileLocker {
  /** @throws SystemError */
  lockExclusive(fd: number): void;
  lockHolder(fd: number): number | undefined;
}

/** Set by the code that has the C library at hand. */
let locker: FileLocker | undefined;
export function setFileLocker(fileLocker: FileLocker): void {
  locker = fileLocker;
}
