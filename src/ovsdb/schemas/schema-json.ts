/**
 * The `.ovsschema` document of a schema constant, in the canonical form in which servers print schemas: a type
 * that is one plain atom is a word, and members with their default value are left out.
 */
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import type { BaseSpec, ColumnSpec, SchemaSpec, TableSpec, TypeSpec } from './spec.ts';

const mapValues = <T>(object: Readonly<Record<string, T>>, f: (value: T) => Json): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, f(value)]));

function baseJson(base: BaseSpec): Json {
  const { enum: values, ...rest } = base;
  if (values) return { ...rest, enum: values.length === 1 ? values[0]! : ['set', [...values].sort()] };
  return Object.keys(rest).length === 1 ? base.type : { ...rest };
}

export function typeJson({ key, value, min = 1, max = 1 }: TypeSpec): Json {
  if (!value && min === 1 && max === 1 && Object.keys(key).length === 1) return key.type;
  return {
    key: baseJson(key),
    ...(value && { value: baseJson(value) }),
    ...(min !== 1 && { min }),
    ...(max !== 1 && { max }),
  };
}

export const columnJson = ({ type, ...rest }: ColumnSpec): JsonObject => ({ type: typeJson(type), ...rest });

export const tableJson = ({ columns, ...rest }: TableSpec): JsonObject => ({
  columns: mapValues(columns, columnJson),
  ...rest,
});

/** What `share/vswitch.ovsschema` holds. */
export const schemaJson = ({ tables, ...rest }: SchemaSpec): JsonObject => ({
  ...rest,
  tables: mapValues(tables, tableJson),
});
