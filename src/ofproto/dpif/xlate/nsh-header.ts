/** The NSH header (RFC 8300) that a push_nsh action carries. C counterpart: lib/packets.c push_nsh(), lib/nsh.h. */
import { ByteWriter } from '../../../base/bytes.ts';
import { F, type Flow } from '../../../flow/layout.ts';

const NSH_M_TYPE1 = 1;
const BASE_BYTES = 8;
const MD1_BYTES = 16;

/** @param md2 encoded metadata TLVs of an MD type 2 header */
export function pushNshHeader(flow: Flow, md2: Uint8Array | undefined): Uint8Array {
  const isMd1 = flow[F.NSH_MDTYPE] === NSH_M_TYPE1;
  const length = BASE_BYTES + (isMd1 ? MD1_BYTES : (md2?.length ?? 0));
  const w = new ByteWriter(length);
  const ttl = flow[F.NSH_TTL]!;
  w.u16(((flow[F.NSH_FLAGS]! & 0x3) << 12) | ((ttl & 0x3f) << 6) | ((length / 4) & 0x3f));
  w.u8(flow[F.NSH_MDTYPE]! & 0xf).u8(flow[F.NSH_NP]!);
  w.u32(((flow[F.NSH_SPI]! << 8) | flow[F.NSH_SI]!) >>> 0);
  if (isMd1) for (let i = 0; i < 4; i++) w.u32(flow[F.NSH_C1 + i]!);
  else if (md2) w.put(md2);
  return w.finish();
}
