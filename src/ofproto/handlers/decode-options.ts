/** How to decode what a connection sends to a switch. */
import { MatchPool } from '../../flow/match/pool.ts';
import type { DecodeOptions } from '../../openflow/messages/options.ts';
import { P } from '../../openflow/version.ts';
import type { OfConn } from '../ofconn.ts';
import type { Ofproto } from '../ofproto.ts';
import { N_TABLES } from '../table.ts';

/** Handlers keep of a flow's match only a MiniMatch. */
const matches = new MatchPool();

export const decodeOptions = (ofproto: Ofproto, conn: OfConn): DecodeOptions => ({
  flowModTableId: (conn.protocol & P.TID) !== 0,
  maxPorts: ofproto.ports.max,
  nTables: N_TABLES,
  matches,
  tunTable: ofproto.tunTable,
});
