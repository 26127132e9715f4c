/** Why a translation failed; the numbers are what an explicit drop action carries. C counterpart: enum xlate_error. */
export const XLATE = {
  OK: 0,
  BRIDGE_NOT_FOUND: 1,
  RECURSION_TOO_DEEP: 2,
  TOO_MANY_RESUBMITS: 3,
  STACK_TOO_DEEP: 4,
  NO_RECIRCULATION_CONTEXT: 5,
  RECIRCULATION_CONFLICT: 6,
  TOO_MANY_MPLS_LABELS: 7,
  INVALID_TUNNEL_METADATA: 8,
  UNSUPPORTED_PACKET_TYPE: 9,
  CONGESTION_DROP: 10,
  FORWARDING_DISABLED: 11,
  TUNNEL_ROUTING_FAILED: 12,
  TUNNEL_OUTPUT_NO_ETHERNET: 13,
  TUNNEL_NEIGH_CACHE_MISS: 14,
  TUNNEL_HEADER_BUILD_FAILED: 15,
} as const;

export type XlateError = (typeof XLATE)[keyof typeof XLATE];

const TEXTS: readonly string[] = [
  'OK',
  'Bridge not found',
  'Recursion too deep',
  'Too many resubmits',
  'Stack too deep',
  'No recirculation context',
  'Recirculation conflict',
  'Too many MPLS labels',
  'Invalid tunnel metadata',
  'Unsupported packet type',
  'Congestion Drop',
  'Forwarding is disabled',
  'Native tunnel routing failed',
  'Tunnel output device lacks Ethernet address',
  'Tunnel neighbor cache miss',
  'Native tunnel header build failed',
];

export const xlateStrerror = (error: XlateError): string => TEXTS[error] ?? 'Unknown error';
