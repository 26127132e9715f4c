/**
 * monitor and snoop: print what a switch says, until it goes away; controlled over a control socket meanwhile.
 */

import { SystemError } from '../../base/host.ts';
import { atoi, scanHexBytes } from '../../base/parse.ts';
import { UnixctlError } from '../../base/unixctl.ts';
import { vlog } from '../../base/vlog.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import type { OfpMessage, PacketInFormat } from '../../openflow/messages/message.ts';
import { parseFlowMonitor } from '../../openflow/parse/flow-monitor.ts';
import { parsePacketOut } from '../../openflow/parse/packet-out.ts';
import {
  formatVersionNames,
  OFP10,
  OFP11,
  OFP12,
  protocolsToString,
  versionProtocol,
} from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, reads } from './command.ts';
import { type Connection, ConnectionError } from './connection.ts';
import type { Ofctl, OutputNames } from './ofctl.ts';
import { fetchConfig, setConfig } from './switch-config.ts';

const log = vlog('ofctl');

/** Versions in which a switch can be told to report packets with an invalid TTL. */
const INVALID_TTL_VERSIONS = (1 << OFP10) | (1 << OFP11) | (1 << OFP12);
const WHOLE_PACKETS = 0xffff;

/** Bytes of a message given as hexadecimal digits. @throws UnixctlError */
function messageOfHex(text: string): Uint8Array {
  const { bytes, end } = scanHexBytes(text);
  if (end < text.length) throw new UnixctlError('Trailing garbage in hex data');
  if (bytes.length < 8) throw new UnixctlError('Message too short for OpenFlow');
  if (bytes.length !== ((bytes[2]! << 8) | bytes[3]!))
    throw new UnixctlError('Message size does not match length in OpenFlow header');
  return bytes;
}

/** A running monitor. */
class Monitor {
  readonly #ofctl: Ofctl;
  readonly #connection: Connection;
  readonly #names: OutputNames;
  /** What the switch's requests for life are answered with, and paused packets. */
  readonly #answersEchoes: boolean;
  readonly #resumes: boolean;
  #blocked: (() => void) | undefined;
  #unblocked: Promise<void> | undefined;
  #barrier: ((reply: string) => void) | undefined;
  #stop!: (status: number) => void;

  constructor(
    ofctl: Ofctl,
    connection: Connection,
    names: OutputNames,
    options: { answersEchoes: boolean; resumes: boolean },
  ) {
    this.#ofctl = ofctl;
    this.#connection = connection;
    this.#names = names;
    this.#answersEchoes = options.answersEchoes;
    this.#resumes = options.resumes;
  }

  /** Prints until the connection ends or the control socket says to exit. */
  async run(): Promise<void> {
    const stopped = new Promise<number>((resolve) => {
      this.#stop = resolve;
    });
    this.#registerCommands();
    this.#ofctl.service?.ready();
    await Promise.race([this.#print(), stopped]);
    this.#connection.close();
  }

  #err(text: string): void {
    this.#ofctl.io.err(text);
  }

  async #print(): Promise<never> {
    const connection = this.#connection;
    for (;;) {
      let bytes: Uint8Array;
      try {
        bytes = await connection.receive();
      } catch (error) {
        throw error instanceof ConnectionError ? new ToolError(`vconn_recv (${error.message})`) : error;
      }
      await this.#unblocked;
      this.#show(bytes);
      const { message, error } = tryDecodeMessage(bytes);
      if (message && !error) this.#answer(message);
    }
  }

