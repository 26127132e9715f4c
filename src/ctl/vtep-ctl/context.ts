/** What vtep-ctl's own commands work on: the common context, and the fabric that the database describes. */
import type { Idl } from '../../ovsdb/idl/idl.ts';
import type { Txn } from '../../ovsdb/idl/txn.ts';
import type { SymbolTable } from '../../ovsdb/symbols.ts';
import type { CommandSyntax } from '../db-ctl/command.ts';
import { CtlContext } from '../db-ctl/context.ts';
import type { ToolIo } from '../tool.ts';
import { Fabric } from './fabric.ts';
import type { Vtep, VtepRow, VtepRows } from './rows.ts';
import { DB_SCHEMA } from './tables.ts';

export type VtepCommand = CommandSyntax<VtepContext>;

export class VtepContext extends CtlContext<Vtep> implements VtepRows {
  #fabric: Fabric | undefined;
  #root: VtepRow<'Global'> | undefined;

  constructor(io: ToolIo, idl: Idl<Vtep>, symbols: SymbolTable, txn: Txn<Vtep> | undefined) {
    super(io, idl, DB_SCHEMA, symbols, txn);
  }

  /** The row of the Global table, made if there is none. */
  get global(): VtepRow<'Global'> {
    this.#root ??= this.idl.first('Global') ?? this.txn.insert('Global');
    return this.#root;
  }

  /** Switches, ports, MAC bindings and locators as the transaction has left them. */
  get fabric(): Fabric {
    this.#fabric ??= new Fabric(this);
    return this.#fabric;
  }

  override invalidate(): void {
    this.#fabric = undefined;
  }
}
