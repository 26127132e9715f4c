/** `mod_dl_src` and `mod_dl_dst`: the Ethernet addresses; set_field from OpenFlow 1.2 on. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError, scanMac } from '../../base/parse.ts';
import { OFP12, type OfpVersion } from '../version.ts';
import { defineAction, param } from './codec.ts';
import { readNumber, writeNumber } from './fields.ts';
import { putSetField } from './put-set-field.ts';
import { endAction, WireForm } from './wire.ts';

const readMac = (r: ByteReader): bigint => readNumber(r, 6);

const SRC = new WireForm('OFPAT_SET_DL_SRC', 'OF1.0(4) OF1.1(3) OF1.2+(3)!', { size: 16 }, (r) => ({
  kind: 'set_eth_src',
  mac: readMac(r),
}));
const DST = new WireForm('OFPAT_SET_DL_DST', 'OF1.0(5) OF1.1(4) OF1.2+(4)!', { size: 16 }, (r) => ({
  kind: 'set_eth_dst',
  mac: readMac(r),
}));

function put(form: WireForm, w: ByteWriter, version: OfpVersion, mac: bigint): void {
  const start = form.begin(w, version);
  writeNumber(w, mac, 6);
  w.zero(6);
  endAction(w, start);
}

/** Writes the actions of OpenFlow 1.0 and 1.1. */
export const putEthSrc = (w: ByteWriter, version: OfpVersion, mac: bigint): void => put(SRC, w, version, mac);
export const putEthDst = (w: ByteWriter, version: OfpVersion, mac: bigint): void => put(DST, w, version, mac);

function parseMac(s: string): bigint {
  const mac = scanMac(s);
  if (mac === undefined) throw new ParseError(`invalid mac address ${s}`);
  return mac;
}

/** aa:bb:cc:dd:ee:ff */
export const formatMac = (mac: bigint): string =>
  mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:');

export const setEthSrc = defineAction({
  kind: 'set_eth_src',
  name: 'mod_dl_src',
  wire: [SRC],
  encode(a, { w, version }) {
    if (version < OFP12) putEthSrc(w, version, a.mac);
    else putSetField(w, version, 'eth_src', a.mac);
  },
  format: (a, f) => `${param(f, 'mod_dl_src:')}${formatMac(a.mac)}`,
  parse: { mod_dl_src: (arg) => ({ kind: 'set_eth_src', mac: parseMac(arg) }) },
  help: 'mod_dl_src:MAC: sets the Ethernet source address',
});

export const setEthDst = defineAction({
  kind: 'set_eth_dst',
  name: 'mod_dl_dst',
  wire: [DST],
  encode(a, { w, version }) {
    if (version < OFP12) putEthDst(w, version, a.mac);
    else putSetField(w, version, 'eth_dst', a.mac);
  },
  format: (a, f) => `${param(f, 'mod_dl_dst:')}${formatMac(a.mac)}`,
  parse: { mod_dl_dst: (arg) => ({ kind: 'set_eth_dst', mac: parseMac(arg) }) },
  help: 'mod_dl_dst:MAC: sets the Ethernet destination address',
});
