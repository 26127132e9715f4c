/** What checks of several actions ask of the match. */
import { flowEthertype } from '../../flow/fields.ts';
import type { Flow } from '../../flow/layout.ts';
import { P } from '../version.ts';
import type { ActionChecking } from './codec.ts';

/** Only OpenFlow 1.0 tolerates actions that do not fit the match. */
export function inconsistentMatch(c: ActionChecking): void {
  c.protocols &= P.OF10_ANY;
}

export const isIp = (flow: Flow): boolean => {
  const type = flowEthertype(flow);
  return type === 0x0800 || type === 0x86dd;
};

export function needsIp(_: unknown, c: ActionChecking): void {
  if (!isIp(c.match.flow)) inconsistentMatch(c);
}

export function needsIpv4(_: unknown, c: ActionChecking): void {
  if (flowEthertype(c.match.flow) !== 0x0800) inconsistentMatch(c);
}

export const isMpls = (ethertype: number): boolean => ethertype === 0x8847 || ethertype === 0x8848;

export function needsMpls(_: unknown, c: ActionChecking): void {
  if (!isMpls(flowEthertype(c.match.flow))) inconsistentMatch(c);
}
