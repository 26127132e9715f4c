/** Exporters of sampled packets (sFlow, IPFIX, psample) as translation and upcalls see them; see `src/ofproto/export/`. */
import type { DpifUpcall } from '../../datapath/dpif-provider.ts';
import type { UserspaceCookie } from '../../odp/action.ts';

export interface Samplers {
  /** Flow sampling by IPFIX is configured. */
  readonly ipfix?: boolean;
  /** psample group of a collector set; absent when local sampling is not configured. */
  readonly local?: (collectorSet: number) => number | undefined;
  /** A sampled packet. */
  readonly received?: (upcall: DpifUpcall, cookie: UserspaceCookie) => void;
}
