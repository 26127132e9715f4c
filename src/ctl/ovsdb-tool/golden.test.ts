// ovsdb-client and ovsdb-tool against recorded sessions of the C tools.
import { test } from 'node:test';
import { goldenSessions, repeatSession } from '../../../test/support/golden-sessions.ts';
import { callTool } from '../../../test/support/tool-world.ts';
import { hardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { schemaJson } from '../../ovsdb/schemas/schema-json.ts';
import { startSimDatabase } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { ovsdbClient } from '../ovsdb-client/ovsdb-client.ts';
import { ovsdbTool } from './ovsdb-tool.ts';

const openVswitch = JSON.stringify(schemaJson(openVswitchSchema));

/** What is in the run directory beside the database. */
const FILES: Readonly<Record<string, string>> = {
  'vswitch.ovsschema': openVswitch,
  'new.ovsschema': openVswitch.replace('8.8.0', '9.0.0'),
  'vtep.ovsschema': JSON.stringify(schemaJson(hardwareVtepSchema)),
  bad: 'x\n',
  empty: '',
};

for (const session of goldenSessions('db-tools.json')) {
  test(`${session.tool} prints what the C tool prints: ${session.name}`, async () => {
    const host = new SimHost();
    await startSimDatabase(host, schemaJson(openVswitchSchema));
    for (const [name, text] of Object.entries(FILES))
      host.storage
        .open(`${host.dirs.run}/${name}`, { create: 'excl' })
        .append(new TextEncoder().encode(text));
    const tool = session.tool === 'ovsdb-tool' ? ovsdbTool : ovsdbClient;
    await repeatSession(session, host, (...argv) => callTool(host, session.tool, tool, argv));
  });
}
