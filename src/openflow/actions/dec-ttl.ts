/** `dec_ttl`: decrements the IP TTL; a packet whose TTL runs out goes to controllers (with the given ids). */
import { atoi, ParseError } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { defineAction, paren } from './codec.ts';
import { limit } from './limit.ts';
import { needsIp } from './prereqs.ts';
import { endAction, isZeroUntil, WireForm } from './wire.ts';

const log = vlog('ofp_actions');
const DEFAULT_CONTROLLERS: readonly number[] = [0];
const MAX_CONTROLLERS = 32000;

const DEC_TTL = new WireForm('OFPAT_DEC_NW_TTL', 'NX1.0(18) OF1.1+(24)', 'void', () => ({
  kind: 'dec_ttl',
  controllers: DEFAULT_CONTROLLERS,
  explicit: false,
}));

const DEC_TTL_CNT_IDS = new WireForm(
  'NXAST_DEC_TTL_CNT_IDS',
  'NX1.0+(21)',
  { size: 16, more: true },
  (r, end) => {
    const count = r.u16();
    if (!isZeroUntil(r, r.pos + 4)) throw new OfpError('NXBRC_MUST_BE_ZERO');
    r.skip(4);
    const room = end - r.pos;
    if (room < 2 * count) {
      log.warnRl(
        limit,
        `Nicira action dec_ttl_cnt_ids only has ${room} bytes allocated for controller ids. ${2 * count} bytes are ` +
          `required for ${count} controllers.`,
      );
      throw new OfpError('OFPBAC_BAD_LEN');
    }
    const controllers = Array.from({ length: count }, () => r.u16());
    return { kind: 'dec_ttl', controllers, explicit: true };
  },
);

export const decTtl = defineAction({
  kind: 'dec_ttl',
  name: 'dec_ttl',
  wire: [DEC_TTL, DEC_TTL_CNT_IDS],
  encode(a, { w, version }) {
    if (!a.explicit && a.controllers.length === 1 && a.controllers[0] === 0) {
      DEC_TTL.put(w, version);
      return;
    }
    const start = DEC_TTL_CNT_IDS.begin(w, version);
    w.u16(a.controllers.length).zero(4);
    for (const id of a.controllers) w.u16(id);
    endAction(w, start);
  },
  format: (a, f) =>
    paren(f, 'dec_ttl') + (a.explicit ? `${paren(f, '(')}${a.controllers.join(',')}${paren(f, ')')}` : ''),
  parse: {
    dec_ttl(arg) {
      if (arg === '') return { kind: 'dec_ttl', controllers: DEFAULT_CONTROLLERS, explicit: false };
      const controllers = arg
        .split(/[, ]+/)
        .filter((s) => s !== '')
        .map((s) => atoi(s) & 0xffff);
      if (controllers.length === 0)
        throw new ParseError('dec_ttl_cnt_ids: expected at least one controller id.');
      if (controllers.length > MAX_CONTROLLERS) throw new ParseError('input too big');
      return { kind: 'dec_ttl', controllers, explicit: true };
    },
  },
  check: needsIp,
  help: 'dec_ttl | dec_ttl(ID,...): decrements the IPv4 TTL or IPv6 hop limit',
});
