/**
 * The flow format that a command speaks: of those that can say what it has to say, one that the user allows and the
 * switch takes. See --flow-format in ovs-ofctl(8).
 */
import { vlog } from '../../base/vlog.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import type { OfpBody } from '../../openflow/messages/message.ts';
import type { Parsed } from '../../openflow/parse/common.ts';
import {
  P,
  type Protocol,
  type Protocols,
  protocolsToString,
  protocolVersion,
} from '../../openflow/version.ts';
import { protocolStep } from '../protocol-step.ts';
import { ToolError } from '../tool.ts';
import type { Connection } from './connection.ts';
import type { Ofctl } from './ofctl.ts';
import type { Settings } from './settings.ts';

const log = vlog('ofctl');

/** Flow formats in the order in which dumps try them: the most expressive first. */
const DUMP_PROTOCOLS: readonly Protocol[] = [
  P.OF15_OXM,
  P.OF14_OXM,
  P.OF13_OXM,
  P.OF12_OXM,
  P.OF11_STD,
  P.OF10_NXM,
  P.OF10_STD,
];

const noCommonFormat = (usable: Protocols, { protocols }: Settings): ToolError =>
  new ToolError(
    `none of the usable flow formats (${protocolsToString(usable)}) is among the allowed flow formats ` +
      `(${protocolsToString(protocols)})`,
  );

const notSupported = (usable: Protocols): ToolError =>
  new ToolError(`switch does not support any of the usable flow formats (${protocolsToString(usable)})`);

/** Asks the switch to speak another flow format of the same version. @returns whether it does */
async function trySetProtocol(ofctl: Ofctl, connection: Connection, want: Protocol): Promise<boolean> {
  if (protocolVersion(connection.protocol) !== protocolVersion(want)) return false;
  while (connection.protocol !== want) {
    const { step, next } = protocolStep(connection.protocol, want);
    const refusal = await ofctl.talking(connection, () => connection.confirm(step));
    if (refusal) {
      log.dbg(
        () =>
          `${connection.name}: failed to set protocol, switch replied: ${formatBytes(refusal, { verbosity: 2 })}`,
      );
      return false;
    }
    connection.protocol = next;
  }
  return true;
}

/** Settles on a format for a flow dump. @throws ToolError */
export async function setDumpProtocol(
  ofctl: Ofctl,
  connection: Connection,
  usable: Protocols,
): Promise<Protocol> {
  const allowed = usable & ofctl.settings.protocols;
  for (const protocol of DUMP_PROTOCOLS) {
    if (protocol & allowed && (await trySetProtocol(ofctl, connection, protocol))) return protocol;
  }
  if (allowed === 0) throw noCommonFormat(usable, ofctl.settings);
  throw notSupported(usable);
}

/** Connects, and settles on a format that can say something. @throws ToolError */
export async function connectFor(
  ofctl: Ofctl,
  name: string,
  usable: Protocols,
): Promise<{ readonly connection: Connection; readonly protocol: Protocol }> {
  const allowed = usable & ofctl.settings.protocols;
  if (allowed === 0) throw noCommonFormat(usable, ofctl.settings);
  const connection = await ofctl.connect(name);
  if (allowed & connection.protocol) return { connection, protocol: connection.protocol };
  for (let protocol: Protocol = 1; protocol <= P.OF15_OXM; protocol <<= 1) {
    if (
      protocol & allowed &&
      protocol !== connection.protocol &&
      (await trySetProtocol(ofctl, connection, protocol))
    ) {
      return { connection, protocol };
    }
  }
  throw notSupported(usable);
}

/** Sends one parsed request that is answered only if it fails. */
export async function sendParsed(
  ofctl: Ofctl,
  name: string,
  { value, protocols }: Parsed<OfpBody>,
): Promise<void> {
  const { connection, protocol } = await connectFor(ofctl, name, protocols);
  await ofctl.confirm(connection, value, { protocol });
  connection.close();
}

/** The lowest format that is usable and allowed, for commands without a switch. @throws ToolError */
export function chooseProtocol({ protocols }: Settings, usable: Protocols): Protocol {
  const both = usable & protocols;
  if (both === 0) throw new ToolError('no usable protocol');
  return both & -both;
}

/** The format that {@link connectFor} will most probably settle on; 0 when there is none. */
export function likelyProtocol({ protocols }: Settings, usable: Protocols): Protocol {
  const allowed = usable & protocols;
  // Of versions the highest is taken that both sides have, of the formats of OpenFlow 1.0 the simplest.
  return allowed & P.OF11_UP ? 1 << (31 - Math.clz32(allowed)) : allowed & -allowed;
}
