/**
 * The FLOW_MODs of a command or a file, as messages.
 *
 * Which protocol they are sent in is known only after the last has been parsed and the switch has been asked, and files
 * have hundreds of thousands of them. To keep that many as objects takes longer than to parse them, so each becomes
 * a message as soon as it is parsed, in the protocol that those before it suggest. In the rare case that it is
 * another one in the end, the text is parsed again.
 */
import { catchAllMatch } from '../../flow/layout.ts';
import { clearMatch } from '../../flow/match/pool.ts';
import { OfpError } from '../../openflow/errors.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import type { FlowMod } from '../../openflow/messages/message.ts';
import { type ParseOptions, significantLines } from '../../openflow/parse/common.ts';
import {
  type FlowTextCommand,
  parseFlow,
  parseFlowMod,
  parseFlowModFile,
} from '../../openflow/parse/flow-mod.ts';
import { type Protocol, type Protocols, protocolVersion } from '../../openflow/version.ts';
import type { Xids } from './connection.ts';

const PIECE_BYTES = 1024 * 1024;

const encode = (flowMod: FlowMod, protocol: Protocol): Uint8Array =>
  encodeOne({ kind: 'flow_mod', ...flowMod, version: protocolVersion(protocol), xid: 0 }, { protocol });

/** Messages one after another in few pieces of memory. */
class MessageStore {
  readonly #pieces: Uint8Array[] = [];
  #used = PIECE_BYTES;

  add(message: Uint8Array): void {
    if (this.#used + message.length > PIECE_BYTES) {
      if (this.#pieces.length > 0) this.#pieces.push(this.#pieces.pop()!.subarray(0, this.#used));
      this.#pieces.push(new Uint8Array(PIECE_BYTES));
      this.#used = 0;
    }
    this.#pieces.at(-1)!.set(message, this.#used);
    this.#used += message.length;
  }

  *messages(): Generator<Uint8Array> {
    for (const piece of this.#pieces) {
      const end = piece === this.#pieces.at(-1) ? this.#used : piece.length;
      for (let at = 0; at < end; ) {
        const next = at + ((piece[at + 2]! << 8) | piece[at + 3]!);
        yield piece.subarray(at, next);
        at = next;
      }
    }
  }
}

function setXid(message: Uint8Array, xid: number): Uint8Array {
  message[4] = xid >>> 24;
  message[5] = xid >>> 16;
  message[6] = xid >>> 8;
  message[7] = xid;
  return message;
}

export class FlowModMessages {
  /** Those that can say all of them. */
  readonly protocols: Protocols;
  readonly #store: MessageStore | undefined;
  /** What the messages in the store are written in. */
  readonly #stored: Protocol;
  /** Parses all flows again; a flow is valid until the next. */
  readonly #again: () => Iterable<FlowMod>;

  private constructor(protocols: Protocols, again: () => Iterable<FlowMod>, guess?: Guess) {
    this.protocols = protocols;
    this.#again = again;
    this.#store = guess?.store;
    this.#stored = guess?.protocol ?? 0;
  }

  /** One flow. @throws ParseError */
  static parse(text: string, command: FlowTextCommand, options: ParseOptions): FlowModMessages {
    const { value, protocols } = parseFlowMod(text, command, options);
    return new FlowModMessages(protocols, () => [value]);
  }

  /**
   * All flows of a file.
   * @param suggest the protocol that will be chosen out of the usable ones, if it can be known
   * @throws ParseError
   */
  static parseFile(
    name: string,
    text: string,
    command: FlowTextCommand,
    options: ParseOptions,
    suggest: (usable: Protocols) => Protocol,
  ): FlowModMessages {
    const guess = new Guess(suggest);
    const protocols = parseFlowModFile(name, text, command, options, (flowMod, usable) =>
      guess.add(flowMod, usable),
    );
    const match = catchAllMatch();
    const again = function* (): Generator<FlowMod> {
      for (const line of significantLines(text))
        yield parseFlow(line.text, command, options, clearMatch(match)).value;
    };
    return new FlowModMessages(protocols, again, guess);
  }

  /** The messages with their numbers. @throws OfpError when the protocol cannot say one of them */
  *encoded(protocol: Protocol, xids: Pick<Xids, 'next'>): Generator<Uint8Array> {
    if (this.#store && this.#stored === protocol) {
      for (const message of this.#store.messages()) yield setXid(message, xids.next());
    } else {
      for (const flowMod of this.#again()) yield setXid(encode(flowMod, protocol), xids.next());
    }
  }
}

/** Messages in the protocol that the first flow suggests, for as long as later ones do not narrow it. */
class Guess {
  readonly #suggest: (usable: Protocols) => Protocol;
  #usable: Protocols = 0;
  protocol: Protocol = 0;
  store: MessageStore | undefined;

  constructor(suggest: (usable: Protocols) => Protocol) {
    this.#suggest = suggest;
  }

  add(flowMod: FlowMod, usable: Protocols): void {
    if (usable !== this.#usable) this.#narrow(usable);
    try {
      this.store?.add(encode(flowMod, this.protocol));
    } catch (error) {
      if (!(error instanceof OfpError)) throw error;
      // It is told when the protocol is certain.
      this.store = undefined;
    }
  }

  #narrow(usable: Protocols): void {
    const isFirst = this.#usable === 0;
    this.#usable = usable;
    const protocol = this.#suggest(usable);
    if (isFirst && protocol !== 0) this.store = new MessageStore();
    else if (protocol !== this.protocol) this.store = undefined;
    this.protocol = protocol;
  }
}
