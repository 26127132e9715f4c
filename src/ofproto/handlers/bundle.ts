/** OFPT_BUNDLE_CONTROL and OFPT_BUNDLE_ADD_MESSAGE. */
import { OfpError } from '../../openflow/errors.ts';
import { OFPBCT } from '../../openflow/messages/bundle.ts';
import { decodeMessage } from '../../openflow/messages/decode.ts';
import type { Message } from '../../openflow/messages/message.ts';
import { type BundleStep, Bundles } from '../bundles.ts';
import { FlowChange } from '../flow-change.ts';
import { GroupChange } from '../group-table.ts';
import type { Ofport } from '../ofport.ts';
import type { PacketToSend } from '../ofproto-provider.ts';
import { decodeOptions } from './decode-options.ts';
import { type Handler, Request } from './handler.ts';
import { preparePacketOut } from './packet-out.ts';
import { applyPortMod, checkPortMod } from './port.ts';

export const handleBundleControl: Handler<'bundle_control'> = ({ bundleId, type, flags }, r) => {
  r.rejectSecondary();
  const bundles = Bundles.of(r.ofproto, r.conn);
  switch (type) {
    case OFPBCT.OPEN_REQUEST:
      bundles.open(bundleId, flags, r.bytes);
      break;
    case OFPBCT.CLOSE_REQUEST:
      bundles.close(bundleId, flags);
      break;
    case OFPBCT.COMMIT_REQUEST:
      bundles.commit(bundleId, flags);
      break;
    case OFPBCT.DISCARD_REQUEST:
      bundles.discard(bundleId);
      break;
    default:
      throw new OfpError('OFPBFC_BAD_TYPE');
  }
  // The number of each reply is one more than that of the request.
  r.reply({ kind: 'bundle_control', bundleId, type: type + 1, flags: 0 });
};

/*
 * The steps are classes, not closures over the decoded message: a bundle may hold a hundred thousand of them, and
 * the message of a flow mod is far larger than what is left of it here.
 */

class FlowModStep implements BundleStep {
  readonly isPortMod = false;
  readonly #by: Request;
  readonly #change: FlowChange;
  constructor(by: Request, m: Message<'flow_mod'>) {
    this.#by = by;
    this.#change = new FlowChange(by.ofproto, m);
  }
  get bytes(): Uint8Array {
    return this.#by.bytes;
  }
  start(): void {
    this.#change.start();
  }
  revert(): void {
    this.#change.revert();
  }
  finish(): void {
    this.#by.ofproto.finishFlowChange(this.#change, this.#by);
  }
}

class GroupModStep implements BundleStep {
  readonly isPortMod = false;
  readonly #by: Request;
  readonly #message: Message<'group_mod'>;
  readonly #change: GroupChange;
  constructor(by: Request, m: Message<'group_mod'>) {
    this.#by = by;
    this.#message = m;
    this.#change = new GroupChange(by.ofproto, m);
  }
  get bytes(): Uint8Array {
    return this.#by.bytes;
  }
  start(): void {
    this.#change.start();
  }
  revert(): void {
    this.#change.revert();
  }
  finish(): void {
    const { ofproto, conn } = this.#by;
    ofproto.finishGroupChange(this.#change);
    ofproto.connections.sendRequestForward(conn, this.#message);
  }
}

class PacketOutStep implements BundleStep {
  readonly isPortMod = false;
  readonly #by: Request;
  readonly #packet: PacketToSend;
  #send: (() => void) | undefined;
  constructor(by: Request, m: Message<'packet_out'>) {
    this.#by = by;
    this.#packet = preparePacketOut(m, by);
  }
  get bytes(): Uint8Array {
    return this.#by.bytes;
  }
  start(): void {
    const { ofproto } = this.#by;
    ofproto.checkActions(this.#packet.actions);
    // It goes the way that the messages before it have made.
    this.#send = ofproto.provider.preparePacketOut?.(this.#packet, ofproto.flows.version + 1);
  }
  revert(): void {}
  finish(): void {}
  execute(): void {
    if (this.#send) this.#send();
    else this.#by.ofproto.provider.packetOut(this.#packet);
  }
}

class PortModStep implements BundleStep {
  readonly isPortMod = true;
  readonly #by: Request;
  readonly #message: Message<'port_mod'>;
  #port: Ofport | undefined;
  constructor(by: Request, m: Message<'port_mod'>) {
    this.#by = by;
    this.#message = m;
  }
  get bytes(): Uint8Array {
    return this.#by.bytes;
  }
  start(): void {
    this.#port = checkPortMod(this.#message, this.#by);
  }
  revert(): void {}
  finish(): void {
    applyPortMod(this.#message, this.#port!, this.#by);
  }
}

/** What a message will do in a commit. @throws OfpError when it can be refused now */
function stepOf(inner: Uint8Array, r: Request): BundleStep {
  const { ofproto, conn } = r;
  const m = decodeMessage(inner, decodeOptions(ofproto, conn));
  const by = new Request(ofproto, conn, m, r.bytes.slice());
  switch (m.kind) {
    case 'flow_mod':
      return new FlowModStep(by, m);
    case 'group_mod':
      return new GroupModStep(by, m);
    case 'packet_out':
      return new PacketOutStep(by, m);
    case 'port_mod':
      return new PortModStep(by, m);
    default:
      throw new OfpError('OFPBFC_MSG_UNSUP');
  }
}

export const handleBundleAddMessage: Handler<'bundle_add_message'> = ({ bundleId, flags, message }, r) => {
  r.rejectSecondary();
  const step = stepOf(message, r);
  Bundles.of(r.ofproto, r.conn).add(bundleId, flags, step);
};
