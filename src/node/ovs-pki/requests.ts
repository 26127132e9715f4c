/** Keys, requests for certificates, and the certificates themselves: NAME-privkey.pem, NAME-req.pem, NAME-cert.pem. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ToolError } from '../../ctl/tool.ts';
import { requestConfig } from './config.ts';
import type { Openssl } from './openssl.ts';
import type { PkiSettings } from './options.ts';

/** What certificates are for. Each kind has an authority of its own. */
export const CERTIFICATE_TYPES = ['switch', 'controller'] as const;
export type CertificateType = (typeof CERTIFICATE_TYPES)[number];

/** @throws ToolError */
export function mustExist(file: string): void {
  if (!fs.existsSync(file)) throw new ToolError(`${file} does not exist`);
}

function mustNotExist(file: string, { force }: PkiSettings): void {
  if (fs.existsSync(file) && !force) throw new ToolError(`${file} already exists and --force not supplied`);
}

/** The directory of an authority. @throws ToolError when there is none */
function authorityDir({ dir }: PkiSettings, type: CertificateType): string {
  if (!fs.existsSync(dir)) throw new ToolError(`${dir} does not exist (need to run 'init' or use '--dir'?)`);
  if (!fs.statSync(dir).isDirectory()) throw new ToolError(`${dir} is not a directory`);
  return path.join(dir, `${type}ca`);
}

/** Runs `work` on the name of a file with that text, which is gone afterwards. */
function withFile(text: string, work: (file: string) => void): void {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-pki-'));
  try {
    const file = path.join(dir, 'config');
    fs.writeFileSync(file, text);
    work(file);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/**
 * Makes a key and a request.
 * @param type whose authority must be there, if the request is to be signed next
 * @throws ToolError
 */
export function makeRequest(
  openssl: Openssl,
  settings: PkiSettings,
  name: string,
  type?: CertificateType,
): void {
  const [key, request] = [`${name}-privkey.pem`, `${name}-req.pem`];
  if (type) authorityDir(settings, type);
  mustNotExist(key, settings);
  mustNotExist(request, settings);
  if (settings.keyType === 'dsa') mustExist(settings.dsaparam);
  // A key that others could read, were it for a moment, is no secret any more.
  fs.rmSync(key, { force: true });
  fs.closeSync(fs.openSync(key, 'wx', 0o600));
  if (settings.keyType === 'rsa') openssl.run(['genrsa', '-out', key, String(settings.bits)]);
  else openssl.run(['gendsa', '-out', key, settings.dsaparam]);
  const commonName = settings.unique ? name : `${name} id:${randomUUID()}`;
  withFile(requestConfig(commonName), (config) =>
    openssl.run(['req', '-config', config, '-new', '-text', '-key', key, '-out', request]),
  );
}

/** Has the authority sign the request. @throws ToolError */
export function signRequest(
  openssl: Openssl,
  settings: PkiSettings,
  name: string,
  type: CertificateType,
): void {
  const certificate = `${name}-cert.pem`;
  mustNotExist(certificate, settings);
  const cwd = authorityDir(settings, type);
  const temporary = `${certificate}.tmp${process.pid}`;
  const fd = fs.openSync(temporary, 'w');
  try {
    const input = path.resolve(`${name}-req.pem`);
    openssl.run(['ca', '-config', 'ca.cnf', '-extensions', 'usr_cert', '-batch', '-in', input], {
      cwd,
      stdout: fd,
    });
    fs.renameSync(temporary, certificate);
  } finally {
    fs.closeSync(fd);
    fs.rmSync(temporary, { force: true });
  }
}

/** Tells the user whether the authority signed the certificate. @throws ToolError if not */
export function verify(openssl: Openssl, settings: PkiSettings, name: string, type: CertificateType): void {
  const authority = path.join(authorityDir(settings, type), 'cacert.pem');
  openssl.run(['verify', '-CAfile', authority, `${name}-cert.pem`], { stdout: 'user', stderr: 'user' });
}

/** Makes a certificate that only its own key vouches for. @throws ToolError */
export function selfSign(openssl: Openssl, settings: PkiSettings, name: string): void {
  const [key, request, certificate] = [`${name}-privkey.pem`, `${name}-req.pem`, `${name}-cert.pem`];
  mustExist(request);
  mustExist(key);
  mustNotExist(certificate, settings);
  withFile(`subjectAltName = DNS:${name}\n`, (extensions) =>
    openssl.run([
      ...['x509', '-in', request, '-out', certificate, '-signkey', key, '-req', '-days', '3650', '-text'],
      ...['-extfile', extensions],
    ]),
  );
}