  #show(bytes: Uint8Array): void {
    const { timestamp } = this.#ofctl.settings;
    const time = timestamp ? `${timeText(this.#ofctl.io.host.loop.clock.wallNow())}: ` : '';
    this.#err(time + this.#ofctl.format(bytes, 2, this.#names));
  }

  #answer(message: OfpMessage): void {
    switch (message.kind) {
      case 'barrier_reply':
        this.#barrier?.('');
        this.#barrier = undefined;
        break;
      case 'echo_request':
        if (this.#answersEchoes) this.#connection.reply({ ...message, kind: 'echo_reply' });
        break;
      case 'packet_in':
        if (this.#resumes && message.continuation) {
          const { kind: _, version: _version, xid: _xid, ...packet } = message;
          const parts = this.#connection.encode({ kind: 'nxt_resume', ...packet });
          this.#err(`send: ${this.#ofctl.format(parts[0]!, 2, this.#names)}`);
          this.#connection.sendBytes(parts);
        }
        break;
    }
  }

  #registerCommands(): void {
    const commands = this.#ofctl.service?.commands;
    if (!commands) return;
    const many = Number.POSITIVE_INFINITY;
    commands.register('exit', '', 0, 0, () => {
      // The reply first.
      this.#ofctl.io.host.loop.defer(() => this.#stop(0));
      return '';
    });
    commands.register('ofctl/send', 'OFMSG...', 1, many, (args) => this.#send(args));
    commands.register('ofctl/packet-out', '"in_port=<port> packet=<hex data> actions=..."', 1, 1, ([text]) =>
      this.#packetOut(text!),
    );
    commands.register('ofctl/barrier', '', 0, 0, () => {
      if (this.#barrier) throw new UnixctlError('already waiting for barrier reply');
      this.#connection.send({ kind: 'barrier_request' });
      return new Promise((resolve) => {
        this.#barrier = resolve;
      });
    });
    commands.register('ofctl/set-output-file', 'FILE', 1, 1, ([file]) => {
      try {
        this.#ofctl.service!.redirectErrors(file!);
      } catch (error) {
        throw error instanceof SystemError ? new UnixctlError(error.message) : error;
      }
      return '';
    });
    commands.register('ofctl/block', '', 0, 0, () => {
      if (this.#blocked) return 'already blocking';
      this.#unblocked = new Promise((resolve) => {
        this.#blocked = resolve;
      });
      this.#connection.pause();
      return '';
    });
    commands.register('ofctl/unblock', '', 0, 0, () => {
      if (!this.#blocked) return 'already unblocked';
      this.#blocked();
      this.#blocked = undefined;
      this.#unblocked = undefined;
      this.#connection.resume();
      return '';
    });
  }

  /** ofctl/send: sends each message; reports those that are none. */
  #send(texts: readonly string[]): string {
    let reply = '';
    let ok = true;
    for (const text of texts) {
      try {
        const bytes = messageOfHex(text);
        this.#err(`send: ${this.#ofctl.format(bytes, 0, this.#names)}`);
        this.#connection.sendBytes([bytes]);
        reply += 'sent\n';
      } catch (error) {
        if (!(error instanceof UnixctlError) && !(error instanceof ConnectionError)) throw error;
        reply += `${error.message}\n`;
        ok = false;
      }
    }
    if (!ok) throw new UnixctlError(reply);
    return reply;
  }

  async #packetOut(text: string): Promise<string> {
    try {
      const { value, protocols } = await this.#ofctl.parse(this.#connection.name, (o) =>
        parsePacketOut(text, o),
      );
      const protocol = versionProtocol(this.#connection.version);
      if (!(protocols & protocol))
        throw new UnixctlError('PACKET_OUT actions are incompatible with the OpenFlow connection.\n');
      const parts = this.#connection.encode(value, { protocol });
      this.#err(this.#ofctl.format(parts[0]!, 0, this.#names));
      this.#connection.sendBytes(parts);
      return '';
    } catch (error) {
      if (error instanceof ToolError || error instanceof ConnectionError)
        throw new UnixctlError(`${error.message}\n`);
      throw error;
    }
  }
}

const two = (n: number): string => String(n).padStart(2, '0');

/** 'YYYY-MM-DD HH:MM:SS.mmm' in UTC. */
export function timeText(wallMs: number, withDate = true): string {
  const t = new Date(wallMs);
  const date = `${t.getUTCFullYear()}-${two(t.getUTCMonth() + 1)}-${two(t.getUTCDate())} `;
  const time = `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}`;
  return `${withDate ? date : ''}${time}.${String(t.getUTCMilliseconds()).padStart(3, '0')}`;
}

async function setPacketInFormat(
  ofctl: Ofctl,
  connection: Connection,
  format: PacketInFormat,
): Promise<boolean> {
  const refusal = await ofctl.talking(connection, () =>
    connection.confirm({ kind: 'set_packet_in_format', format }),
  );
  if (refusal) {
    log.dbg(
      () =>
        `${connection.name}: failed to set packet in format to nx_packet_in, controller replied: ${formatBytes(refusal, { verbosity: 2 })}.`,
    );
  }
  return !refusal;
}

