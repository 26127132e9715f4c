/** What coding and printing of messages can be told besides the message. */
import type { Colors } from '../../base/colors.ts';
import type { MatchPool } from '../../flow/match/pool.ts';
import type { NameMap } from '../../flow/ports.ts';
import type { TunTable } from '../../flow/tun-metadata.ts';
import type { Protocol } from '../version.ts';

export interface DecodeOptions {
  /** OpenFlow 1.0: FLOW_MOD carries a table number in its command (NXT_FLOW_MOD_TABLE_ID is on). */
  readonly flowModTableId?: boolean;
  /** Physical ports from this number on are refused. Default: none. */
  readonly maxPorts?: number;
  /** Number of tables, for checks of goto_table and resubmit. Default: 255. */
  readonly nTables?: number;
  /** The bridge's tunnel options, for tun_metadata fields. */
  readonly tunTable?: TunTable | undefined;
  /** Lets unknown properties and bits pass (printing). */
  readonly loose?: boolean;
  /**
   * Where the matches of FLOW_MODs and flow statistics come from, for a receiver that has done with a message before
   * it decodes another with the same pool. Without it every message has matches of its own.
   */
  readonly matches?: MatchPool;
}

export interface EncodeOptions {
  /** OpenFlow 1.0 only: which form to write. Default: by the header's `nxm`, without table number. */
  readonly protocol?: Protocol;
}

export interface FormatOptions {
  /** 0 terse, 1 (default) as `ofp-print`, more for packets and hex dumps. */
  readonly verbosity?: number;
  readonly portNames?: NameMap;
  readonly tableNames?: NameMap;
  readonly colors?: Colors;
}
