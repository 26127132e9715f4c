/**
 * Hash tables keyed by 32-bit hashes, open addressing with linear probing, in typed arrays: what subtables are
 * made of. Deletion shifts later entries back, so there are no tombstones and tables shrink again.
 */

const MIN_SLOTS = 8;

/** How often each hash occurs: answers "is there any rule with this hash?". */
export class CountedHashes {
  #hashes: Int32Array = new Int32Array(MIN_SLOTS);
  #counts: Int32Array = new Int32Array(MIN_SLOTS);
  #used = 0;

  has(hash: number): boolean {
    return this.#counts[this.#find(hash)] !== 0;
  }

  /** @returns the hash's slot, or the free one where it belongs */
  #find(hash: number): number {
    const hashes = this.#hashes;
    const counts = this.#counts;
    const last = hashes.length - 1;
    let i = hash & last;
    while (counts[i] !== 0 && hashes[i] !== hash) i = (i + 1) & last;
    return i;
  }

  add(hash: number): void {
    const i = this.#find(hash);
    if (this.#counts[i]!++ !== 0) return;
    this.#hashes[i] = hash;
    if (++this.#used * 4 > this.#hashes.length * 3) this.#resize(this.#hashes.length * 2);
  }

  remove(hash: number): void {
    let hole = this.#find(hash);
    if (this.#counts[hole] === 0 || --this.#counts[hole]! !== 0) return;
    const last = this.#hashes.length - 1;
    for (let i = (hole + 1) & last; this.#counts[i] !== 0; i = (i + 1) & last) {
      if (((i - (this.#hashes[i]! & last)) & last) < ((i - hole) & last)) continue;
      this.#hashes[hole] = this.#hashes[i]!;
      this.#counts[hole] = this.#counts[i]!;
      this.#counts[i] = 0;
      hole = i;
    }
    if (--this.#used * 8 < this.#hashes.length && this.#hashes.length > MIN_SLOTS)
      this.#resize(this.#hashes.length / 2);
  }

  #resize(slots: number): void {
    const hashes = this.#hashes;
    const counts = this.#counts;
    this.#hashes = new Int32Array(slots);
    this.#counts = new Int32Array(slots);
    for (let i = 0; i < hashes.length; i++) {
      if (counts[i] === 0) continue;
      const j = this.#find(hashes[i]!);
      this.#hashes[j] = hashes[i]!;
      this.#counts[j] = counts[i]!;
    }
  }
}

/** Values by hash. Several values may have the same hash: {@link first} and {@link next} visit them. */
export class HashSlots<T extends object> {
  #hashes: Int32Array = new Int32Array(MIN_SLOTS);
  #values: (T | undefined)[] = new Array(MIN_SLOTS).fill(undefined);
  #used = 0;

  get size(): number {
    return this.#used;
  }

  /** @returns the slot of the first value with that hash, or -1 */
  first(hash: number): number {
    return this.#seek(hash, hash & (this.#hashes.length - 1));
  }

  next(hash: number, slot: number): number {
    return this.#seek(hash, (slot + 1) & (this.#hashes.length - 1));
  }

  #seek(hash: number, start: number): number {
    const hashes = this.#hashes;
    const last = hashes.length - 1;
    for (let i = start; this.#values[i] !== undefined; i = (i + 1) & last) if (hashes[i] === hash) return i;
    return -1;
  }

  at(slot: number): T {
    return this.#values[slot]!;
  }

  replace(slot: number, value: T): void {
    this.#values[slot] = value;
  }

  insert(hash: number, value: T): void {
    if ((this.#used + 1) * 4 > this.#hashes.length * 3) this.#resize(this.#hashes.length * 2);
    this.#place(hash, value);
    this.#used++;
  }

  #place(hash: number, value: T): void {
    const last = this.#hashes.length - 1;
    let i = hash & last;
    while (this.#values[i] !== undefined) i = (i + 1) & last;
    this.#hashes[i] = hash;
    this.#values[i] = value;
  }

  remove(slot: number): void {
    const last = this.#hashes.length - 1;
    let hole = slot;
    for (let i = (hole + 1) & last; this.#values[i] !== undefined; i = (i + 1) & last) {
      if (((i - (this.#hashes[i]! & last)) & last) < ((i - hole) & last)) continue;
      this.#hashes[hole] = this.#hashes[i]!;
      this.#values[hole] = this.#values[i];
      hole = i;
    }
    this.#values[hole] = undefined;
    if (--this.#used * 8 < this.#hashes.length && this.#hashes.length > MIN_SLOTS)
      this.#resize(this.#hashes.length / 2);
  }

  #resize(slots: number): void {
    const hashes = this.#hashes;
    const values = this.#values;
    this.#hashes = new Int32Array(slots);
    this.#values = new Array<T | undefined>(slots).fill(undefined);
    for (let i = 0; i < hashes.length; i++) {
      const value = values[i];
      if (value !== undefined) this.#place(hashes[i]!, value);
    }
  }
}
