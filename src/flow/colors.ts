/**
 * Colours of printed flows and actions (`ovs-ofctl --color`): terminal escapes around parts of the text.
 *
 * C counterpart: lib/colors.c.
 */
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

const start = (sgr: string): string => `\x1b[${sgr}m\x1b[K`;

const CODES: Readonly<Record<string, keyof Colors>> = {
  ac: 'actions',
  dr: 'drop',
  le: 'learn',
  pm: 'param',
  pr: 'paren',
  sp: 'special',
  vl: 'value',
};

/** The colours, with what OVS_COLORS (`ac=01;31:dr=34`) changes. */
export function makeColors(environment?: string): Colors {
  const colors: Record<keyof Colors, string> = {
    actions: start('1;31'),
    drop: start('34'),
    learn: start('31'),
    param: start('36'),
    paren: start('35'),
    special: start('33'),
    value: start('32'),
    end: start(''),
  };
  for (const setting of (environment ?? '').split(':')) {
    const [code, sgr] = setting.split('=');
    const color = CODES[code ?? ''];
    if (color && sgr !== undefined && /^[0-9;]*$/.test(sgr)) colors[color] = start(sgr);
  }
  return colors;
}
