/**
 * The log of what is asked of a datapath: `vlog/set dpif:dbg` shows every operation, failures are always told.
 * Texts follow lib/dpif.c, as tools and tests look for them.
 */
import { ERRNO, strerror } from '../../base/errno.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { DpifFlow, DpifOp, DpifResult, Ufid } from '../../datapath/dpif-provider.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import { formatOdpFlow } from '../../odp/key-format.ts';
import { formatUfid } from '../../odp/ufid.ts';
import { packetText } from '../../openflow/messages/body.ts';
import { formatFlowStats } from './flow-stats.ts';

const log = vlog('dpif');
const messageLimit = new RateLimit(600, 600);
const errorLimit = new RateLimit(60, 5);

/** Who asks: the datapath's name, and what is remembered of its flows. */
export interface DpifLogContext {
  readonly fullName: string;
  /** For the log of deletions, which name only the identifier. */
  keyOf(ufid: Ufid): Flow | undefined;
  now(): number;
}

/** Logs operations and their outcomes. */
export function logOperations(
  context: DpifLogContext,
  ops: readonly DpifOp[],
  results: readonly DpifResult[],
): void {
  const all = log.isDbg();
  results.forEach((result, i) => {
    if (!all && result.errno === 0) return;
    const op = ops[i]!;
    const { errno } = result;
    // Flows of packets that came together may overlap once wildcards apply: that is no failure to worry about.
    const quiet = errno === 0 || (errno === ERRNO.EEXIST && op.kind !== 'execute');
    const message = (): string => describe(context, op, result);
    if (quiet) log.dbgRl(messageLimit, message);
    else log.warnRl(errorLimit, message());
  });
}

/** Logs a flow as it was found in the datapath. */
export function logDumpedFlow(context: DpifLogContext, flow: DpifFlow): void {
  log.dbgRl(
    messageLimit,
    () =>
      `${context.fullName}: flow_dump ${formatUfid(flow.ufid)} ${formatOdpFlow(flow.key, flow.mask, { verbose: true })}, ` +
      `${formatFlowStats(flow.stats, context.now())}, actions:${formatOdpActions(flow.actions)}`,
  );
}

function describe(context: DpifLogContext, op: DpifOp, { errno, stats }: DpifResult): string {
  const start = `${context.fullName}: `;
  if (op.kind === 'execute') {
    const failed = errno === 0 ? '' : ` failed (${strerror(errno)})`;
    return (
      `${start}execute ${formatOdpActions(op.actions)}${failed} on packet ${packetText(op.packet, op.key[F.PACKET_TYPE]!)}` +
      ` with metadata ${formatOdpFlow(op.key, metadataMask(op.key))} mtu ${op.mtu}`
    );
  }
  const what =
    op.kind === 'flow_del' ? 'flow_del' : `put${op.create ? '[create]' : ''}${op.modify ? '[modify]' : ''}`;
  let text = errno === 0 ? `${start}${what} ` : `${start}failed to ${what} (${strerror(errno)}) `;
  text += `${formatUfid(op.ufid)} `;
  if (op.kind === 'flow_put') {
    text += formatOdpFlow(op.key, op.mask, { verbose: true });
    return `${text}, actions:${formatOdpActions(op.actions)}`;
  }
  const key = context.keyOf(op.ufid);
  if (key) text += formatOdpFlow(key, undefined, { verbose: true });
  return stats && errno === 0 ? `${text}, ${formatFlowStats(stats, context.now())}` : text;
}

/** What travels beside a packet and is worth telling: marks and the port always, the rest if there is any. */
function metadataMask(key: Flow): Flow {
  const mask = newFlow();
  for (let i = 0; i < F.PACKET_TYPE; i++) if (key[i] !== 0) mask[i] = 0xffff_ffff;
  for (const word of [F.SKB_PRIORITY, F.PKT_MARK, F.IN_PORT]) mask[word] = 0xffff_ffff;
  return mask;
}
