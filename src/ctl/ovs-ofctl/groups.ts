/** Commands on groups. */
import { OFPG_ALL } from '../../openflow/messages/group.ts';
import type { GroupCommand, GroupMod, OfpBody } from '../../openflow/messages/message.ts';
import { type Parsed, parseGroupId } from '../../openflow/parse/common.ts';
import { parseGroupMod, parseGroupModFile } from '../../openflow/parse/group-mod.ts';
import { OFP11, OFP15, P } from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, reads, writes } from './command.ts';
import { connectFor } from './flow-format.ts';
import type { Ofctl } from './ofctl.ts';

/** Commands that came with OpenFlow 1.5 (and the extension to 1.0), as errors name them. */
const ONLY_OPENFLOW15: Readonly<Partial<Record<GroupCommand, string>>> = {
  insert_bucket: 'insert-bucket',
  remove_bucket: 'remove-bucket',
};

async function sendGroupMods(
  ofctl: Ofctl,
  bridge: string,
  { value: groupMods, protocols }: Parsed<readonly GroupMod[]>,
): Promise<void> {
  const { bundle } = ofctl.settings;
  const { connection } = await connectFor(ofctl, bridge, bundle ? protocols & P.OF13_UP : protocols);
  const encode = (groupMod: GroupMod): Uint8Array[] => {
    const only15 = ONLY_OPENFLOW15[groupMod.command];
    if (only15 !== undefined && connection.version >= OFP11 && connection.version < OFP15)
      throw new ToolError(`${only15} needs OpenFlow 1.5 or later ('-O OpenFlow15')`);
    return connection.encode({ kind: 'group_mod', ...groupMod });
  };
  if (bundle) await ofctl.bundle(connection, groupMods.flatMap(encode));
  else {
    await ofctl.confirmAll(
      connection,
      (function* () {
        for (const groupMod of groupMods) yield encode(groupMod);
      })(),
    );
  }
  connection.close();
}

async function groupModFile(
  ofctl: Ofctl,
  bridge: string,
  file: string,
  command: GroupCommand,
): Promise<void> {
  const text = ofctl.readText(file);
  // Lines of additions may say otherwise.
  const each = command === 'add' ? 'any' : command;
  const parsed = await ofctl.parse(bridge, (o) => parseGroupModFile(file, text, each, o));
  await sendGroupMods(ofctl, bridge, parsed);
}

async function groupMod(ofctl: Ofctl, bridge: string, text: string, command: GroupCommand): Promise<void> {
  if (text === '-') return await groupModFile(ofctl, bridge, text, command);
  const { value, protocols } = await ofctl.parse(bridge, (o) => parseGroupMod(text, command, o));
  await sendGroupMods(ofctl, bridge, { value: [value], protocols });
}

const change = (name: string, usage: string, command: (ofctl: Ofctl) => GroupCommand): OfctlCommand =>
  writes(name, usage, [1, 2], (ofctl, [bridge, text = '']) => groupMod(ofctl, bridge!, text, command(ofctl)));

async function ask(ofctl: Ofctl, bridge: string, body: OfpBody): Promise<void> {
  const connection = await ofctl.connect(bridge);
  await ofctl.dump(connection, body);
  connection.close();
}

export const GROUP_COMMANDS: readonly OfctlCommand[] = [
  change('add-group', 'switch group', () => 'add'),
  writes('add-groups', 'switch file', [2, 2], (ofctl, [bridge, file]) =>
    groupModFile(ofctl, bridge!, file!, 'add'),
  ),
  change('mod-group', 'switch group', (ofctl) => (ofctl.settings.mayCreate ? 'add_or_mod' : 'modify')),
  change('del-groups', 'switch [group]', () => 'delete'),
  change('insert-buckets', 'switch [group]', () => 'insert_bucket'),
  change('remove-buckets', 'switch [group]', () => 'remove_bucket'),
  reads('dump-groups', 'switch [group]', [1, 2], async (ofctl, [bridge, text]) => {
    const connection = await ofctl.connect(bridge!);
    const groupId = (text === undefined ? undefined : parseGroupId(text)) ?? OFPG_ALL;
    await ofctl.dump(connection, { kind: 'group_desc_stats_request', groupId });
    connection.close();
  }),
  reads('dump-group-stats', 'switch [group]', [1, 2], async (ofctl, [bridge, text = '']) => {
    const { value } = await ofctl.parse(bridge!, (o) => parseGroupMod(text, 'delete', o));
    await ask(ofctl, bridge!, { kind: 'group_stats_request', groupId: value.groupId });
  }),
  reads('dump-group-features', 'switch', [1, 1], (ofctl, [bridge]) =>
    ask(ofctl, bridge!, { kind: 'group_features_stats_request' }),
  ),
];
