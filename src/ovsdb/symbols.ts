/** Names of rows that a transaction makes ("named-uuid"), and the UUIDs that stand for them. */
import type { Random } from '../base/host.ts';
import { randomUuid, type Uuid } from '../base/uuid.ts';

export interface RowSymbol {
  uuid: Uuid;
  /** A row of that name has been made. */
  created: boolean;
  /** A reference of that strength to it was parsed. */
  strongRef: boolean;
  weakRef: boolean;
}

export class SymbolTable {
  readonly #random: Random;
  /** Made when there is one: most transactions name no rows. */
  #symbols: Map<string, RowSymbol> | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  get(name: string): RowSymbol | undefined {
    return this.#symbols?.get(name);
  }

  /** The symbol of that name, made with a random UUID at its first mention. */
  mention(name: string): RowSymbol {
    this.#symbols ??= new Map();
    let symbol = this.#symbols.get(name);
    if (!symbol) {
      symbol = { uuid: randomUuid(this.#random), created: false, strongRef: false, weakRef: false };
      this.#symbols.set(name, symbol);
    }
    return symbol;
  }

  entries(): IterableIterator<[string, RowSymbol]> {
    return (this.#symbols ?? new Map<string, RowSymbol>()).entries();
  }
}
