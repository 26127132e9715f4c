/** What ovs-vsctl's own commands work on: the common context, and the network that the database describes. */
import type { Idl } from '../../ovsdb/idl/idl.ts';
import type { Txn } from '../../ovsdb/idl/txn.ts';
import type { SymbolTable } from '../../ovsdb/symbols.ts';
import type { CommandSyntax } from '../db-ctl/command.ts';
import { CtlContext } from '../db-ctl/context.ts';
import type { ToolIo } from '../tool.ts';
import { Network } from './network.ts';
import type { Ovs, OvsRow, OvsRows } from './rows.ts';
import { DB_SCHEMA } from './tables.ts';

export type VsctlCommand = CommandSyntax<VsctlContext>;

export class VsctlContext extends CtlContext<Ovs> implements OvsRows {
  #network: Network | undefined;
  #root: OvsRow<'Open_vSwitch'> | undefined;
  /** Interfaces that this call adds, to be checked once the switch has taken them up. */
  readonly newInterfaces: OvsRow<'Interface'>[] = [];

  constructor(io: ToolIo, idl: Idl<Ovs>, symbols: SymbolTable, txn: Txn<Ovs> | undefined) {
    super(io, idl, DB_SCHEMA, symbols, txn);
  }

  /** The row of the Open_vSwitch table, made if there is none. */
  get ovs(): OvsRow<'Open_vSwitch'> {
    this.#root ??= this.idl.first('Open_vSwitch') ?? this.txn.insert('Open_vSwitch');
    return this.#root;
  }

  /** Bridges, ports and interfaces as the transaction has left them. */
  get network(): Network {
    this.#network ??= new Network(this);
    return this.#network;
  }

  override invalidate(): void {
    this.#network = undefined;
  }
}
