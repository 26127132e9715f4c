/**
 * The cookie of a userspace action as the 48 bytes that a datapath keeps for the daemon.
 *
 * Host byte order, but for the VLAN tag and the rule's cookie. C counterpart: struct user_action_cookie.
 */
import type { UserspaceCookie } from '../action.ts';

const BYTES = 48;
const TYPE = { sflow: 1, slow_path: 2, flow_sample: 3, ipfix: 4, controller: 5 } as const;
const DIRECTIONS = ['default', 'ingress', 'egress'] as const;
/** Where the part that depends on the type starts, behind type, port and switch. */
const AT = 24;

export function encodeCookie(c: UserspaceCookie): Uint8Array {
  if (c.kind === 'raw') return c.data;
  const b = new Uint8Array(BYTES);
  const v = new DataView(b.buffer);
  const u16 = (at: number, value: number): void => v.setUint16(at, value, true);
  const u32 = (at: number, value: number): void => v.setUint32(at, value, true);
  u16(0, TYPE[c.kind]);
  switch (c.kind) {
    case 'sflow':
      v.setUint16(AT, c.vlanTci);
      u32(AT + 4, c.output);
      break;
    case 'slow_path':
      u32(AT + 4, c.reason);
      break;
    case 'flow_sample':
      u16(AT, c.probability);
      u32(AT + 4, c.collectorSet);
      u32(AT + 8, c.obsDomain);
      u32(AT + 12, c.obsPoint);
      u32(AT + 16, c.outputPort);
      u32(AT + 20, DIRECTIONS.indexOf(c.direction));
      break;
    case 'ipfix':
      u32(AT, c.outputPort);
      break;
    case 'controller':
      b[AT] = c.dontSend ? 1 : 0;
      b[AT + 1] = c.continuation ? 1 : 0;
      u16(AT + 2, c.reason);
      u32(AT + 4, c.recircId);
      v.setBigUint64(AT + 8, c.ruleCookie);
      u16(AT + 16, c.controllerId);
      u16(AT + 18, c.maxLen);
      break;
  }
  return b;
}

/** What a datapath hands back; bytes that are no cookie of ours stay as they are. */
export function decodeCookie(b: Uint8Array): UserspaceCookie {
  const raw = { kind: 'raw', data: b.slice() } as const;
  if (b.length !== BYTES) return raw;
  const v = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const u16 = (at: number): number => v.getUint16(at, true);
  const u32 = (at: number): number => v.getUint32(at, true);
  switch (u16(0)) {
    case TYPE.sflow:
      return { kind: 'sflow', vlanTci: v.getUint16(AT), output: u32(AT + 4) };
    case TYPE.slow_path:
      return { kind: 'slow_path', reason: u32(AT + 4) };
    case TYPE.flow_sample:
      return {
        kind: 'flow_sample',
        probability: u16(AT),
        collectorSet: u32(AT + 4),
        obsDomain: u32(AT + 8),
        obsPoint: u32(AT + 12),
        outputPort: u32(AT + 16),
        direction: DIRECTIONS[u32(AT + 20)] ?? 'default',
      };
    case TYPE.ipfix:
      return { kind: 'ipfix', outputPort: u32(AT) };
    case TYPE.controller:
      return {
        kind: 'controller',
        dontSend: b[AT] !== 0,
        continuation: b[AT + 1] !== 0,
        reason: u16(AT + 2),
        recircId: u32(AT + 4),
        ruleCookie: v.getBigUint64(AT + 8),
        controllerId: u16(AT + 16),
        maxLen: u16(AT + 18),
      };
    default:
      return raw;
  }
}
