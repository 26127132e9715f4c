/** Messages about the switch as a whole: features, configuration, description. */
import { OVS_VERSION } from '../../base/version.ts';
import { CAP } from '../../openflow/messages/message.ts';
import type { Handler } from './handler.ts';
import { ALL_ACTION_NAMES } from './table-features.ts';

export const handleFeaturesRequest: Handler<'features_request'> = (_, r) => {
  const { ofproto } = r;
  r.reply({
    kind: 'features_reply',
    datapathId: ofproto.datapathId,
    nBuffers: 0,
    nTables: ofproto.flows.tables.filter((t) => !t.isHidden).length,
    auxiliaryId: 0,
    capabilities:
      CAP.FLOW_STATS |
      CAP.TABLE_STATS |
      CAP.PORT_STATS |
      CAP.QUEUE_STATS |
      CAP.GROUP_STATS |
      CAP.BUNDLES |
      CAP.ARP_MATCH_IP,
    actions: ALL_ACTION_NAMES,
    ports: [...ofproto.ports.all()].map((p) => ofproto.describePort(p)),
  });
};

export const handleGetConfigRequest: Handler<'get_config_request'> = (_, r) =>
  r.reply({
    kind: 'get_config_reply',
    frag: r.ofproto.fragHandling,
    invalidTtlToController: r.conn.invalidTtlToController,
    missSendLen: r.conn.missSendLen,
  });

export const handleSetConfig: Handler<'set_config'> = (m, { ofproto, conn }) => {
  if (!conn.isPrimary || conn.role !== 'secondary') ofproto.setFragHandling(m.frag);
  if (m.invalidTtlToController !== undefined) conn.invalidTtlToController = m.invalidTtlToController;
  conn.missSendLen = m.missSendLen;
};

export const handleDescStatsRequest: Handler<'desc_stats_request'> = (_, r) => {
  const d = r.ofproto.description;
  r.reply({
    kind: 'desc_stats_reply',
    mfrDesc: d.mfrDesc ?? 'Nicira, Inc.',
    hwDesc: d.hwDesc ?? 'Open vSwitch',
    swDesc: d.swDesc ?? OVS_VERSION,
    serialNum: d.serialNum ?? 'None',
    dpDesc: d.dpDesc ?? 'None',
  });
};
