/** Commands that make and take apart packets: compose-packet, parse-packet, parse-pcap. */
import { composePacket } from '../../flow/compose.ts';
import { extractFlow } from '../../flow/extract.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import { formatFlow } from '../../flow/match/format.ts';
import { parseExactFlow } from '../../flow/match/parse.ts';
import { OFPP } from '../../flow/ports.ts';
import { packetText } from '../../openflow/messages/body.ts';
import { parsing } from '../../openflow/parse/common.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, reads, writes } from './command.ts';
import { hexBytes, hexLines } from './input.ts';
import { Exit } from './ofctl.ts';
import { PcapError, pcapOf, readPcap } from './pcap.ts';

const NOT_PERMITTED = '(Operation not permitted)';

/** The key of a packet that came from no port. */
function flowOf(packet: Uint8Array): Flow {
  const flow = newFlow();
  flow[F.IN_PORT] = OFPP.NONE;
  extractFlow(packet, flow);
  return flow;
}

const composePacketCommand = reads('compose-packet', undefined, [1, 2], async (ofctl, [text, l7]) => {
  const { pcap, bare, badChecksum } = ofctl.settings;
  const { io } = ofctl;
  if (pcap && bare) throw new ToolError(`--bare and --pcap are mutually exclusive ${NOT_PERMITTED}`);
  if (pcap && io.isTty) {
    throw new ToolError(
      `not writing pcap data to stdout; redirect to a file or pipe to tcpdump instead ${NOT_PERMITTED}`,
    );
  }
  const { flow } = ofctl.parseAlone(() => parsing(() => parseExactFlow(text!)));
  const payload = l7 === undefined ? undefined : hexBytes(l7, `${l7}: trailing garbage in packet data`);
  const packet = composePacket(flow, { badChecksum, ...(payload && { payload }) });
  if (pcap) io.outBytes(pcapOf(packet, io.host.loop.clock.wallNow()));
  else if (bare) io.out(Array.from(packet, (b) => b.toString(16).padStart(2, '0')).join(''));
  else io.out(hexLines(packet));
  const extracted = flowOf(packet);
  if (flow.some((word, i) => word !== extracted[i])) {
    io.err(
      `specified and extracted flows differ:\nspecified: ${formatFlow(flow)}\nextracted: ${formatFlow(extracted)}`,
    );
    throw new Exit(1);
  }
});

const MAX_PACKET = 65535;

const parsePacket = reads('parse-packet', undefined, [0, 0], async (ofctl) => {
  ofctl.io.out(packetText(ofctl.io.readStdin().subarray(0, MAX_PACKET), 0));
});

const parsePcap = writes('parse-pcap', undefined, [1, Number.POSITIVE_INFINITY], async (ofctl, files) => {
  let status = 0;
  for (const file of files) {
    try {
      for (const { packet } of readPcap(ofctl, file)) ofctl.print(formatFlow(flowOf(packet)));
    } catch (error) {
      if (!(error instanceof PcapError)) throw error;
      status = error.errno;
      ofctl.io.err(`${ofctl.io.program}: ${file}: ${error.message}\n`);
    }
  }
  if (status !== 0) throw new Exit(status);
});

export const PACKET_COMMANDS: readonly OfctlCommand[] = [composePacketCommand, parsePacket, parsePcap];
