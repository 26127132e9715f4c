/**
 * A cursor over datapath text, for the parsers of keys and actions.
 *
 * What cannot be read throws {@link OdpSyntax}; the entry points turn it into a message for the user.
 */
import { parseIpv6, parseMac, scanInt } from '../flow/text.ts';

/** Text that is no datapath flow or action. */
export class OdpSyntax extends Error {}

/** A message for the user about such text. */
export class OdpTextError extends Error {}

export class Scanner {
  readonly text: string;
  pos = 0;

  constructor(text: string, pos = 0) {
    this.text = text;
    this.pos = pos;
  }

  get atEnd(): boolean {
    return this.pos >= this.text.length;
  }
  get rest(): string {
    return this.text.slice(this.pos);
  }
  looksAt(word: string): boolean {
    return this.text.startsWith(word, this.pos);
  }
  /** Goes past `word` if it is next. */
  take(word: string): boolean {
    if (!this.looksAt(word)) return false;
    this.pos += word.length;
    return true;
  }
  expect(word: string): void {
    if (!this.take(word)) throw new OdpSyntax();
  }
  skip(characters: string): void {
    while (!this.atEnd && characters.includes(this.text[this.pos]!)) this.pos++;
  }
  /** What a sticky regular expression matches here. */
  match(re: RegExp): RegExpExecArray | null {
    re.lastIndex = this.pos;
    const m = re.exec(this.text);
    if (m) this.pos = re.lastIndex;
    return m;
  }

  /** An integer of at most `bytes` bytes: decimal, octal or hexadecimal. */
  integer(bytes: number): bigint {
    const scanned = scanInt(this.rest, bytes);
    if (scanned.error) throw new OdpSyntax();
    this.pos = this.text.length - scanned.tail.length;
    return scanned.value;
  }
  number(bytes: 1 | 2 | 4 = 4): number {
    // As scanf does, wider values wrap.
    const scanned = scanInt(this.rest, 8);
    if (scanned.error) throw new OdpSyntax();
    this.pos = this.text.length - scanned.tail.length;
    return Number(BigInt.asUintN(8 * bytes, scanned.value));
  }
  mac(): bigint {
    const m = this.match(/(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}/y);
    const value = m ? parseMac(m[0]) : undefined;
    if (value === undefined) throw new OdpSyntax();
    return value;
  }
  ipv4(): number {
    const m = this.match(/(\d+)\.(\d+)\.(\d+)\.(\d+)/y);
    if (!m) throw new OdpSyntax();
    let value = 0;
    for (let i = 1; i <= 4; i++) value = value * 256 + (Number(m[i]) & 255);
    return value;
  }
  ipv6(): bigint {
    const m = this.match(/[0-9a-fA-F:.]{1,46}/y);
    const value = m ? parseIpv6(m[0]) : undefined;
    if (value === undefined) throw new OdpSyntax();
    return value;
  }
}

/** Runs a parser; what it cannot read becomes `undefined`. */
export function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (e) {
    if (e instanceof OdpSyntax) return undefined;
    throw e;
  }
}
