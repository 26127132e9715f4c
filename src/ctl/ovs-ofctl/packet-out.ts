/** packet-out: sends packets through the actions of a switch. */
import { parseActions } from '../../openflow/actions/parse.ts';
import { inPortMatch } from '../../openflow/messages/body.ts';
import { NO_BUFFER } from '../../openflow/messages/message.ts';
import { parsePacketHex, parsePacketOut } from '../../openflow/parse/packet-out.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, writes } from './command.ts';
import { connectFor, sendParsed } from './flow-format.ts';
import type { Ofctl } from './ofctl.ts';

/** The old form: port, actions, and one or more packets. */
async function packetsOut(
  ofctl: Ofctl,
  bridge: string,
  portText: string,
  actionText: string,
  packets: readonly string[],
): Promise<void> {
  const { actions, protocols } = await ofctl.parse(bridge, (o) => parseActions(actionText, o));
  const metadata = inPortMatch(await ofctl.portNumber(bridge, portText));
  const { connection, protocol } = await connectFor(ofctl, bridge, protocols);
  for (const text of packets) {
    const packet = ofctl.parseAlone(() => parsePacketHex(text));
    await ofctl.confirm(
      connection,
      { kind: 'packet_out', packet, bufferId: NO_BUFFER, metadata, actions },
      { protocol },
    );
  }
  connection.close();
}

export const packetOut: OfctlCommand = writes(
  'packet-out',
  'switch "in_port=<port> packet=<hex data> actions=..."',
  [2, Number.POSITIVE_INFINITY],
  async (ofctl, args) => {
    const [bridge, text, actions, ...packets] = args;
    if (args.length === 2)
      await sendParsed(ofctl, bridge!, await ofctl.parse(bridge!, (o) => parsePacketOut(text!, o)));
    else if (args.length > 3) await packetsOut(ofctl, bridge!, text!, actions!, packets);
    else throw new ToolError(`Too many arguments (${args.length + 1})`);
  },
);
