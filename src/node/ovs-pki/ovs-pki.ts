/**
 * ovs-pki: a small public key infrastructure, with an authority for switches and one for controllers. It drives the
 * program openssl, and its directories can be used by the C tool too. See ovs-pki(8).
 */
import fs from 'node:fs';
import { versionText } from '../../base/version.ts';
import { type Tool, ToolError, type ToolIo } from '../../ctl/tool.ts';
import { toSystemError } from '../system-error.ts';
import { fingerprintText } from './fingerprint.ts';
import { initialize } from './init.ts';
import { Openssl } from './openssl.ts';
import { type PkiSettings, pkiCommandLine, pkiUsage } from './options.ts';
import {
  CERTIFICATE_TYPES,
  type CertificateType,
  makeRequest,
  mustExist,
  selfSign,
  signRequest,
  verify,
} from './requests.ts';

/** @throws ToolError */
function checkType(word: string | undefined): CertificateType {
  const type = word === undefined ? 'switch' : CERTIFICATE_TYPES.find((t) => t === word);
  if (!type) throw new ToolError("type argument must be 'switch' or 'controller'");
  return type;
}

/** A line of what the user types. */
function readLine(): string {
  let line = '';
  const byte = Buffer.alloc(1);
  while (fs.readSync(0, byte) === 1 && byte[0] !== 0x0a) line += byte.toString('latin1');
  return line;
}

function confirmFingerprint(io: ToolIo, { batch }: PkiSettings, file: string): void {
  io.out(fingerprintText(file));
  if (batch) return;
  io.out('Does fingerprint match? (yes/no)\n');
  if (readLine() !== 'yes') throw new ToolError('Match failure, aborting');
}

export const ovsPki: Tool = async (argv, io) => {
  try {
    return run(argv, io);
  } catch (error) {
    const { path, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new ToolError(`${path ?? syscall}: ${toSystemError(error).message}`);
  }
};

/** Does what the command line says. @returns the exit status */
function run(argv: readonly string[], io: ToolIo): number {
  const line = pkiCommandLine(argv, io.host.dirs.log);
  if (line === 'help' || line === 'version') {
    io.out(line === 'help' ? pkiUsage(io.program, io.host.dirs.log) : versionText(io.program));
    return 0;
  }
  const { settings, command, args } = line;
  const [name = '', typeWord] = args;
  const takes = (most: number): void => {
    if (name === '' || args.length > most)
      throw new ToolError(
        `${command} must have ${most === 1 ? 'exactly one argument' : 'one or two arguments'}; use --help for help`,
      );
  };
  const openssl = new Openssl(settings.log);
  const request = `${name}-req.pem`;
  switch (command) {
    case 'init':
      initialize(io, openssl, settings);
      return 0;
    case 'req':
      takes(1);
      makeRequest(openssl, settings, name);
      io.out(fingerprintText(request));
      return 0;
    case 'sign': {
      takes(2);
      const type = checkType(typeWord);
      mustExist(request);
      confirmFingerprint(io, settings, request);
      signRequest(openssl, settings, name, type);
      return 0;
    }
    case 'req+sign': {
      takes(2);
      const type = checkType(typeWord);
      makeRequest(openssl, settings, name, type);
      signRequest(openssl, settings, name, type);
      io.out(fingerprintText(request));
      return 0;
    }
    case 'verify':
      takes(2);
      mustExist(`${name}-cert.pem`);
      verify(openssl, settings, name, checkType(typeWord));
      return 0;
    case 'fingerprint':
      takes(1);
      mustExist(name);
      io.out(fingerprintText(name));
      return 0;
    case 'self-sign':
      takes(1);
      selfSign(openssl, settings, name);
      return 0;
    default:
      throw new ToolError(`${command} command unknown; use --help for help`);
  }
}