/** Settles how packets are to be sent: as the user wants, or with all that there is to know. */
async function choosePacketInFormat(ofctl: Ofctl, connection: Connection): Promise<void> {
  const { packetInFormat: format } = ofctl.settings;
  if (format !== undefined) return await ofctl.confirm(connection, { kind: 'set_packet_in_format', format });
  if (await setPacketInFormat(ofctl, connection, 'nxt_packet_in2')) return;
  if (connection.version === OFP10) await setPacketInFormat(ofctl, connection, 'nxt_packet_in');
}

async function reportInvalidTtl(ofctl: Ofctl, connection: Connection): Promise<void> {
  const config = await fetchConfig(ofctl, connection);
  if (config.invalidTtlToController) return;
  await setConfig(ofctl, connection, { ...config, invalidTtlToController: true });
  // Switches may ignore what they do not support.
  const now = await fetchConfig(ofctl, connection);
  if (!now.invalidTtlToController) {
    throw new ToolError(
      "setting invalid_ttl_to_controller failed (this switch probably doesn't support this flag)",
    );
  }
}

async function setMissLength(ofctl: Ofctl, connection: Connection, missSendLen: number): Promise<void> {
  await setConfig(ofctl, connection, { ...(await fetchConfig(ofctl, connection)), missSendLen });
}

async function watch(
  ofctl: Ofctl,
  bridge: string,
  connection: Connection,
  id: number,
  text: string,
): Promise<void> {
  const { value, protocols } = await ofctl.parse(bridge, (o) => parseFlowMonitor(text, id, o));
  const { settings } = ofctl;
  if (!(protocols & settings.protocols)) {
    throw new ToolError(
      `none of the usable flow formats (${protocolsToString(protocols)}) is among the allowed flow formats ` +
        `(${protocolsToString(settings.protocols)})`,
    );
  }
  const { protocol } = connection;
  const parts = connection.encode({ kind: 'flow_monitor_stats_request', requests: [value] }, { protocol });
  if (settings.verbosity > 0) ofctl.io.out(ofctl.format(parts[0]!, 2));
  await ofctl.dumpBytes(connection, parts);
}

const monitor = reads(
  'monitor',
  'switch [misslen] [invalid_ttl] [watch:[...]]',
  [1, 3],
  async (ofctl, args) => {
    const [bridge, ...words] = args;
    const { settings } = ofctl;
    if (words.includes('invalid_ttl')) {
      if (!(settings.versions & INVALID_TTL_VERSIONS)) {
        throw new ToolError(
          `invalid_ttl requires one of the OpenFlow versions ${formatVersionNames(INVALID_TTL_VERSIONS)} but none is enabled (use -O)`,
        );
      }
      settings.versions &= INVALID_TTL_VERSIONS;
    }
    const connection = await ofctl.connect(bridge!);
    let resumes = false;
    let monitors = 0;
    for (const word of words) {
      if (/^\d/.test(word)) await setMissLength(ofctl, connection, atoi(word) & 0xffff);
      else if (word === 'invalid_ttl') await reportInvalidTtl(ofctl, connection);
      else if (word.startsWith('watch:')) await watch(ofctl, bridge!, connection, monitors++, word.slice(6));
      else if (word === 'resume') {
        resumes = true;
        await setMissLength(ofctl, connection, WHOLE_PACKETS);
      } else throw new ToolError(`${word}: unsupported "monitor" argument`);
    }
    await choosePacketInFormat(ofctl, connection);
    const names = await ofctl.outputNames(connection.name);
    await new Monitor(ofctl, connection, names, { answersEchoes: true, resumes }).run();
  },
);

const snoop = reads('snoop', 'switch', [1, 1], async (ofctl, [bridge]) => {
  // A switch tells its names to those who control it only.
  ofctl.settings.names = false;
  const connection = await ofctl.connect(bridge!, 'snoop');
  await new Monitor(ofctl, connection, {}, { answersEchoes: false, resumes: false }).run();
});

export const MONITOR_COMMANDS: readonly OfctlCommand[] = [monitor, snoop];
