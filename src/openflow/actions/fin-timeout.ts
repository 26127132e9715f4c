/** `fin_timeout`: shortens the flow's timeouts once TCP's FIN or RST is seen. */
import { ParseError, strToU16 } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { F } from '../../flow/layout.ts';
import { defineAction, param, paren } from './codec.ts';
import { inconsistentMatch } from './prereqs.ts';
import { WireForm } from './wire.ts';

const TCP = 6;

const FIN_TIMEOUT = new WireForm('NXAST_FIN_TIMEOUT', 'NX1.0+(19)', { size: 16 }, (r) => ({
  kind: 'fin_timeout',
  idle: r.u16(),
  hard: r.u16(),
}));

export const finTimeout = defineAction({
  kind: 'fin_timeout',
  name: 'fin_timeout',
  wire: [FIN_TIMEOUT],
  encode(a, { w, version }) {
    FIN_TIMEOUT.begin(w, version);
    w.u16(a.idle).u16(a.hard).zero(2);
  },
  format(a, f) {
    const parts: string[] = [];
    if (a.idle) parts.push(`${param(f, 'idle_timeout=')}${a.idle}`);
    if (a.hard) parts.push(`${param(f, 'hard_timeout=')}${a.hard}`);
    return `${paren(f, 'fin_timeout(')}${parts.join(',')}${paren(f, ')')}`;
  },
  parse: {
    fin_timeout(arg) {
      let idle = 0;
      let hard = 0;
      for (const kv = new KeyValueScanner(arg); kv.next(); ) {
        if (kv.key === 'idle_timeout') idle = strToU16(kv.value, kv.key);
        else if (kv.key === 'hard_timeout') hard = strToU16(kv.value, kv.key);
        else throw new ParseError(`invalid key '${kv.key}' in 'fin_timeout' argument`);
      }
      return { kind: 'fin_timeout', idle, hard };
    },
  },
  check(_, c) {
    if (c.match.flow[F.NW_PROTO] !== TCP) inconsistentMatch(c);
  },
  help: 'fin_timeout(idle_timeout=SECONDS,hard_timeout=SECONDS): shortens timeouts after FIN or RST',
});
