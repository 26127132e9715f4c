/** Commands that print OpenFlow without a switch: ofp-print, ofp-parse, ofp-parse-pcap and what tests of errors use. */
import { atoi, scanInteger } from '../../base/parse.ts';
import { extractFlow, newLayers } from '../../flow/extract.ts';
import { F, newFlow } from '../../flow/layout.ts';
import { formatIpv4 } from '../../flow/text.ts';
import { isOfpErrorName, type OfpErrorName, ofpErrorCode } from '../../openflow/errors.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import { errorReply } from '../../openflow/messages/error.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import { helloMessage } from '../../openflow/messages/hello.ts';
import { OFP10, OFP15 } from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, writes } from './command.ts';
import { hexBytes, hexLines, inputLines } from './input.ts';
import { timeText } from './monitor.ts';
import { PcapError, readPcap } from './pcap.ts';
import { TcpStreams } from './tcp-streams.ts';

const HEADER = 8;

const ofpPrint = writes('ofp-print', undefined, [1, 2], async (ofctl, [text, verbosityText = '2']) => {
  const { raw, colors } = ofctl.settings;
  let bytes: Uint8Array;
  if (text === '-' && raw) bytes = ofctl.io.readStdin();
  else {
    const line = text === '-' ? inputLines(ofctl.io.readStdin())[0] : text;
    if (line === undefined) throw new ToolError('Failed to read stdin');
    bytes = hexBytes(line, 'trailing garbage following hex bytes');
  }
  ofctl.io.out(formatBytes(bytes, { verbosity: atoi(verbosityText), colors }));
});

const ofpParse = writes('ofp-parse', 'file', [1, 1], async (ofctl, [file]) => {
  const bytes = ofctl.readBytes(file!);
  for (let at = 0; at < bytes.length; ) {
    const cut = (): ToolError => new ToolError(`${file}: unexpected end of file mid-message`);
    if (bytes.length - at < HEADER) throw cut();
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length < HEADER) throw new ToolError(`${file}: ${length}-byte message is too short for OpenFlow`);
    if (at + length > bytes.length) throw cut();
    ofctl.io.out(ofctl.format(bytes.subarray(at, at + length), 2));
    at += length;
  }
});

const endText = ({ ip, port }: { readonly ip: number; readonly port: number }): string =>
  `${formatIpv4(ip)}.${port}`;

const ETH_TYPE_IP = 0x0800;
const IPPROTO_TCP = 6;
const OFP_PORTS = [6653, 6633];

const ofpParsePcap = writes(
  'ofp-parse-pcap',
  'pcap',
  [1, Number.POSITIVE_INFINITY],
  async (ofctl, [file, ...portTexts]) => {
    const ports = portTexts.length > 0 ? portTexts.map(atoi) : OFP_PORTS;
    const streams = new TcpStreams();
    const flow = newFlow();
    const layers = newLayers();
    let first = true;
    try {
      for (const { packet, wallMs } of readPcap(ofctl, file!)) {
        flow.fill(0);
        extractFlow(packet, flow, layers);
        if (flow[F.DL_TYPE] !== ETH_TYPE_IP || flow[F.NW_PROTO] !== IPPROTO_TCP || layers.l4 < 0) continue;
        const source = { ip: flow[F.NW_SRC]!, port: flow[F.TP_SRC]! };
        const target = { ip: flow[F.NW_DST]!, port: flow[F.TP_DST]! };
        if (!ports.includes(source.port) && !ports.includes(target.port)) continue;
        const name = `${endText(source)} > ${endText(target)}`;
        const stream = streams.add(name, packet.subarray(layers.l4, packet.length - layers.padding));
        for (let message = stream?.takeMessage(); message; message = stream?.takeMessage()) {
          const time = ofctl.settings.timestamp ? `${timeText(wallMs, false)} ` : '';
          ofctl.io.out(`${first ? '' : '\n'}${time}${name}:\n${ofctl.format(message, 1)}`);
          first = false;
        }
      }
    } catch (error) {
      if (!(error instanceof PcapError)) throw error;
      // What was read before a broken packet has been printed.
      if (error.isOpening) throw new ToolError(`${file}: ${error.message}`);
    }
  },
);

function errorName(text: string): OfpErrorName {
  if (!isOfpErrorName(text)) throw new ToolError(`unknown error "${text}"`);
  return text;
}

const hexAlternate = (n: number): string => (n === 0 ? '0' : `0x${n.toString(16)}`);

const printError = writes('print-error', undefined, [1, 1], async (ofctl, [text]) => {
  const name = errorName(text!);
  for (let version = OFP10; version <= OFP15; version++) {
    const code = ofpErrorCode(name, version);
    if (!code) continue;
    ofctl.print(
      `OpenFlow 1.${version - 1}: vendor ${hexAlternate(code.vendor)}, type ${code.type}, code ${code.code}`,
    );
  }
});

const encodeErrorReply = writes('encode-error-reply', undefined, [2, 2], async (ofctl, [text, hex]) => {
  const name = errorName(text!);
  const request = hexBytes(hex!);
  if (request.length < HEADER) throw new ToolError('Request too short');
  if (request.length !== ((request[2]! << 8) | request[3]!)) throw new ToolError('Request size inconsistent');
  ofctl.io.out(hexLines(encodeOne(errorReply(name, request))));
});

const encodeHello = writes('encode-hello', undefined, [1, 1], async (ofctl, [text]) => {
  const versions = Number(scanInteger(text!)?.value ?? 0) | 0;
  const hello = encodeOne(helloMessage(versions, ofctl.xids.next()));
  ofctl.io.out(hexLines(hello) + ofctl.format(hello, 0));
});

export const PRINT_COMMANDS: readonly OfctlCommand[] = [ofpParse, ofpParsePcap];
export const HIDDEN_PRINT_COMMANDS: readonly OfctlCommand[] = [
  printError,
  encodeErrorReply,
  ofpPrint,
  encodeHello,
];
