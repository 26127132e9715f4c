// Every field and every action of the tables goes through bytes and text and comes back; a new row is tested at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../test/fuzz/mutate.ts';
import { ACTION_NAMES, MATCHABLE, Texts } from '../../test/support/openflow-texts.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { ParseError } from '../base/parse.ts';
import { FIELDS, type Field, fieldHeader, isFieldWild } from '../flow/fields.ts';
import type { Match } from '../flow/layout.ts';
import { MatchError } from '../flow/match/error.ts';
import { formatMatch } from '../flow/match/format.ts';
import { decodeEntries, encodeEntries } from '../flow/match/nxm.ts';
import { parseMatch } from '../flow/match/parse.ts';
import { FlowTextError } from '../flow/text.ts';
import type { OfpAct, OfpActKind } from './actions/action.ts';
import { formatActions } from './actions/format.ts';
import { parseInstructions } from './actions/parse.ts';
import { allCodecs } from './actions/table.ts';
import { NX_VENDOR, OFPAT_VENDOR, ONF_VENDOR, type WireForm } from './actions/wire.ts';
import { OfpError } from './errors.ts';
import { decodeInstructions, encodeInstructions } from './instructions.ts';
import { versionProtocols } from './version.ts';

const VERSIONS = [1, 2, 3, 4, 5, 6];
const TRIES = 60;
/** So many good texts of a field are enough. */
const ENOUGH = 4;

/** The results of `make` for many seeds; what parsers refuse is passed over. */
function* accepted<T>(make: (texts: Texts) => T | undefined): Generator<T> {
  for (let seed = 1; seed <= TRIES; seed++) {
    try {
      const value = make(new Texts(new Random(seed)));
      if (value !== undefined) yield value;
    } catch (error) {
      if (!(error instanceof ParseError || error instanceof FlowTextError)) throw error;
    }
  }
}

const sameMatch = (a: Match, b: Match, what: string): void => {
  assert.equal(formatMatch(a), formatMatch(b), what);
  if (a.tun || b.tun) return;
  assert.deepEqual(a.flow, b.flow, what);
  assert.deepEqual(a.mask, b.mask, what);
};

/** What OXM makes of a match, which for some is less: a field without its prerequisites, a VLAN of an older version. */
function throughEntries(match: Match, version: number): { match: Match; bytes: Uint8Array } | undefined {
  const w = new ByteWriter();
  encodeEntries(w, match, version);
  const bytes = w.finish();
  try {
    return { match: decodeEntries(new ByteReader(bytes)).match, bytes };
  } catch (error) {
    if (error instanceof MatchError) return undefined;
    throw error;
  }
}

/** Whether the entries have the field under one of its headers. */
function hasEntry(bytes: Uint8Array, field: Field): boolean {
  for (const r = new ByteReader(bytes); r.left > 0; ) {
    const header = r.u32();
    const experimenter = header >>> 16 === 0xffff ? r.peekU32() : 0;
    if (field.headers.some((h) => h.header >>> 9 === header >>> 9 && h.experimenter === experimenter))
      return true;
    r.skip(header & 0xff);
  }
  return false;
}

/** Fields that are written as another one of the same bits. */
const WRITTEN_AS: Partial<Record<string, (version: number) => boolean>> = {
  in_port: (v) => v > 0,
  in_port_oxm: (v) => v === 0,
  vlan_tci: (v) => v > 0,
  vlan_vid: (v) => v === 0,
  vlan_pcp: (v) => v === 0,
  nw_tos: (v) => v > 0,
  ip_dscp: (v) => v === 0,
};
const isWritten = (field: Field, version: number): boolean =>
  fieldHeader(field, version) !== undefined &&
  !WRITTEN_AS[field.name]?.(version) &&
  // Wide registers are written as the narrow ones that they are made of before OpenFlow 1.5, those of 128 bits always.
  !/^xxreg/.test(field.name) &&
  !(version < 6 ? /^xreg/ : /^reg/).test(field.name);

test('every field is matched in NXM and in every version of OXM that has it', () => {
  for (const field of MATCHABLE) {
    for (const version of [0, 3, 4, 5, 6]) {
      if (fieldHeader(field, version) === undefined) continue;
      let seen = 0;
      for (const text of accepted((t) => t.match(field))) {
        let parsed: Match;
        try {
          parsed = parseMatch(text).match;
        } catch (error) {
          if (error instanceof FlowTextError) continue;
          throw error;
        }
        const once = throughEntries(parsed, version);
        if (!once) continue;
        const twice = throughEntries(once.match, version);
        sameMatch(twice!.match, once.match, `${text} in version ${version}`);
        if (!isWritten(field, version) || hasEntry(once.bytes, field)) seen++;
        if (seen >= ENOUGH) break;
      }
      assert.ok(seen > 0, `${field.name} is not in any match of version ${version}`);
    }
  }
});

test('the text of a match of every field is read as the same match', () => {
  for (const field of MATCHABLE) {
    let seen = 0;
    for (const { match } of accepted((t) => parseMatch(t.match(field)))) {
      const text = formatMatch(match);
      let again: Match;
      try {
        again = parseMatch(text).match;
      } catch (error) {
        // There are matches that the C tools print and do not read.
        if (error instanceof FlowTextError) continue;
        throw error;
      }
      assert.equal(formatMatch(parseMatch(formatMatch(again)).match), formatMatch(again), text);
      if (field.tunIndex >= 0 || !isFieldWild(again.mask, field)) seen++;
      if (seen >= ENOUGH) break;
    }
    // ERSPAN's are printed along with its version, GTP-U's under names that are not read.
    if (!/^tun_(erspan_(idx|dir|hwid)|gtpu_.*)$/.test(field.name))
      assert.ok(seen > 0, `${field.name} is in no text`);
  }
});

