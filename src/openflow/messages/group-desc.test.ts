import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tryDecodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { formatBytes } from './format.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

test('a group of a type that has no name is shown, and comes back from its value', () => {
  const reply = bytes(
    '06130028 00000006 00070000 00000000 00180400 0000001d 00080000 00000000 00080000 00000000',
  );
  assert.equal(
    formatBytes(reply),
    'OFPST_GROUP_DESC reply (OF1.5) (xid=0x6):\n group_id=29,type=unknown,bucket=bucket_id:0,actions=drop\n',
  );
  const { message } = tryDecodeMessage(reply);
  assert.deepEqual(encodeMessage(message!), [reply]);
});

test('a match that is longer than the rest of an NXST_FLOW reply is a bad match', () => {
  const reply = bytes(
    '0111005b 00000026 ffff0000 00002320 00000000 00000000 0050fd00 0000cee5 147088ef 50b584a7 b41b0019' +
      '00000000 00000000 000000ba 00000000 000002a4 6d874f16 a2afc000 00014804 00000007 00000002 000286dd 00000a',
  );
  assert.equal(tryDecodeMessage(reply).error?.code, 'OFPBMC_BAD_LEN');
});
