/** What a command works on: the replica, the open transaction, its words, and where its output goes. */

import type { Idl } from '../../ovsdb/idl/idl.ts';
import type { Txn } from '../../ovsdb/idl/txn.ts';
import type { SchemaSpec } from '../../ovsdb/schemas/spec.ts';
import type { SymbolTable } from '../../ovsdb/symbols.ts';
import type { Table } from '../table.ts';
import { ToolError, type ToolIo } from '../tool.ts';

/** How users may name the rows of a table besides by UUID. */
export interface RowId {
  /** The column that has the name, TABLE.COLUMN; of the table itself or of one that refers to it. */
  readonly name: readonly [table: string, column: string];
  /** The column of the same table that refers to the row; absent when the named row is the row. */
  readonly via?: string;
}

/** One table in the output of `show`. */
export interface ShowTable {
  readonly table: string;
  /** Its rows are called by this column instead of by UUID. */
  readonly nameColumn?: string;
  readonly columns: readonly string[];
}

/** What a tool adds to the commands that work on any database. */
export interface DbCtlSchema {
  readonly rowIds: Readonly<Record<string, readonly RowId[]>>;
  readonly show: readonly ShowTable[];
}

export class CtlContext<S extends SchemaSpec = SchemaSpec> {
  readonly io: ToolIo;
  readonly idl: Idl<S>;
  readonly db: DbCtlSchema;
  readonly symbols: SymbolTable;
  argv: readonly string[] = [];
  options: ReadonlyMap<string, string | undefined> = new Map();
  /** Whether it is the last command, after which nobody reads what it wrote. */
  isLast = false;
  output = '';
  table: Table | undefined;
  /** The command's condition does not hold yet: run all commands again when the database changes. */
  tryAgain = false;
  #txn: Txn<S> | undefined;

  constructor(io: ToolIo, idl: Idl<S>, db: DbCtlSchema, symbols: SymbolTable, txn?: Txn<S>) {
    this.io = io;
    this.idl = idl;
    this.db = db;
    this.symbols = symbols;
    this.#txn = txn;
  }

  get txn(): Txn<S> {
    if (!this.#txn) throw new Error('no transaction is open yet');
    return this.#txn;
  }

  /** The command's words and options for a message. */
  get commandText(): string {
    return escapeArguments([...this.options.keys(), ...this.argv]);
  }

  /** Whether rows that do not exist are an error. */
  get mustExist(): boolean {
    return !this.options.has('--if-exists');
  }

  /** Called after a command has changed rows behind the back of whatever the tool derives from them. */
  invalidate(): void {}
}

/** Ends the tool with a status and without a message. */
export class CtlExit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

export const fail = (message: string): never => {
  throw new ToolError(message);
};

/** Words as one line that a shell could read back, more or less. */
export const escapeArguments = (words: readonly string[]): string =>
  words
    .map((word) => (/[ \t\n\v\r"'\\]/.test(word) ? `"${word.replace(/[\\"]/g, '\\$&')}"` : word))
    .join(' ');
