/** Names of rows within one call ("@name"), given by `--id` and used in values. */
import type { RowSymbol } from '../../ovsdb/symbols.ts';
import { type CtlContext, fail } from './context.ts';

/** @throws ToolError unless `id` is a name that is not taken yet */
export function createSymbol(ctx: CtlContext, id: string): RowSymbol {
  if (!id.startsWith('@')) fail(`row id "${id}" does not begin with "@"`);
  const symbol = ctx.symbols.mention(id);
  if (symbol.created) fail(`row id "${id}" may only be specified on one --id option`);
  symbol.created = true;
  return symbol;
}
