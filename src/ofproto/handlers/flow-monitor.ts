/** Flow monitor requests. */
import type { FlowMonitorRequest } from '../../openflow/messages/message.ts';
import type { Handler } from './handler.ts';
import { Parts } from './multipart.ts';

const parts = new Parts<FlowMonitorRequest>();

export const handleFlowMonitorRequest: Handler<'flow_monitor_stats_request'> = (m, r) => {
  const requests = parts.add(r, m.requests);
  if (!requests) return;
  r.reply({ kind: 'flow_monitor_stats_reply', updates: r.ofproto.monitors.request(r.conn, requests) });
};

export const handleFlowMonitorCancel: Handler<'flow_monitor_cancel'> = (m, r) => {
  r.ofproto.monitors.cancel(r.conn, m.id);
};
