/** What coding and printing of messages can be told besides the message. */
import type { Protocol } from '../version.ts';

export interface DecodeOptions {
  /** OpenFlow 1.0: FLOW_MOD carries a table number in its command (NXT_FLOW_MOD_TABLE_ID is on).
   * undefined: guess, as a printer must. */
  readonly flowModTableId?: boolean;
  /** Ports from this number up to OFPP_MAX are refused (OFPBRC_BAD_PORT ...). Default: none. */
  readonly maxPorts?: number;
  /** Number of tables, for checks of goto_table and resubmit. Default: 255. */
  readonly nTables?: number;
  /** Accept property types and bits that are not known (printing). */
  readonly loose?: boolean;
}

export interface EncodeOptions {
  /** OpenFlow 1.0 only: which form to write. Default: the header's `nxm`, without table number. */
  readonly protocol?: Protocol;
}

/** Names for ports and tables; a missing function or an undefined result prints numbers. */
export interface NameMaps {
  readonly portName?: (port: number) => string | undefined;
  readonly tableName?: (table: number) => string | undefined;
}

export interface FormatOptions extends NameMaps {
  /** 0 terse, 1 as `ofp-print`, 2 and up add a hex dump of unknown or bad messages. */
  readonly verbosity?: number;
}
