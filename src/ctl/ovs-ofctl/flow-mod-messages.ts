/**
 * The FLOW_MODs of a command or a file, as messages.
 *
 * Which protocol they are sent in is known only after the last has been parsed and the switch has been asked, and files
 * have hundreds of thousands of them. To keep that many as objects takes longer than to parse them, so each becomes
 * a message as soon as it is parsed, in the protocol that it and those before it suggest. Those that were written in
 * another than it is in the end are parsed again.
 */
import { ByteWriter } from '../../base/bytes.ts';
import { catchAllMatch } from '../../flow/layout.ts';
import { clearMatch } from '../../flow/match/pool.ts';
import { OfpError } from '../../openflow/errors.ts';
import { appendMessage, encodeOne } from '../../openflow/messages/encode.ts';
import { type Body, withHeader } from '../../openflow/messages/message.ts';
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

type FlowMod = Body<'flow_mod'>;

/** Messages one after another in few pieces of memory. */
class MessageStore {
  readonly #pieces: ByteWriter[] = [];
  readonly #protocol: Protocol;

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  /** @param flowMod that belongs to the store from here on */
  add(flowMod: FlowMod): void {
    let piece = this.#pieces.at(-1);
    if (!piece || piece.length > PIECE_BYTES) this.#pieces.push((piece = new ByteWriter()));
    const message = withHeader(flowMod, protocolVersion(this.#protocol), 0);
    appendMessage(piece, message, { protocol: this.#protocol });
  }

  *messages(): Generator<Uint8Array> {
    for (const piece of this.#pieces) {
      const bytes = piece.view();
      for (let at = 0; at < bytes.length; ) {
        const next = at + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
        yield bytes.subarray(at, next);
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

/** Writes one message alone. */
function encode(flowMod: FlowMod, protocol: Protocol): Uint8Array {
  return encodeOne(withHeader(flowMod, protocolVersion(protocol), 0), { protocol });
}

export class FlowModMessages {
  /** Those that can say all of them. */
  readonly protocols: Protocols;
  readonly #guess: Guess | undefined;
  /** Parses the flows again, in their order. */
  readonly #again: () => Iterable<FlowMod>;

  private constructor(protocols: Protocols, again: () => Iterable<FlowMod>, guess?: Guess) {
    this.protocols = protocols;
    this.#again = again;
    this.#guess = guess;
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
    const guess = this.#guess?.protocol === protocol ? this.#guess : undefined;
    /** How many are not in the store. */
    let left = guess?.store ? guess.first : Number.POSITIVE_INFINITY;
    if (left > 0) {
      for (const flowMod of this.#again()) {
        yield setXid(encode(flowMod, protocol), xids.next());
        if (--left === 0) break;
      }
    }
    for (const message of guess?.store?.messages() ?? []) yield setXid(message, xids.next());
  }
}

/**
 * Messages in the protocol that the flows so far suggest. When a flow narrows it, the store begins anew with that flow:
 * most files do so within their first lines.
 */
class Guess {
  readonly #suggest: (usable: Protocols) => Protocol;
  #usable: Protocols = 0;
  #flows = 0;
  protocol: Protocol = 0;
  store: MessageStore | undefined;
  /** Flows before the first that is in the store. */
  first = 0;

  constructor(suggest: (usable: Protocols) => Protocol) {
    this.#suggest = suggest;
  }

  add(flowMod: FlowMod, usable: Protocols): void {
    if (usable !== this.#usable) this.#narrow(usable);
    this.#flows++;
    try {
      this.store?.add(flowMod);
    } catch (error) {
      if (!(error instanceof OfpError)) throw error;
      // It is told when the protocol is certain.
      this.store = undefined;
    }
  }

  #narrow(usable: Protocols): void {
    this.#usable = usable;
    const protocol = this.#suggest(usable);
    if (protocol === this.protocol) return;
    this.protocol = protocol;
    this.first = this.#flows;
    this.store = protocol === 0 ? undefined : new MessageStore(protocol);
  }
}
