/** `enqueue`: output to a queue of a port. From OpenFlow 1.1 on it is set_queue, output, pop_queue. */
import { ParseError, strToU32 } from '../../base/parse.ts';
import { isPhysicalPort, OFPP, parsePort, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { OFP10 } from '../version.ts';
import { defineAction, param } from './codec.ts';
import { putOutput } from './output.ts';
import { putPopQueue, putSetQueue } from './queue.ts';
import { WireForm } from './wire.ts';

function checkPort(port: number, maxPorts: number): void {
  const ok = isPhysicalPort(port) ? port < maxPorts : port === OFPP.IN_PORT || port === OFPP.LOCAL;
  if (!ok) throw new OfpError('OFPBAC_BAD_OUT_PORT');
}

const ENQUEUE = new WireForm('OFPAT_ENQUEUE', 'OF1.0(11)', { size: 16 }, (r) => {
  const port = portFromOf10(r.u16());
  r.skip(6);
  const queue = r.u32();
  checkPort(port, OFPP.MAX);
  return { kind: 'enqueue', port, queue };
});

/** Characters that may stand between port and queue. */
const SEPARATORS = ':q,';

export const enqueue = defineAction({
  kind: 'enqueue',
  name: 'enqueue',
  wire: [ENQUEUE],
  encode(a, { w, version }) {
    if (version === OFP10) {
      ENQUEUE.begin(w, version);
      w.u16(portToOf10(a.port)).zero(6).u32(a.queue);
    } else {
      putSetQueue(w, version, a.queue);
      putOutput(w, version, a.port, 0xffff);
      putPopQueue(w, version);
    }
  },
  format: (a, f) => `${param(f, 'enqueue:')}${f.port(a.port)}:${a.queue}`,
  parse: {
    enqueue(arg, p) {
      let start = 0;
      while (start < arg.length && SEPARATORS.includes(arg[start]!)) start++;
      let end = start;
      while (end < arg.length && !SEPARATORS.includes(arg[end]!)) end++;
      const portText = arg.slice(start, end);
      const queueText = arg.slice(end + 1);
      if (portText === '' || queueText === '')
        throw new ParseError('"enqueue" syntax is "enqueue:PORT:QUEUE" or "enqueue(PORT,QUEUE)"');
      const port = parsePort(portText, p.portNames);
      if (port === undefined) throw new ParseError(`${portText}: enqueue to unknown port`);
      return { kind: 'enqueue', port, queue: strToU32(queueText) };
    },
  },
  check: (a, c) => checkPort(a.port, c.maxPorts),
  help: 'enqueue:PORT:QUEUE: sends the packet out of a queue of a port',
});
