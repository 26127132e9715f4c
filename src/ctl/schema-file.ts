/** Reads `.ovsschema` files. */
import { SystemError } from '../base/host.ts';
import { type Json, JsonError, parseJson } from '../jsonrpc/json.ts';
import { decodeUtf8 } from '../jsonrpc/utf8.ts';
import { OvsdbError } from '../ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson } from '../ovsdb/schema.ts';
import type { ToolIo } from './tool.ts';

/** @throws OvsdbError */
export function schemaFromFile(io: ToolIo, file: string): DatabaseSchema {
  let json: Json;
  try {
    json = parseJson(decodeUtf8(io.host.storage.read(file)));
  } catch (error) {
    let why: string;
    if (error instanceof SystemError) why = `error opening "${file}": ${error.message}`;
    else if (error instanceof JsonError) why = error.message;
    else throw error;
    throw new OvsdbError('failed to read schema', `"${file}" could not be read as JSON (${why})`);
  }
  try {
    return schemaFromJson(json);
  } catch (error) {
    if (error instanceof OvsdbError) throw error.wrap(`failed to parse "${file}" as ovsdb schema`);
    throw error;
  }
}
