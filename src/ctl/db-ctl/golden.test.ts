// ovs-vsctl and vtep-ctl against recorded sessions of the C tools.
import { test } from 'node:test';
import { dbCtlWorld } from '../../../test/support/db-ctl-world.ts';
import { goldenSessions, repeatSession } from '../../../test/support/golden-sessions.ts';
import { hardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { ovsVsctl } from '../ovs-vsctl/ovs-vsctl.ts';
import { vtepCtl } from '../vtep-ctl/vtep-ctl.ts';

const worldOf = (tool: string) =>
  tool === 'ovs-vsctl'
    ? dbCtlWorld(tool, ovsVsctl, openVswitchSchema)
    : dbCtlWorld(tool, vtepCtl, hardwareVtepSchema);

for (const session of goldenSessions('db-ctl.json')) {
  test(`${session.tool} prints what the C tool prints: ${session.name}`, async () => {
    const { host, call } = await worldOf(session.tool);
    await repeatSession(session, host, call);
  });
}
