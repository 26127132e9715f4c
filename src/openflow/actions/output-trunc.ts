/** `output(port=PORT,max_len=BYTES)`: sends only the start of the packet. */
import { ParseError } from '../../base/parse.ts';
import { portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { defineAction, special } from './codec.ts';
import { checkOutputPort, MIN_TRUNCATED } from './output.ts';
import { WireForm } from './wire.ts';

const OUTPUT_TRUNC = new WireForm('NXAST_OUTPUT_TRUNC', 'NX1.0+(39)', { size: 16 }, (r) => {
  const port = portFromOf10(r.u16());
  const maxLen = r.u32();
  if (maxLen < MIN_TRUNCATED) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'output_trunc', port, maxLen };
});

export const outputTrunc = defineAction({
  kind: 'output_trunc',
  name: 'output_trunc',
  wire: [OUTPUT_TRUNC],
  encode(a, e) {
    OUTPUT_TRUNC.begin(e.w, e.version);
    e.w.u16(portToOf10(a.port)).u32(a.maxLen);
  },
  format: (a, f) => `${special(f, 'output')}(port=${f.port(a.port)},max_len=${a.maxLen})`,
  parse: {
    output_trunc(arg) {
      throw new ParseError(`unknown action ${arg}`);
    },
  },
  check: (a, c) => checkOutputPort(a.port, c.maxPorts),
  help: 'output(port=PORT,max_len=BYTES): sends the first BYTES of the packet',
});
