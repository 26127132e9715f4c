/** OFPT_FEATURES_REQUEST and OFPT_FEATURES_REPLY. C counterpart: lib/ofp-switch.c. */
import { actionNamesFromBits, actionNamesText, actionNamesToBits } from './action-names.ts';
import { type Codec, emptyCodec } from './codec.ts';
import { CAP, type PhyPort } from './message.ts';
import { phyPortsText, putPhyPort, readPhyPort } from './phy-port.ts';
import { bitNames } from './text.ts';

/** Bit 3 means STP in OpenFlow 1.0 and group statistics in later versions. */
const OFPC_BIT3 = 1 << 3;
const COMMON = CAP.FLOW_STATS | CAP.TABLE_STATS | CAP.PORT_STATS | CAP.IP_REASM | CAP.QUEUE_STATS;

/** Capabilities with the same bit on the wire. */
function sameBits(version: number): number {
  if (version <= 2) return COMMON | CAP.ARP_MATCH_IP;
  return COMMON | CAP.PORT_BLOCKED | (version >= 5 ? CAP.BUNDLES | CAP.FLOW_MONITORING : 0);
}

const CAPABILITIES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(CAP).map(([name, bit]) => [bit, name]),
);

export const featuresRequest = emptyCodec('features_request');

export const featuresReply: Codec<'features_reply'> = {
  decode(r, c) {
    const datapathId = r.u64();
    const nBuffers = r.u32();
    const nTables = r.u8();
    const aux = r.u8();
    r.skip(2);
    const wire = r.u32();
    const actions = r.u32();
    const bit3 = c.version === 1 ? CAP.STP : CAP.GROUP_STATS;
    const fixed = {
      kind: 'features_reply' as const,
      datapathId,
      nBuffers,
      nTables,
      auxiliaryId: c.version >= 4 ? aux : 0,
      capabilities: (wire & sameBits(c.version)) | (wire & OFPC_BIT3 ? bit3 : 0),
      actions: actionNamesFromBits(c.version === 1 ? actions : 0, 1),
    };
    if (c.version >= 4) return { ...fixed, ports: undefined };
    return c.items(
      r,
      (one) => readPhyPort(one, c.version),
      (ports: PhyPort[]) => ({ ...fixed, ports }),
    );
  },
  encode(w, m, c) {
    const { version } = m;
    const bit3 = version === 1 ? CAP.STP : CAP.GROUP_STATS;
    w.u64(m.datapathId)
      .u32(m.nBuffers)
      .u8(m.nTables)
      .u8(version >= 4 ? m.auxiliaryId : 0)
      .u16(0);
    w.u32((m.capabilities & sameBits(version)) | (m.capabilities & bit3 ? OFPC_BIT3 : 0));
    w.u32(version === 1 ? actionNamesToBits(m.actions, 1) : 0);
    if (version >= 4) return;
    for (const port of m.ports ?? []) {
      const before = w.length;
      putPhyPort(w, port, c.version);
      // A list that does not fit is cut short; port descriptions tell the rest.
      if (w.length > 0xffff) return w.truncate(before);
    }
  },
  format(m) {
    const aux = m.auxiliaryId ? `, auxiliary_id:${m.auxiliaryId}` : '';
    return (
      ` dpid:${m.datapathId.toString(16).padStart(16, '0')}\n` +
      `n_tables:${m.nTables}, n_buffers:${m.nBuffers}${aux}\n` +
      `capabilities: ${bitNames(m.capabilities, CAPABILITIES, ' ')}\n` +
      (m.actions.size ? `actions: ${actionNamesText(m.actions)}\n` : '') +
      phyPortsText(m.ports ?? [])
    );
  },
};
