/** Names of a switch's ports or tables. C counterpart: struct ofputil_name_map. */
import type { NameMap } from '../../flow/ports.ts';

interface Entry {
  readonly number: number;
  readonly name: string;
  ambiguous: boolean;
}

/** A map that knows what is not unique: such a name or number is not translated. */
export class Names implements NameMap {
  readonly #byName = new Map<string, Entry>();
  readonly #byNumber = new Map<number, Entry>();

  add(number: number, name: string): void {
    const sameName = this.#byName.get(name);
    if (sameName) {
      if (sameName.number !== number) sameName.ambiguous = true;
      return;
    }
    const sameNumber = this.#byNumber.get(number);
    if (sameNumber && !sameNumber.ambiguous) {
      sameNumber.ambiguous = true;
      return;
    }
    const entry = { number, name, ambiguous: false };
    this.#byName.set(name, entry);
    this.#byNumber.set(number, entry);
  }

  nameOf(number: number): string | undefined {
    const entry = this.#byNumber.get(number);
    return entry && !entry.ambiguous ? entry.name : undefined;
  }

  numberOf(name: string): number | undefined {
    const entry = this.#byName.get(name);
    return entry && !entry.ambiguous ? entry.number : undefined;
  }
}

/** Knows no name, and remembers whether it was asked for one. */
export class NoNames implements NameMap {
  asked = false;
  nameOf(): undefined {}
  numberOf(): undefined {
    this.asked = true;
  }
}
