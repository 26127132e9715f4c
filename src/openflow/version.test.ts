import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOfpErrorName, ofpErrorCode, ofpErrorName, ofpErrorNames } from './errors.ts';
import {
  formatVersionNames,
  formatVersions,
  OFP10,
  OFP13,
  P,
  parseProtocols,
  parseVersions,
  protocolsToString,
  protocolsToVersions,
  protocolVersion,
  setProtocolBase,
  versionProtocol,
  versionsToProtocols,
} from './version.ts';

test('every error is found again by its numbers', () => {
  const names = [...ofpErrorNames()];
  assert.ok(names.length > 190);
  for (const name of names) {
    assert.ok(isOfpErrorName(name));
    for (let version = 1; version <= 6; version++) {
      const code = ofpErrorCode(name, version);
      if (!code) continue;
      const found = ofpErrorName(version, code);
      // A few errors share their numbers; all of them lead to the same one.
      assert.ok(found !== undefined, name);
      assert.deepEqual(ofpErrorCode(found, version), code, name);
    }
  }
  assert.equal(isOfpErrorName('OFPET_FOO'), false);
});

test('versions are read and printed', () => {
  assert.equal(parseVersions('OpenFlow10, openflow13'), (1 << OFP10) | (1 << OFP13));
  assert.throws(() => parseVersions('OpenFlow99'), /^Error: Unknown OpenFlow version: "OpenFlow99"$/);
  assert.equal(formatVersions(0x12), '0x01, 0x04');
  assert.equal(formatVersionNames(0x12), 'OpenFlow10, OpenFlow13');
});

test('protocols are read and printed', () => {
  for (const text of [
    'any',
    'none',
    'OpenFlow10',
    'NXM',
    'NXM+table_id',
    'OpenFlow10,OXM',
    'OXM-OpenFlow13',
  ]) {
    if (text === 'none') assert.equal(protocolsToString(0), text);
    else assert.equal(protocolsToString(parseProtocols(text)), text);
  }
  assert.throws(() => parseProtocols('foo'), /^Error: foo: unknown flow protocol$/);
  assert.throws(() => parseProtocols(','), /^Error: ,: no flow protocol specified$/);
});

test('protocols and versions belong together', () => {
  for (let version = 1; version <= 6; version++) {
    assert.equal(protocolVersion(versionProtocol(version)), version);
    assert.equal(protocolsToVersions(versionsToProtocols(1 << version)), 1 << version);
  }
  assert.equal(setProtocolBase(P.OF10_STD_TID, P.OF10_NXM), P.OF10_NXM_TID);
  assert.equal(setProtocolBase(P.OF10_STD, P.OF10_NXM), P.OF10_NXM);
});
