/**
 * Colour of the parts of printed flows (`--color`, OVS_COLORS). C counterpart: lib/colors.c.
 */

/** What to print before each kind of text, and `end` after it; all empty without colour. */
export interface Colors {
  readonly actions: string;
  readonly drop: string;
  readonly learn: string;
  readonly param: string;
  readonly paren: string;
  readonly special: string;
  readonly value: string;
  readonly end: string;
}

export const NO_COLORS: Colors = {
  actions: '',
  drop: '',
  learn: '',
  param: '',
  paren: '',
  special: '',
  value: '',
  end: '',
};

const KEYS: Readonly<Record<string, keyof Colors>> = {
  ac: 'actions',
  dr: 'drop',
  le: 'learn',
  pm: 'param',
  pr: 'paren',
  sp: 'special',
  vl: 'value',
};

const marker = (sgr: string): string => `\x1b[${sgr}m\x1b[K`;

/** The default colours, changed by the value of OVS_COLORS, e.g. 'ac=01;31:dr=34:le='. */
export function makeColors(ovsColors: string | undefined): Colors {
  const colors: Record<keyof Colors, string> = {
    actions: marker('1;31'),
    drop: marker('34'),
    learn: marker('31'),
    param: marker('36'),
    paren: marker('35'),
    special: marker('33'),
    value: marker('32'),
    end: marker(''),
  };
  for (const item of (ovsColors ?? '').split(':')) {
    const eq = item.indexOf('=');
    const key = KEYS[eq < 0 ? item : item.slice(0, eq)];
    const sgr = eq < 0 ? '' : item.slice(eq + 1);
    if (key !== undefined && eq >= 0 && /^[0-9;]*$/.test(sgr)) colors[key] = marker(sgr);
  }
  return colors;
}
