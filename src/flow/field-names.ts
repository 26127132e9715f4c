/** Names of all the fields, as OVS spells them. */
export type { FieldName } from './field-table.ts';
