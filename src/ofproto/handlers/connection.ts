/** Messages about the connection itself: echo, role, asynchronous messages, formats. */
import { OfpError } from '../../openflow/errors.ts';
import {
  ASYNC_TYPES,
  type AsyncConfig,
  type AsyncType,
  type PartialAsyncConfig,
} from '../../openflow/messages/message.ts';
import { P, setProtocolBase, setProtocolTid } from '../../openflow/version.ts';
import type { Handler } from './handler.ts';

/** Bytes of a packet that a controller gets when it does not say. */
export const DEFAULT_MISS_SEND_LEN = 128;

/** Echoes may come in any version, and are answered in theirs. */
export const handleEchoRequest: Handler<'echo_request'> = (m, r) => {
  r.conn.sendReply({ kind: 'echo_reply', data: m.data }, m.xid, false, m.version);
};

export const handleBarrierRequest: Handler<'barrier_request'> = (_, r) => r.reply({ kind: 'barrier_reply' });

export const handleRoleRequest: Handler<'role_request'> = ({ role, generationId }, r) => {
  if (role !== 'nochange') r.conn.setRole(role, generationId);
  r.reply({ kind: 'role_reply', role: r.conn.role, generationId: r.conn.generationId });
};

export const handleGetAsyncRequest: Handler<'get_async_request'> = (_, r) =>
  r.reply({ kind: 'get_async_reply', config: r.conn.asyncConfig });

function merged(old: AsyncConfig, changes: PartialAsyncConfig): AsyncConfig {
  const side = (role: 'primary' | 'secondary'): Record<AsyncType, number> => {
    const all = {} as Record<AsyncType, number>;
    for (const type of ASYNC_TYPES) all[type] = changes[role][type] ?? old[role][type];
    return all;
  };
  return { primary: side('primary'), secondary: side('secondary') };
}

export const handleSetAsyncConfig: Handler<'set_async_config'> = ({ config }, { conn }) => {
  conn.asyncConfig = merged(conn.asyncConfig, config);
  if (!conn.isPrimary && conn.missSendLen === 0) conn.missSendLen = DEFAULT_MISS_SEND_LEN;
};

export const handleSetFlowFormat: Handler<'set_flow_format'> = ({ format }, { conn }) => {
  if (format === 'unknown') throw new OfpError('OFPBRC_EPERM');
  conn.protocol = setProtocolBase(conn.protocol, format === 'nxm' ? P.OF10_NXM : P.OF10_STD);
};

export const handleFlowModTableId: Handler<'flow_mod_table_id'> = ({ enable }, { conn }) => {
  conn.protocol = setProtocolTid(conn.protocol, enable);
};

export const handleSetPacketInFormat: Handler<'set_packet_in_format'> = ({ format }, { conn }) => {
  conn.packetInFormat = format;
};

export const handleSetControllerId: Handler<'set_controller_id'> = ({ controllerId }, r) => {
  r.requireZero(16, 22);
  r.conn.controllerId = controllerId;
};
