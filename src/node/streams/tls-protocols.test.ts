import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsLogged } from '../../../test/support/log-capture.ts';
import { parseTlsProtocols, type TlsVersions } from './tls-protocols.ts';

test('versions of TLS are a list or one range', () => {
  const both = { min: 'TLSv1.2', max: 'TLSv1.3' };
  for (const text of ['TLSv1.2,TLSv1.3', 'TLSv1.3 TLSv1.2', 'TLSv1.2-TLSv1.3', 'TLSv1.3-TLSv1.2', 'TLSv1.2+'])
    assert.deepEqual(parseTlsProtocols(text), both, text);
  for (const text of ['TLSv1.3', 'TLSv1.3+', 'TLSv1.3,TLSv1.3'])
    assert.deepEqual(parseTlsProtocols(text), { min: 'TLSv1.3', max: 'TLSv1.3' }, text);
  assert.deepEqual(parseTlsProtocols('TLSv1.2'), { min: 'TLSv1.2', max: 'TLSv1.2' });
});

test('what is no version of TLS is told', () => {
  const complaint = (text: string): string[] => {
    let versions: TlsVersions | undefined;
    const lines = errorsLogged(() => {
      versions = parseTlsProtocols(text);
    });
    assert.equal(versions, undefined, text);
    return lines.map((line) => line.replace('stream_ssl|ERR|', ''));
  };
  assert.deepEqual(complaint('TLSv1.1'), ['TLSv1.1: SSL/TLS protocol not recognized']);
  assert.deepEqual(complaint('TLSv1.2,x,y'), [
    'x: SSL/TLS protocol not recognized',
    'y: SSL/TLS protocol not recognized',
  ]);
  assert.deepEqual(complaint('TLSv1.2-TLSv1.3,TLSv1.3+'), [
    'TLSv1.2-TLSv1.3,TLSv1.3: SSL/TLS protocol not recognized',
  ]);
  assert.deepEqual(complaint('TLSv1.2+TLSv1.3'), ['TLSv1.2+TLSv1.3: SSL/TLS protocol not recognized']);
  assert.deepEqual(complaint(' ,'), ['SSL/TLS protocol settings invalid']);
});
