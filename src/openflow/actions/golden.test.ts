// Pairs recorded from ovs-ofctl 3.7: `parse-actions`, `parse-instructions` and `parse-flow` with every version.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { catchAllMatch } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { decodeInstructions, encodeInstructions } from '../instructions.ts';
import { protocolsToString, versionProtocols } from '../version.ts';
import type { OfpAct } from './action.ts';
import { checkActions, checkActionsConsistency } from './check.ts';
import { decodeActions } from './decode.ts';
import { encodeActions } from './encode.ts';
import { formatActions } from './format.ts';
import { parseInstructions } from './parse.ts';

interface Golden {
  /** Bytes, what they print as (or !ERROR), and what they are written back as where that differs. */
  readonly wire: readonly {
    readonly instructions: boolean;
    readonly version: number;
    readonly hex: string;
    readonly table?: number;
    readonly result: string;
    readonly again?: string;
  }[];
  /** Text, the protocols that can carry it, and by version what comes back from the wire. */
  readonly text: readonly (readonly [string, string | null, Readonly<Record<string, string>>])[];
  /** Text and the error it gives. */
  readonly errors: readonly (readonly [string, string])[];
}

const file = new URL('../../../test/golden/openflow-actions.json', import.meta.url);
const golden: Golden = JSON.parse(readFileSync(file, 'utf8'));
const anySwitch = { maxPorts: OFPP.MAX, tableId: 255, nTables: 255 };

function readWire(row: Golden['wire'][number]): readonly OfpAct[] {
  const bytes = Buffer.from(row.hex, 'hex');
  const r = new ByteReader(bytes);
  if (!row.instructions) return decodeActions(r, bytes.length, row.version);
  const acts = decodeInstructions(r, bytes.length, row.version);
  const options = { maxPorts: OFPP.MAX, tableId: row.table ?? 0, nTables: 256 };
  return checkActionsConsistency(acts, catchAllMatch(), versionProtocols(row.version), options);
}

test('bytes read, print and are written back as by the C tools', () => {
  for (const row of golden.wire) {
    const name = `${row.instructions ? 'instructions' : 'actions'} ${row.version} ${row.hex}`;
    if (row.result.startsWith('!')) {
      const isError = (e: unknown): boolean => e instanceof OfpError && `!${e.code}` === row.result;
      assert.throws(() => readWire(row), isError, `${name} should give ${row.result}`);
      continue;
    }
    const acts = readWire(row);
    assert.equal(formatActions(acts), row.result, name);
    const w = new ByteWriter(16);
    (row.instructions ? encodeInstructions : encodeActions)(w, acts, row.version);
    assert.equal(Buffer.from(w.finish()).toString('hex'), row.again ?? row.hex, name);
  }
});

test('text goes through every version as with the C tools, and allows the same protocols', () => {
  for (const [text, protocols, byVersion] of golden.text) {
    const parsed = parseInstructions(text);
    const checked = checkActions(parsed.actions, catchAllMatch(), anySwitch);
    if (protocols !== null)
      assert.equal(protocolsToString(parsed.protocols & checked.protocols), protocols, text);
    for (const [version, printed] of Object.entries(byVersion)) {
      const w = new ByteWriter();
      encodeInstructions(w, checked.actions, Number(version));
      const bytes = w.finish();
      const back = decodeInstructions(new ByteReader(bytes), bytes.length, Number(version));
      assert.equal(formatActions(back), printed, `${text} in version ${version}`);
    }
  }
});

test('bad text gives the messages of the C tools', () => {
  for (const [text, message] of golden.errors)
    assert.throws(
      () => parseInstructions(text),
      (e: unknown) => e instanceof ParseError && assert.equal(e.message, message, text) === undefined,
      text,
    );
});
