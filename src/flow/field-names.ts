/** Names of all the fields, as OVS spells them. Replaced by the table's own type in fields.ts. */
export type FieldName = string;
