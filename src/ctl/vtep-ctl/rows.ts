/** Rows of the hardware_vtep database, as vtep-ctl reads and changes them. */
import type { Idl } from '../../ovsdb/idl/idl.ts';
import type { Row } from '../../ovsdb/idl/row.ts';
import type { Txn } from '../../ovsdb/idl/txn.ts';
import type { HardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import type { TableName } from '../../ovsdb/schemas/spec.ts';

export type Vtep = HardwareVtepSchema;
export type VtepRow<T extends TableName<Vtep>> = Row<Vtep, T>;

/** The database within a transaction, and the row that all others hang from. */
export interface VtepRows {
  readonly idl: Idl<Vtep>;
  readonly txn: Txn<Vtep>;
  readonly global: VtepRow<'Global'>;
}
