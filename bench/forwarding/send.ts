/**
 * `send.ts DEVICE BYTES FLOWS SECONDS`: sends UDP frames as fast as one core can and prints how many a second.
 * The destination MAC address is nobody's, so the receiving host counts the frames and drops them.
 */
import { errno, libc, pin, setOption } from '../../src/node/ffi/libc.ts';
import { RtNetlink } from '../../src/node/netlink/rtnetlink.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
const BATCH = 64;
const SLOT = 2048;

const [device, size, flows, seconds] = process.argv.slice(2);
const bytes = Number(size);
const fd = libc.socket(AF_PACKET, SOCK_RAW, 0);
const address = pin(20);
address.view.setUint16(0, AF_PACKET, true);
address.view.setInt32(4, new RtNetlink().link(device!).ifindex, true);
if (libc.bind(fd, address.pointer, 20) < 0) throw new Error(`bind: errno ${errno()}`);
setOption(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);

const frames = pin(BATCH * SLOT);
const iovecs = pin(BATCH * 16);
const headers = pin(BATCH * 64);
for (let i = 0; i < BATCH; i++) {
  const at = i * SLOT;
  frames.bytes.set([2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1, 8, 0, 0x45], at);
  frames.view.setUint16(at + 16, bytes - 14);
  frames.view.setUint16(at + 20, 0x4000);
  frames.bytes.set([64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2, 0x30, 0, 0x10, 0], at + 22);
  let sum = 0;
  for (let k = 0; k < 20; k += 2) sum += frames.view.getUint16(at + 14 + k);
  frames.view.setUint16(at + 24, ~((sum & 0xffff) + (sum >>> 16)));
  frames.view.setUint16(at + 38, bytes - 34);
  iovecs.view.setBigUint64(i * 16, frames.pointer + BigInt(at), true);
  iovecs.view.setBigUint64(i * 16 + 8, BigInt(bytes), true);
  headers.view.setBigUint64(i * 64 + 16, iovecs.pointer + BigInt(i * 16), true);
  headers.view.setBigUint64(i * 64 + 24, 1n, true);
}

/** Sends until the time is over; a function, since code at the top of a module is not optimised while it runs. */
function send(flowCount: number, durationMs: number): number {
  const start = performance.now();
  const end = start + durationMs;
  const { bytes: u8 } = frames;
  let sent = 0;
  let flow = 0;
  while (performance.now() < end) {
    if (flowCount > 1) {
      for (let i = 0; i < BATCH; i++) {
        u8[i * SLOT + 34] = 0x30 + ((flow >> 8) & 0x3f);
        u8[i * SLOT + 35] = flow;
        u8[i * SLOT + 36] = 0x10 + ((flow >> 14) & 0x7f);
        flow = flow + 1 === flowCount ? 0 : flow + 1;
      }
    }
    const n = libc.sendmmsg(fd, headers.pointer, BATCH, 0);
    if (n > 0) sent += n;
  }
  return sent / (performance.now() - start) / 1000;
}

console.log(send(Number(flows), Number(seconds) * 1000).toFixed(4));