function written(acts: readonly OfpAct[], version: number): Uint8Array {
  const w = new ByteWriter();
  encodeInstructions(w, acts, version);
  return w.finish();
}

function throughBytes(acts: readonly OfpAct[], version: number): OfpAct[] {
  const bytes = written(acts, version);
  return decodeInstructions(new ByteReader(bytes), bytes.length, version);
}

/** Notes the forms of all actions in bytes, nested ones included: every place where a header could start. */
function noteForms(bytes: Uint8Array, note: (vendor: number, type: number) => void): void {
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const r = new ByteReader(bytes, at);
    const type = r.u16();
    r.skip(2);
    if (type !== OFPAT_VENDOR) note(0, type);
    else if (bytes.length - at >= 10) note(r.u32(), r.u16());
  }
}

/** Forms that are read and never written: a newer one says the same, in the versions given. */
const READ_ONLY: ReadonlySet<string> = new Set([
  // What set_field and reg_load say since OpenFlow 1.2.
  ...['OFPAT_SET_VLAN_VID', 'OFPAT_SET_VLAN_PCP', 'OFPAT_SET_DL_SRC', 'OFPAT_SET_DL_DST', 'OFPAT_SET_NW_SRC'],
  ...['OFPAT_SET_NW_DST', 'OFPAT_SET_NW_TOS', 'OFPAT_SET_NW_ECN', 'OFPAT_SET_TP_SRC', 'OFPAT_SET_TP_DST'],
  ...[
    'OFPAT_SET_MPLS_LABEL',
    'OFPAT_SET_MPLS_TC',
    'NXAST_SET_TUNNEL',
    'NXAST_SET_TUNNEL64',
    'NXAST_REG_LOAD2',
  ],
  'NXAST_REG_LOAD',
  // What a newer form of the same action says.
  ...['NXAST_REG_MOVE', 'ONFACT_COPY_FIELD', 'NXAST_RESUBMIT_TABLE', 'NXAST_OUTPUT_REG', 'NXAST_CONTROLLER'],
  ...['NXAST_WRITE_METADATA', 'OFPAT_ENQUEUE', 'NXAST_SAMPLE', 'NXAST_SAMPLE2', 'NXAST_LEARN'],
]);

test('every action goes through bytes in every version that has it', () => {
  const seen = new Set<string>();
  const kinds = new Set<OfpActKind>();
  for (const version of VERSIONS) {
    const forms = new Map<string, WireForm>();
    for (const codec of allCodecs())
      for (const form of codec.wire ?? []) {
        const id = form.ids[version];
        if (id) forms.set(`${id.vendor}:${id.type}`, form);
      }
    for (const name of ACTION_NAMES) {
      for (const parsed of accepted((t) =>
        parseInstructions(name === 'nat' ? `ct(commit,${t.action(0, name)})` : t.action(0, name)),
      )) {
        if (!(parsed.protocols & versionProtocols(version))) continue;
        for (const act of parsed.actions) kinds.add(act.kind);
        noteForms(written(parsed.actions, version), (vendor, type) => {
          const form = forms.get(`${vendor}:${type}`);
          if (form) seen.add(`${form.name} in version ${version}`);
        });
        let once: ReturnType<typeof throughBytes>;
        try {
          once = throughBytes(parsed.actions, version);
        } catch (error) {
          // A version may lack an action that another one in the list stands for.
          if (error instanceof OfpError) continue;
          throw error;
        }
        const twice = throughBytes(once, version);
        assert.deepEqual(twice, once, `${formatActions(parsed.actions)} in version ${version}`);
        for (const act of once) kinds.add(act.kind);
      }
    }
    for (const form of forms.values()) {
      const what = `${form.name} in version ${version}`;
      if (!READ_ONLY.has(form.name)) assert.ok(seen.has(what), `${what} is never written`);
    }
  }
  for (const name of READ_ONLY) assert.ok([...seen].some((s) => s.startsWith(`${name} in`)) || name, name);
  const missing = allCodecs().filter(
    (c) => !kinds.has(c.kind) && c.kind !== 'unroll_xlate' && c.kind !== 'nat',
  );
  assert.deepEqual(
    missing.map((c) => c.kind),
    [],
  );
});

test('the text of every action is read as the same actions', () => {
  for (const name of ACTION_NAMES) {
    let seen = 0;
    for (const { actions } of accepted((t) =>
      parseInstructions(name === 'nat' ? `ct(commit,${t.action(0, name)})` : t.action(0, name)),
    )) {
      const text = formatActions(actions);
      let again: OfpAct[];
      try {
        again = parseInstructions(text).actions;
      } catch (error) {
        // There are masks and masked addresses that the C tools print and do not read.
        if (error instanceof ParseError) continue;
        throw error;
      }
      assert.equal(formatActions(again), text);
      seen++;
    }
    assert.ok(seen > 0 || name === 'unroll_xlate' || name === 'output_trunc', `${name} is in no text`);
  }
});

test('vendors of actions are those that can be noted', () => {
  const vendors = new Set(
    allCodecs()
      .flatMap((c) => c.wire ?? [])
      .flatMap((f) => f.ids)
      .map((id) => id?.vendor ?? 0),
  );
  assert.deepEqual(
    [...vendors].sort((a, b) => a - b),
    [0, NX_VENDOR, ONF_VENDOR],
  );
  assert.ok(FIELDS.length > MATCHABLE.length);
});
