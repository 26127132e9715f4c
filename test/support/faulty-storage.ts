/** A host's storage whose calls fail when the test says so. */
import { type Storage, type StoredFile, SystemError } from '../../src/base/host.ts';

export class FaultyStorage implements Storage {
  readonly #storage: Storage;
  /** Calls that may fail, so far. */
  calls = 0;
  /** Whether the call of that number fails, and how. */
  fault: (call: number) => 'EIO' | 'ENOSPC' | undefined = () => undefined;
  faults = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @throws SystemError */
  check(): void {
    const code = this.fault(this.calls++);
    if (code === undefined) return;
    this.faults++;
    throw new SystemError(code);
  }

  read(path: string): Uint8Array {
    this.check();
    return this.#storage.read(path);
  }
  exists(path: string): boolean {
    return this.#storage.exists(path);
  }
  resolve(path: string): string {
    return this.#storage.resolve(path);
  }
  open(path: string, options: { create?: 'excl' | 'maybe'; readOnly?: boolean }): StoredFile {
    this.check();
    return new FaultyFile(this, this.#storage.open(path, options));
  }
  lock(path: string): () => void {
    return this.#storage.lock(path);
  }
  rename(from: string, to: string): void {
    this.check();
    this.#storage.rename(from, to);
  }
  remove(path: string): void {
    this.check();
    this.#storage.remove(path);
  }
}

class FaultyFile implements StoredFile {
  readonly #storage: FaultyStorage;
  readonly #file: StoredFile;

  constructor(storage: FaultyStorage, file: StoredFile) {
    this.#storage = storage;
    this.#file = file;
  }
  get path(): string {
    return this.#file.path;
  }
  size(): number {
    return this.#file.size();
  }
  readAt(offset: number, length: number): Uint8Array {
    this.#storage.check();
    return this.#file.readAt(offset, length);
  }
  append(bytes: Uint8Array): void {
    this.#storage.check();
    this.#file.append(bytes);
  }
  truncate(size: number): void {
    this.#storage.check();
    this.#file.truncate(size);
  }
  sync(done: (error: SystemError | undefined) => void): void {
    try {
      this.#storage.check();
    } catch (error) {
      this.#file.sync(() => done(error as SystemError));
      return;
    }
    this.#file.sync(done);
  }
  close(): void {
    this.#file.close();
    this.#storage.check();
  }
}
