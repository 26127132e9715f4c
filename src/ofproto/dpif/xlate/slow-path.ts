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

const EXPLANATIONS: readonly (readonly [number, string])[] = [
  [SLOW.CFM, 'Consists of CFM packets'],
  [SLOW.BFD, 'Consists of BFD packets'],
  [SLOW.LACP, 'Consists of LACP packets'],
  [SLOW.STP, 'Consists of STP packets'],
  [SLOW.LLDP, 'Consists of LLDP packets'],
  [SLOW.ACTION, 'Uses action(s) not supported by datapath'],
  [SLOW.MATCH, "Datapath can't match specifically enough"],
];

/** The explanation of each reason in `slow`. */
export const explainSlowPath = (slow: number): string[] =>
  EXPLANATIONS.filter(([bit]) => slow & bit).map(([, text]) => text);
