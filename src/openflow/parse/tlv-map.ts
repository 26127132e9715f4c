/** Mappings of tunnel options as text: '{class=0xffff,type=0,len=4}->tun_metadata0'. */
import { ParseError, scanInteger } from '../../base/parse.ts';
import type { TlvMap } from '../messages/message.ts';
import { P } from '../version.ts';
import type { Parsed } from './common.ts';

const PATTERN = /^,?\{class=([^,]*),type=([^,]*),len=([^}]*)\}->tun_metadata(\w+)/;

/** @throws ParseError with C's text */
export function parseTlvMap(text: string): Parsed<TlvMap[]> {
  const value: TlvMap[] = [];
  let rest = text;
  while (rest !== '') {
    const m = PATTERN.exec(rest);
    const [optionClass, optionType, optionLen, index] = m ? m.slice(1).map(integer) : [];
    if (
      !m ||
      optionClass === undefined ||
      optionType === undefined ||
      optionLen === undefined ||
      index === undefined
    ) {
      throw new ParseError('invalid tlv mapping');
    }
    value.push({
      optionClass: optionClass & 0xffff,
      optionType: optionType & 0xff,
      optionLen: optionLen & 0xff,
      index: index & 0xffff,
    });
    rest = rest.slice(m[0].length);
  }
  return { value, protocols: P.NXM_OXM_ANY };
}

function integer(text: string): number | undefined {
  const scanned = scanInteger(text);
  return scanned && scanned.end === text.length ? Number(scanned.value) : undefined;
}
