/** The TLS configuration of the switch. */
import type { VsctlCommand } from './context.ts';

const getSsl: VsctlCommand = {
  name: 'get-ssl',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  mode: 'ro',
  prerequisites(ctx) {
    ctx.idl.monitor('Open_vSwitch', ['ssl']);
    ctx.idl.monitor('SSL', ['private_key', 'certificate', 'ca_cert', 'bootstrap_ca_cert']);
  },
  run(ctx) {
    ctx.txn.verify(ctx.ovs, 'ssl');
    const { ssl } = ctx.ovs;
    if (!ssl) return;
    ctx.txn.verify(ssl, 'private_key', 'certificate', 'ca_cert', 'bootstrap_ca_cert');
    ctx.output =
      `Private key: ${ssl.private_key}\nCertificate: ${ssl.certificate}\n` +
      `CA Certificate: ${ssl.ca_cert}\nBootstrap: ${ssl.bootstrap_ca_cert}\n`;
  },
};

const delSsl: VsctlCommand = {
  name: 'del-ssl',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  mode: 'rw',
  prerequisites(ctx) {
    ctx.idl.monitor('Open_vSwitch', ['ssl']);
  },
  run(ctx) {
    const { ssl } = ctx.ovs;
    if (!ssl) return;
    ctx.txn.verify(ctx.ovs, 'ssl');
    ctx.txn.delete(ssl);
    ctx.txn.set(ctx.ovs, { ssl: undefined });
  },
};

const setSsl: VsctlCommand = {
  name: 'set-ssl',
  minArgs: 3,
  maxArgs: 3,
  arguments: 'PRIVATE-KEY CERTIFICATE CA-CERT',
  options: ['--bootstrap'],
  mode: 'rw',
  prerequisites(ctx) {
    ctx.idl.monitor('Open_vSwitch', ['ssl']);
  },
  run(ctx) {
    const [, private_key, certificate, ca_cert] = ctx.argv as [string, string, string, string];
    ctx.txn.verify(ctx.ovs, 'ssl');
    if (ctx.ovs.ssl) ctx.txn.delete(ctx.ovs.ssl);
    const bootstrap_ca_cert = ctx.options.has('--bootstrap');
    ctx.txn.set(ctx.ovs, {
      ssl: ctx.txn.insert('SSL', { private_key, certificate, ca_cert, bootstrap_ca_cert }),
    });
  },
};

export const SSL_COMMANDS = [getSsl, delSsl, setSsl];
