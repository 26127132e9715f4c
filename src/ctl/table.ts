/**
 * Tables as the database tools print them: aligned, list, HTML, CSV and JSON.
 *
 * A cell is asked for its text only in the format that is printed. Columns align by bytes, as C's printf does.
 * C counterpart: lib/table.c.
 */
import type { OptionSpec } from '../base/getopt.ts';
import { formatTime } from '../base/vlog.ts';
import { type Json, type JsonObject, prettyJson, sortedJson } from '../jsonrpc/json.ts';
import { ToolError } from './tool.ts';

const FORMATS = ['table', 'list', 'html', 'csv', 'json'] as const;
const CELL_FORMATS = ['string', 'bare', 'json'] as const;

export interface TableStyle {
  format: (typeof FORMATS)[number];
  cells: (typeof CELL_FORMATS)[number];
  headings: boolean;
  pretty: boolean;
  /** 0 for no limit. */
  maxColumnWidth: number;
}

export const tableStyle = (format: TableStyle['format'] = 'list'): TableStyle => ({
  format,
  cells: 'string',
  headings: true,
  pretty: false,
  maxColumnWidth: 0,
});

/** A value in each of the forms that it may be printed in. */
export interface TableCell {
  /** Fixed text, whatever form of values is asked for. */
  readonly text?: string;
  json(): Json;
  string(): string;
  bare(): string;
}

/** A cell of fixed text. */
export const textCell = (text: string): TableCell => ({
  text,
  json: () => text,
  string: () => text,
  bare: () => text,
});

/** A cell with nothing in it. */
export const EMPTY_CELL: TableCell = { ...textCell(''), json: () => null };

/** A cell that shows JSON as such. */
export const jsonCell = (json: Json): TableCell => ({
  json: () => json,
  string: () => sortedJson(json),
  bare: () => sortedJson(json),
});

export interface Table {
  readonly caption?: string;
  /** Wall-clock ms to print with the table. */
  readonly timestamp?: number | undefined;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly TableCell[])[];
}

export const TABLE_OPTIONS = {
  format: { long: 'format', short: 'f', arg: 'required' },
  data: { long: 'data', short: 'd', arg: 'required' },
  noHeadings: { long: 'no-headings' },
  pretty: { long: 'pretty' },
  bare: { long: 'bare' },
  maxColumnWidth: { long: 'max-column-width', arg: 'required' },
} as const satisfies Record<string, OptionSpec>;

/** Carries out one of {@link TABLE_OPTIONS}. @returns whether it was one. @throws ToolError */
export function applyTableOption(style: TableStyle, id: string, value: string | undefined): boolean {
  switch (id as keyof typeof TABLE_OPTIONS) {
    case 'format': {
      const format = FORMATS.find((f) => f === value);
      if (!format) throw new ToolError(`unknown output format "${value}"`);
      style.format = format;
      return true;
    }
    case 'data': {
      const cells = CELL_FORMATS.find((f) => f === value);
      if (!cells) throw new ToolError(`unknown data format "${value}"`);
      style.cells = cells;
      return true;
    }
    case 'noHeadings':
      style.headings = false;
      return true;
    case 'pretty':
      style.pretty = true;
      return true;
    case 'bare':
      style.format = 'list';
      style.cells = 'bare';
      style.headings = false;
      return true;
    case 'maxColumnWidth':
      style.maxColumnWidth = Number.parseInt(value!, 10) || 0;
      return true;
    default:
      return false;
  }
}

export const TABLE_USAGE = `
Output formatting options:
  -f, --format=FORMAT         set output formatting to FORMAT
                              ("table", "html", "csv", or "json")
  -d, --data=FORMAT           set table cell output formatting to
                              FORMAT ("string", "bare", or "json")
  --no-headings               omit table heading row
  --pretty                    pretty-print JSON in output
  --bare                      equivalent to "--format=list --data=bare --no-headings"
`;

/** Prints tables one after the other; text tables are separated by an empty line. */
export class TablePrinter {
  readonly #style: TableStyle;
  #first = true;

  constructor(style: TableStyle) {
    this.#style = style;
  }

