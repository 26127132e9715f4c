import { SLOW_PATH_EXPLANATIONS } from '../../../odp/action-format.ts';

/** Why a flow's packets must be handled in userspace: bits that may be combined. C: enum slow_path_reason. */
export const SLOW = {
  CFM: 1,
  BFD: 2,
  LACP: 4,
  STP: 8,
  LLDP: 16,
  ACTION: 32,
  MATCH: 64,
} as const;

/** Reasons whose packets are only looked at, not forwarded. */
export const SLOW_CONTROLLED: number = SLOW.CFM | SLOW.BFD | SLOW.LACP | SLOW.STP | SLOW.LLDP;

/** The explanation of each reason in `slow`. */
export const explainSlowPath = (slow: number): string[] =>
  SLOW_PATH_EXPLANATIONS.filter((_, bit) => slow & (1 << bit));
