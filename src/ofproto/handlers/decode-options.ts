/** How to decode what a connection sends to a switch. */
import type { DecodeOptions } from '../../openflow/messages/options.ts';
import { P } from '../../openflow/version.ts';
import type { OfConn } from '../ofconn.ts';
import type { Ofproto } from '../ofproto.ts';
import { N_TABLES } from '../table.ts';

export const decodeOptions = (ofproto: Ofproto, conn: OfConn): DecodeOptions => ({
  flowModTableId: (conn.protocol & P.TID) !== 0,
  maxPorts: ofproto.ports.max,
  nTables: N_TABLES,
  tunTable: ofproto.tunTable,
});
