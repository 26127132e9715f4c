/** OFPT_BUNDLE_CONTROL and OFPT_BUNDLE_ADD_MESSAGE. */
import { OfpError } from '../../openflow/errors.ts';
import { OFPBCT } from '../../openflow/messages/bundle.ts';
import { decodeMessage } from '../../openflow/messages/decode.ts';
import { type BundleStep, Bundles } from '../bundles.ts';
import { FlowChange } from '../flow-change.ts';
import { GroupChange } from '../group-table.ts';
import type { Ofport } from '../ofport.ts';
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

/** What a message will do in a commit. @throws OfpError when it can be refused now */
function stepOf(inner: Uint8Array, r: Request): BundleStep {
  const { ofproto, conn } = r;
  const m = decodeMessage(inner, decodeOptions(ofproto, conn));
  const bytes = r.bytes.slice();
  const by = new Request(ofproto, conn, m, bytes);
  switch (m.kind) {
    case 'flow_mod': {
      const change = new FlowChange(ofproto, m);
      return {
        bytes,
        isPortMod: false,
        start: () => change.start(),
        revert: () => change.revert(),
        finish: () => ofproto.finishFlowChange(change, by),
      };
    }
    case 'group_mod': {
      const change = new GroupChange(ofproto, m);
      return {
        bytes,
        isPortMod: false,
        start: () => change.start(),
        revert: () => change.revert(),
        finish: () => {
          ofproto.finishGroupChange(change);
          ofproto.connections.sendRequestForward(conn, m);
        },
      };
    }
    case 'packet_out': {
      const packet = preparePacketOut({ ...m, packet: m.packet.slice() }, by);
      let send = (): void => ofproto.provider.packetOut(packet);
      return {
        bytes,
        isPortMod: false,
        start: () => {
          ofproto.checkActions(packet.actions);
          // It goes the way that the messages before it have made.
          const version = ofproto.flows.version + 1;
          send = ofproto.provider.preparePacketOut?.(packet, version) ?? send;
        },
        revert: () => {},
        finish: () => {},
        execute: () => send(),
      };
    }
    case 'port_mod': {
      let port: Ofport | undefined;
      return {
        bytes,
        isPortMod: true,
        start: () => {
          port = checkPortMod(m, by);
        },
        revert: () => {},
        finish: () => applyPortMod(m, port!, by),
      };
    }
    default:
      throw new OfpError('OFPBFC_MSG_UNSUP');
  }
}

export const handleBundleAddMessage: Handler<'bundle_add_message'> = ({ bundleId, flags, message }, r) => {
  r.rejectSecondary();
  const step = stepOf(message, r);
  Bundles.of(r.ofproto, r.conn).add(bundleId, flags, step);
};
