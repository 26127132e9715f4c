import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applyTableOption,
  EMPTY_CELL,
  jsonCell,
  type Table,
  TablePrinter,
  tableStyle,
  textCell,
} from './table.ts';

const TABLE: Table = {
  caption: 'T',
  headings: ['_uuid', 'name'],
  rows: [
    [textCell('01234567-89ab-cdef-0123-456789abcdef'), textCell('a,"b"')],
    [EMPTY_CELL, jsonCell(['<x>', 1])],
  ],
};

const print = (format: string, more: readonly string[] = []): string => {
  const style = tableStyle();
  applyTableOption(style, 'format', format);
  for (const option of more) applyTableOption(style, option, undefined);
  return new TablePrinter(style).format(TABLE);
};

test('aligned columns have no space at the ends of lines', () => {
  assert.equal(
    print('table'),
    'T\n' +
      '_uuid                                name\n' +
      '------------------------------------ ---------\n' +
      '01234567-89ab-cdef-0123-456789abcdef a,"b"\n' +
      '                                     ["<x>",1]\n',
  );
});

test('CSV quotes what has commas or quotes', () => {
  assert.equal(
    print('csv', ['noHeadings']),
    'T\n01234567-89ab-cdef-0123-456789abcdef,"a,""b"""\n,"[""<x>"",1]"\n',
  );
});

test('HTML links UUIDs to the rows that they name', () => {
  const html = print('html', ['noHeadings']);
  assert.match(html, /<td><a name="01234567-89ab-cdef-0123-456789abcdef">01234567<\/a><\/td>/);
  assert.match(html, /<td>\[&quot;&lt;x&gt;&quot;,1\]<\/td>/);
});

test('JSON has null where a cell is empty', () => {
  assert.equal(
    print('json'),
    '{"caption":"T","data":[["01234567-89ab-cdef-0123-456789abcdef","a,\\"b\\""],[null,["<x>",1]]],"headings":["_uuid","name"]}\n',
  );
});

test('tables of one output are separated by an empty line', () => {
  const printer = new TablePrinter(tableStyle('list'));
  const one: Table = { headings: ['h'], rows: [[textCell('v')]] };
  assert.equal(
    printer.format(one) + printer.format(one),
    'h                   : v\n\nh                   : v\n',
  );
});
