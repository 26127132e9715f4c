/** Frames that users describe as datapath flows, for dummy devices to receive. */
import { composePacket } from '../flow/compose.ts';
import { parseOdpFlow } from '../odp/key-parse.ts';

/**
 * @param size length of the frame; 0 for whatever its headers and some payload need
 * @throws Error with the text for the user
 */
export function composeFrame(flow: string, size: number): Uint8Array {
  const { key } = parseOdpFlow(flow);
  return size > 0 ? composePacket(key, { size, payload: new Uint8Array(0) }) : composePacket(key);
}
