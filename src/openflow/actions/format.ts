/** Actions as text. C counterpart: ofpacts_format in lib/ofp-actions.c. */
import { type Colors, NO_COLORS } from '../../base/colors.ts';
import { formatPort, formatTable, type NameMap } from '../../flow/ports.ts';
import type { OfpAct } from './action.ts';
import type { ActionFormatting } from './codec.ts';
import { codecOf } from './table.ts';

export interface ActionFormatOptions {
  readonly portNames?: NameMap | undefined;
  readonly tableNames?: NameMap | undefined;
  readonly colors?: Colors | undefined;
}

class Formatting implements ActionFormatting {
  readonly colors: Colors;
  readonly portNames: NameMap | undefined;
  readonly tableNames: NameMap | undefined;

  constructor(options: ActionFormatOptions) {
    this.colors = options.colors ?? NO_COLORS;
    this.portNames = options.portNames;
    this.tableNames = options.tableNames;
  }
  port(port: number): string {
    return formatPort(port, this.portNames);
  }
  table(table: number): string {
    return formatTable(table, this.tableNames);
  }
  list(acts: readonly OfpAct[]): string {
    if (acts.length === 0) return `${this.colors.drop}drop${this.colors.end}`;
    let s = '';
    for (const act of acts) s += (s === '' ? '' : ',') + codecOf(act).format(act, this);
    return s;
  }
}

const PLAIN = new Formatting({});

/** The actions without the word `actions=`; 'drop' when there are none. */
export const formatActions = (acts: readonly OfpAct[], options?: ActionFormatOptions): string =>
  (options ? new Formatting(options) : PLAIN).list(acts);