  format(table: Table): string {
    switch (this.#style.format) {
      case 'table':
        return this.#preamble(table) + aligned(table, this.#style);
      case 'list':
        return this.#preamble(table) + list(table, this.#style);
      case 'csv':
        return this.#preamble(table) + csv(table, this.#style);
      case 'html':
        return (
          (table.timestamp === undefined ? '' : `${timeText(table.timestamp)}\n`) + html(table, this.#style)
        );
      case 'json':
        return json(table, this.#style);
    }
  }

  #preamble({ timestamp, caption }: Table): string {
    const gap = this.#first ? '' : '\n';
    this.#first = false;
    const time = timestamp === undefined ? '' : `${timeText(timestamp)}\n`;
    return gap + time + (caption === undefined ? '' : `${caption}\n`);
  }
}

const timeText = (wallMs: number): string => formatTime('%Y-%m-%d %H:%M:%S.###', wallMs);

function cellText(cell: TableCell, style: TableStyle): string {
  if (cell.text !== undefined) return cell.text;
  return style.cells === 'json' ? sortedJson(cell.json()) : cell[style.cells]();
}

const encoder = new TextEncoder();
const ASCII = /^[\0-\x7f]*$/;
const byteLength = (text: string): number => (ASCII.test(text) ? text.length : encoder.encode(text).length);

function fit(text: string, width: number): string {
  const length = byteLength(text);
  return length > width ? text.slice(0, width) : text + ' '.repeat(width - length);
}

function aligned({ headings, rows }: Table, style: TableStyle): string {
  const texts = rows.map((row) => row.map((cell) => cellText(cell, style)));
  const widths = headings.map((heading, x) => {
    const widest = texts.reduce((w, row) => Math.max(w, byteLength(row[x]!)), 0);
    const width = style.maxColumnWidth > 0 ? Math.min(widest, style.maxColumnWidth) : widest;
    return style.headings ? Math.max(width, byteLength(heading)) : width;
  });
  const line = (cells: readonly string[]): string =>
    `${cells
      .map((text, x) => fit(text, widths[x]!))
      .join(' ')
      .replace(/ +$/, '')}\n`;
  const head = style.headings ? line(headings) + line(widths.map((w) => '-'.repeat(w))) : '';
  return head + texts.map(line).join('');
}

function list({ headings, rows }: Table, style: TableStyle): string {
  return rows
    .map((row) =>
      row
        .map(
          (cell, x) => (style.headings ? `${headings[x]!.padEnd(20)}: ` : '') + `${cellText(cell, style)}\n`,
        )
        .join(''),
    )
    .join('\n');
}

function csv({ headings, rows }: Table, style: TableStyle): string {
  const quote = (text: string): string => (/[\n",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => row.map((cell) => quote(cellText(cell, style))));
  if (style.headings) lines.unshift(headings.map(quote));
  return lines.map((line) => `${line.join(',')}\n`).join('');
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (c) => HTML_ESCAPES[c]!);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

function html({ caption, headings, rows }: Table, style: TableStyle): string {
  const element = (name: string, text: string): string =>
    `    <${name}>${escapeHtml(text).replace(UUID, (u) => `<a href="#${u}">${u.slice(0, 8)}</a>`)}</${name}>\n`;
  const row = (cells: readonly string[]): string => `  <tr>\n${cells.join('')}  </tr>\n`;
  return (
    '<table border=1>\n' +
    (caption === undefined ? '' : element('caption', caption)) +
    (style.headings ? row(headings.map((h) => element('th', h))) : '') +
    rows
      .map((cells) =>
        row(
          cells.map((cell, x) => {
            const text = cellText(cell, style);
            if (headings[x] !== '_uuid') return element('td', text);
            return `    <td><a name="${escapeHtml(text)}">${escapeHtml(text.slice(0, 8))}</a></td>\n`;
          }),
        ),
      )
      .join('') +
    '</table>\n'
  );
}

function json({ caption, timestamp, headings, rows }: Table, style: TableStyle): string {
  const document: JsonObject = {
    ...(caption === undefined ? {} : { caption }),
    ...(timestamp === undefined ? {} : { time: timeText(timestamp) }),
    headings,
    data: rows.map((row) => row.map((cell) => cell.json())),
  };
  return `${style.pretty ? prettyJson(document) : sortedJson(document)}\n`;
}
