/** Makes the two certificate authorities. What is there already, with --force, is kept. */
import fs from 'node:fs';
import path from 'node:path';
import { ToolError, type ToolIo } from '../../ctl/tool.ts';
import { authorityConfig } from './config.ts';
import type { Openssl } from './openssl.ts';
import type { PkiSettings } from './options.ts';

const AUTHORITIES = ['controllerca', 'switchca'] as const;

/** @throws ToolError */
export function initialize(io: ToolIo, openssl: Openssl, settings: PkiSettings): void {
  const { dir, force, keyType, bits } = settings;
  if (fs.existsSync(dir) && !force) throw new ToolError(`${dir} already exists and --force not specified`);
  fs.mkdirSync(dir, { recursive: true });
  if (keyType === 'dsa' && !fs.existsSync(path.join(dir, 'dsaparam.pem'))) {
    io.err('Generating DSA parameters, please wait...\n');
    openssl.run(['dsaparam', '-out', 'dsaparam.pem', String(bits)], { cwd: dir });
  }
  const date = new Date().toISOString().slice(0, 19).replace('T', ' ');
  for (const name of AUTHORITIES) {
    io.err(`Creating ${name}...\n`);
    makeAuthority(openssl, settings, name, date);
  }
}

function makeAuthority(openssl: Openssl, settings: PkiSettings, name: string, date: string): void {
  const { keyType, bits } = settings;
  const cwd = path.join(settings.dir, name);
  const file = (relative: string): string => path.join(cwd, relative);
  const provide = (relative: string, text: string): void => {
    if (!fs.existsSync(file(relative))) fs.writeFileSync(file(relative), text);
  };
  for (const sub of ['certs', 'crl', 'newcerts']) fs.mkdirSync(file(sub), { recursive: true });
  fs.mkdirSync(file('private'), { recursive: true, mode: 0o700 });
  provide('index.txt', '');
  provide('crlnumber', '01\n');
  provide('serial', '01\n');
  provide('ca.cnf', authorityConfig(name, date));
  if (keyType === 'dsa' && !fs.existsSync(file('dsaparam.pem')))
    fs.copyFileSync(path.join(settings.dir, 'dsaparam.pem'), file('dsaparam.pem'));
  const key = 'private/cakey.pem';
  const newKey = keyType === 'dsa' ? 'dsa:dsaparam.pem' : `rsa:${bits}`;
  openssl.run(
    ['req', '-config', 'ca.cnf', '-nodes', '-newkey', newKey, '-keyout', key, '-out', 'careq.pem'],
    { cwd },
  );
  openssl.run(
    [
      ...['ca', '-config', 'ca.cnf', '-create_serial', '-extensions', 'ca_cert', '-out', 'cacert.pem'],
      ...['-days', '3650', '-batch', '-keyfile', key, '-selfsign', '-infiles', 'careq.pem'],
    ],
    { cwd },
  );
  fs.chmodSync(file(key), 0o600);
}
