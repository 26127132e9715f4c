/** Rows of the hardware_vtep database, as vtep-ctl reads and changes them. */
import type { Row } from '../../ovsdb/idl/row.ts';
import type { HardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import type { TableName } from '../../ovsdb/schemas/spec.ts';
import type { CtlContext } from '../db-ctl/context.ts';

export type Vtep = HardwareVtepSchema;
export type VtepRow<T extends TableName<Vtep>> = Row<Vtep, T>;

/** The database within a transaction, and the row that all others hang from. */
export interface VtepRows extends Pick<CtlContext<Vtep>, 'idl' | 'txn'> {
  readonly global: VtepRow<'Global'>;
}
