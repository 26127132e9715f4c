/** Commands on meters and on mappings of tunnel options. */
import type { MeterCommand, MeterMod, OfpBody } from '../../openflow/messages/message.ts';
import { OFPM13 } from '../../openflow/messages/meter.ts';
import type { Parsed } from '../../openflow/parse/common.ts';
import { parseMeterMod } from '../../openflow/parse/meter-mod.ts';
import { parseTlvMap } from '../../openflow/parse/tlv-map.ts';
import { P } from '../../openflow/version.ts';
import { type OfctlCommand, reads, writes } from './command.ts';
import { connectFor, sendParsed } from './flow-format.ts';
import type { Ofctl } from './ofctl.ts';

/** The meter that the text says; without text, all of them. */
function meterOf(
  ofctl: Ofctl,
  text: string | undefined,
  command: MeterCommand | 'request',
): Parsed<MeterMod> {
  if (text !== undefined) return ofctl.parseAlone(() => parseMeterMod(text, command));
  const all: MeterMod = {
    command: command === 'request' ? 'modify' : command,
    meterId: OFPM13.ALL,
    flags: 0,
    bands: [],
  };
  return { value: all, protocols: P.OF13_UP };
}

const change = (
  name: string,
  usage: string,
  range: readonly [number, number],
  command: MeterCommand,
): OfctlCommand =>
  writes(name, usage, range, async (ofctl, [bridge, text]) => {
    const { value, protocols } = meterOf(ofctl, text, command);
    await sendParsed(ofctl, bridge!, { value: { kind: 'meter_mod', ...value }, protocols });
  });

const ask = (
  name: string,
  usage: string,
  range: readonly [number, number],
  body: (meterId: number) => OfpBody,
): OfctlCommand =>
  reads(name, usage, range, async (ofctl, [bridge, text]) => {
    const { value, protocols } = meterOf(ofctl, text, 'request');
    const { connection } = await connectFor(ofctl, bridge!, protocols);
    await ofctl.dump(connection, body(value.meterId));
    connection.close();
  });

const config = (meterId: number): OfpBody => ({ kind: 'meter_config_stats_request', meterId });

async function tlvMod(
  ofctl: Ofctl,
  bridge: string,
  command: 'add' | 'delete' | 'clear',
  text: string,
): Promise<void> {
  const { value: mappings, protocols } = ofctl.parseAlone(() => parseTlvMap(text));
  await sendParsed(ofctl, bridge, { value: { kind: 'nxt_tlv_table_mod', command, mappings }, protocols });
}

export const METER_COMMANDS: readonly OfctlCommand[] = [
  change('add-meter', 'switch meter', [2, 2], 'add'),
  change('mod-meter', 'switch meter', [2, 2], 'modify'),
  change('del-meter', 'switch meter', [1, 2], 'delete'),
  change('del-meters', 'switch', [1, 2], 'delete'),
  ask('dump-meter', 'switch meter', [1, 2], config),
  ask('dump-meters', 'switch', [1, 2], config),
  ask('meter-stats', 'switch [meter]', [1, 2], (meterId) => ({ kind: 'meter_stats_request', meterId })),
  ask('meter-features', 'switch', [1, 1], () => ({ kind: 'meter_features_stats_request' })),
];

export const TLV_COMMANDS: readonly OfctlCommand[] = [
  reads('add-tlv-map', 'switch map', [2, 2], (ofctl, [bridge, text]) => tlvMod(ofctl, bridge!, 'add', text!)),
  reads('del-tlv-map', 'switch [map]', [1, 2], (ofctl, [bridge, text]) =>
    tlvMod(ofctl, bridge!, text === undefined ? 'clear' : 'delete', text ?? ''),
  ),
];
