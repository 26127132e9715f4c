import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, UsageError } from './getopt.ts';

const SPEC = {
  timeout: { long: 'timeout', short: 't', arg: 'required' },
  verbose: { long: 'verbose', short: 'v', arg: 'optional' },
  format: { long: 'format', arg: 'required' },
  force: { long: 'force', short: 'f' },
} as const;

const parse = (...argv: string[]) => parseOptions(argv, SPEC);
const message = (...argv: string[]): string => {
  try {
    parse(...argv);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  return 'no error';
};

test('short options bundle and take their values attached or as the next word', () => {
  assert.deepEqual(parse('-ft5', 'a', '-t', '6', '-vdbg', '-v', 'b'), {
    options: [
      { id: 'force', value: undefined },
      { id: 'timeout', value: '5' },
      { id: 'timeout', value: '6' },
      { id: 'verbose', value: 'dbg' },
      { id: 'verbose', value: undefined },
    ],
    args: ['a', 'b'],
  });
});

test('long options may be abbreviated and `--` ends the options', () => {
  assert.deepEqual(parse('--time=3', '--', '--force'), {
    options: [{ id: 'timeout', value: '3' }],
    args: ['--force'],
  });
});

test('without permutation the first argument ends the options', () => {
  const { options, args } = parseOptions(['-f', 'cmd', '-t', '1'], SPEC, { permute: false });
  assert.equal(options.length, 1);
  assert.deepEqual(args, ['cmd', '-t', '1']);
});

test('errors are worded as by the C library', () => {
  assert.equal(message('--nope=1'), "unrecognized option '--nope=1'");
  assert.equal(message('--fo'), "option '--fo' is ambiguous; possibilities: '--format' '--force'");
  assert.equal(message('--force=1'), "option '--force' doesn't allow an argument");
  assert.equal(message('--timeout'), "option '--timeout' requires an argument");
  assert.equal(message('-t'), "option requires an argument -- 't'");
  assert.equal(message('-x'), "invalid option -- 'x'");
});
