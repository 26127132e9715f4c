/** upcall/* and revalidator/*: the flow cache. */
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import { expandMatch } from '../../classifier/mini-match.ts';
import { formatMatch } from '../../flow/match/format.ts';
import { formatActions } from '../../openflow/actions/format.ts';
import type { Rule } from '../rule.ts';
import type { Backers } from './backer.ts';
import { DEBUG } from './flow-cache-settings.ts';
import { parseUfid } from './ufid.ts';

function show(backers: Backers): string {
  return backers
    .all()
    .map(({ udpif, fullName }) => {
      const { flowCount, avgFlows, maxFlows, flowLimit } = udpif;
      return (
        `${fullName}:\n` +
        `  flows         : (current ${flowCount}) (avg ${avgFlows}) (max ${maxFlows}) (limit ${flowLimit})\n` +
        `  dump duration : ${udpif.revalidator.durationMs}ms\n` +
        `  ufid enabled : ${DEBUG.ufid}\n\n` +
        `  0: (keys ${udpif.ukeys.size})\n`
      );
    })
    .join('');
}

function describeRule(rule: Rule, nowMs: number): string {
  let text = '';
  if (rule.cookie !== 0n) text += `cookie=0x${rule.cookie.toString(16)}, `;
  if (rule.tableId !== 0) text += `table_id=${rule.tableId}, `;
  text += `duration=${Math.floor((nowMs - rule.createdMs) / 1000)}s, `;
  text += `n_packets=${rule.packets}, n_bytes=${rule.bytes}, n_offload_packets=0, n_offload_bytes=0, `;
  const match = formatMatch(expandMatch(rule.match), rule.priority);
  return `${text}${match},actions=${formatActions(rule.actions)}\n`;
}

export function registerUpcallCommands(commands: UnixctlCommands, backers: Backers): void {
  const each = (fn: (udpif: ReturnType<Backers['all']>[number]['udpif']) => void): void => {
    for (const { udpif } of backers.all()) fn(udpif);
  };
  commands.register('upcall/show', '', 0, 0, () => show(backers));
  for (const on of [false, true]) {
    commands.register(`upcall/${on ? 'enable' : 'disable'}-megaflows`, '', 0, 0, () => {
      DEBUG.megaflows = on;
      each((u) => u.flush());
      return `megaflows ${on ? 'enabled' : 'disabled'}`;
    });
    commands.register(`upcall/${on ? 'enable' : 'disable'}-ufid`, '', 0, 0, () => {
      DEBUG.ufid = on;
      return `Datapath dumping tersely using UFID ${on ? 'enabled for supported datapaths' : 'disabled'}`;
    });
  }
  commands.register('upcall/set-flow-limit', 'flow-limit-number', 1, 1, ([n]) => {
    const limit = Number.parseInt(n!, 10) || 0;
    each((u) => {
      u.flowLimit = limit;
    });
    return `set flow_limit to ${limit}\n`;
  });
  commands.register('revalidator/wait', '', 0, 0, async () => {
    const all = backers.all();
    if (all.length !== 1) throw new UnixctlError("can't wait on multiple udpifs.");
    await all[0]!.udpif.revalidator.wait();
    return '';
  });
  commands.register('revalidator/purge', '', 0, 0, () => {
    each((u) => u.purge());
    return '';
  });
  commands.register('revalidator/pause', undefined, 0, 0, () => {
    each((u) => {
      u.revalidator.paused = true;
    });
    return '';
  });
  commands.register('revalidator/resume', undefined, 0, 0, () => {
    each((u) => {
      u.revalidator.paused = false;
      u.revalidator.wake();
    });
    return '';
  });
  commands.register('ofproto/detrace', 'UFID [pmd=PMD-ID]', 1, 2, ([key, pmd]) => {
    const ufid = parseUfid(key!);
    if (ufid === undefined) throw new UnixctlError('failed to parse ufid');
    if (pmd !== undefined && !/^pmd=\d+/.test(pmd))
      throw new UnixctlError("Invalid pmd argument format. Expecting 'pmd=PMD-ID'");
    return backers
      .all()
      .map(({ udpif, fullName }) => {
        const ukey = udpif.ukeys.get(ufid);
        if (!ukey) return `UFID was not found for ${fullName}\n`;
        if (!ukey.cache) return `Cache was not found for ${fullName}\n`;
        return ukey.cache
          .rules()
          .map((r) => describeRule(r, udpif.loop.now()))
          .join('');
      })
      .join('');
  });
}
