/** Numbers of the attributes that datapath actions are made of, as in linux/openvswitch.h. */

/** OVS_ACTION_ATTR_*. */
export const ACTION_ATTR = {
  OUTPUT: 1,
  USERSPACE: 2,
  SET: 3,
  PUSH_VLAN: 4,
  POP_VLAN: 5,
  SAMPLE: 6,
  RECIRC: 7,
  HASH: 8,
  PUSH_MPLS: 9,
  POP_MPLS: 10,
  SET_MASKED: 11,
  CT: 12,
  TRUNC: 13,
  PUSH_ETH: 14,
  POP_ETH: 15,
  CT_CLEAR: 16,
  PUSH_NSH: 17,
  POP_NSH: 18,
  METER: 19,
  CLONE: 20,
  CHECK_PKT_LEN: 21,
  ADD_MPLS: 22,
  DEC_TTL: 23,
  DROP: 24,
  PSAMPLE: 25,
  /** From here on userspace's own. */
  TUNNEL_PUSH: 26,
  TUNNEL_POP: 27,
  LB_OUTPUT: 28,
} as const;

export const USERSPACE = { PID: 1, USERDATA: 2, EGRESS_TUN_PORT: 3, ACTIONS: 4 } as const;
export const SAMPLE = { PROBABILITY: 1, ACTIONS: 2 } as const;
export const CHECK_PKT_LEN = { PKT_LEN: 1, GREATER: 2, LESS_EQUAL: 3 } as const;
export const CT = {
  COMMIT: 1,
  ZONE: 2,
  MARK: 3,
  LABELS: 4,
  HELPER: 5,
  NAT: 6,
  FORCE_COMMIT: 7,
  EVENTMASK: 8,
  TIMEOUT: 9,
} as const;
export const NAT = {
  SRC: 1,
  DST: 2,
  IP_MIN: 3,
  IP_MAX: 4,
  PROTO_MIN: 5,
  PROTO_MAX: 6,
  PERSISTENT: 7,
  PROTO_HASH: 8,
  PROTO_RANDOM: 9,
} as const;
export const PSAMPLE = { GROUP: 1, COOKIE: 2 } as const;
export const DEC_TTL_ACTION = 1;
