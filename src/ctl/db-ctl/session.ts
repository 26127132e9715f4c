/**
 * Runs the commands of one call as a transaction, again and again until one is committed.
 *
 * First the commands say which columns they read; the replica holds nothing else. Then all commands run on
 * it; if their transaction fails because the database changed meanwhile, or a command waits for a condition,
 * all of it is done again at the next change.
 */

import type { Vlog } from '../../base/vlog.ts';
import { parseRemotes } from '../../jsonrpc/remotes.ts';
import { TextError } from '../../ovsdb/atom.ts';
import { Idl } from '../../ovsdb/idl/idl.ts';
import type { Txn, TxnStatus } from '../../ovsdb/idl/txn.ts';
import type { SchemaSpec } from '../../ovsdb/schemas/spec.ts';
import { SymbolTable } from '../../ovsdb/symbols.ts';
import { type Table, TablePrinter, type TableStyle } from '../table.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import type { Command } from './command.ts';
import type { CtlContext } from './context.ts';

export interface SessionOptions {
  readonly remote: string;
  readonly retry: boolean;
  readonly leaderOnly: boolean;
  readonly shuffleRemotes: boolean;
  readonly oneline: boolean;
  readonly dryRun: boolean;
  readonly style: TableStyle;
}

/** What a tool adds to a run of its commands. */
export interface SessionHooks<S extends SchemaSpec, C extends CtlContext<S>> {
  readonly log: Vlog;
  /** @param txn absent while the commands only ask for columns */
  makeContext(idl: Idl<S>, symbols: SymbolTable, txn: Txn<S> | undefined): C;
  /** Asks for the columns that the tool itself needs. */
  prerequisites(idl: Idl<S>): void;
  /** Before the commands, in each new transaction. */
  begin(context: C): void;
  /** After the output: waits for whatever has to happen. @returns the exit status */
  finish(context: C, status: TxnStatus, session: Session<S, C>): Promise<number>;
}

interface Outcome {
  output: string;
  readonly table: Table | undefined;
}

export class Session<S extends SchemaSpec, C extends CtlContext<S>> {
  readonly idl: Idl<S>;
  readonly #io: ToolIo;
  readonly #commands: readonly Command<C>[];
  readonly #options: SessionOptions;
  readonly #hooks: SessionHooks<S, C>;
  #wake = (): void => {};

  constructor(
    io: ToolIo,
    schema: S,
    commands: readonly Command<C>[],
    options: SessionOptions,
    hooks: SessionHooks<S, C>,
  ) {
    this.#io = io;
    this.#commands = commands;
    this.#options = options;
    this.#hooks = hooks;
    this.idl = new Idl(io.host, schema);
    this.idl.onChange = () => this.#wake();
  }

  /** @returns the exit status. @throws ToolError */
  async run(): Promise<number> {
    try {
      return await this.#run();
    } catch (error) {
      if (error instanceof TextError) throw new ToolError(error.message);
      throw error;
    } finally {
      this.idl.close();
    }
  }

  async #run(): Promise<number> {
    this.#prepare();
    const { remote, retry, leaderOnly, shuffleRemotes } = this.#options;
    const { remotes, clusterId } = parseRemotes(remote);
    this.idl.connect(remotes, { retry, leaderOnly, shuffle: shuffleRemotes, clusterId });
    for (let seqno = 0; ; ) {
      await this.nextChange(seqno);
      seqno = this.idl.seqno;
      const status = await this.#attempt();
      if (status !== undefined) return status;
    }
  }

  /** Waits until the replica is newer than `seqno`. @throws ToolError when it cannot become so any more */
  async nextChange(seqno: number): Promise<void> {
    while (this.idl.seqno === seqno) {
      if (!this.idl.isAlive) {
        const why = this.idl.lastError?.message ?? 'End of file';
        throw new ToolError(`${this.#options.remote}: database connection failed (${why})`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #prepare(): void {
    this.#hooks.prerequisites(this.idl);
    const context = this.#hooks.makeContext(this.idl, new SymbolTable(this.#io.host.random), undefined);
    for (const command of this.#commands) {
      this.#enter(context, command);
      command.syntax.prerequisites?.(context);
    }
  }

  #enter(context: C, command: Command<C>): void {
    context.argv = command.argv;
    context.options = command.options;
    context.isLast = command === this.#commands.at(-1);
    context.output = '';
    context.table = undefined;
    context.tryAgain = false;
  }

  /** @returns the exit status, or undefined to try again */
  async #attempt(): Promise<number | undefined> {
    const symbols = new SymbolTable(this.#io.host.random);
    const txn = this.idl.txn();
    txn.dryRun = this.#options.dryRun;
    const context = this.#hooks.makeContext(this.idl, symbols, txn);
    this.#hooks.begin(context);
    const outcomes: Outcome[] = [];
    for (const command of this.#commands) {
      this.#enter(context, command);
      command.syntax.run?.(context);
      if (context.tryAgain) {
        txn.abort();
        return undefined;
      }
      outcomes.push({ output: context.output, table: context.table });
    }
    checkSymbols(symbols, this.#hooks.log);
    const status = await txn.commit();
    switch (status) {
      case 'try-again':
        return undefined;
      case 'error':
        throw new ToolError(`transaction error: ${txn.error}`);
      case 'not-locked':
        throw new ToolError('database not locked');
    }
    this.#commands.forEach((command, i) => {
      if (!command.syntax.postprocess) return;
      this.#enter(context, command);
      context.output = outcomes[i]!.output;
      command.syntax.postprocess(context);
      outcomes[i]!.output = context.output;
    });
    this.#print(outcomes);
    return this.#hooks.finish(context, status, this);
  }

  #print(outcomes: readonly Outcome[]): void {
    const printer = new TablePrinter(this.#options.style);
    let text = '';
    for (const { output, table } of outcomes) {
      if (table) text += printer.format(table);
      else if (this.#options.oneline)
        text += `${output.replace(/\n$/, '').replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
      else text += output;
    }
    if (text !== '') this.#io.out(text);
  }
}

/** Warns of rows that were named in vain. @throws ToolError for names without a row */
function checkSymbols(symbols: SymbolTable, log: Vlog): void {
  for (const [name, { created, strongRef, weakRef }] of symbols.entries()) {
    if (!created)
      throw new ToolError(
        `row id "${name}" is referenced but never created (e.g. with "-- --id=${name} create ...")`,
      );
    if (strongRef) continue;
    const referred = weakRef ? 'only a weak reference to it was inserted' : 'no reference to it was inserted';
    log.warn(`row id "${name}" was created but ${referred}, so it will not actually appear in the database`);
  }
}
