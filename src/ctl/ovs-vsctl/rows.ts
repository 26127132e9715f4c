/** Rows of the Open_vSwitch database, as ovs-vsctl reads and changes them. */
import type { Row } from '../../ovsdb/idl/row.ts';
import type { OpenVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import type { TableName } from '../../ovsdb/schemas/spec.ts';
import type { CtlContext } from '../db-ctl/context.ts';

export type Ovs = OpenVswitchSchema;
export type OvsRow<T extends TableName<Ovs>> = Row<Ovs, T>;

/** The database within a transaction, and the row that all others hang from. */
export interface OvsRows extends Pick<CtlContext<Ovs>, 'idl' | 'txn'> {
  readonly ovs: OvsRow<'Open_vSwitch'>;
}
