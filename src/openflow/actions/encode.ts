/** Actions to bytes, in the form that each version has. C counterpart: ofpacts_put_openflow_actions. */
import type { ByteWriter } from '../../base/bytes.ts';
import type { OfpVersion } from '../version.ts';
import type { OfpAct } from './action.ts';
import type { ActionEncoding } from './codec.ts';
import { codecOf } from './table.ts';

export class ActionEncoder implements ActionEncoding {
  readonly w: ByteWriter;
  readonly version: OfpVersion;

  constructor(w: ByteWriter, version: OfpVersion) {
    this.w = w;
    this.version = version;
  }

  one(act: OfpAct): void {
    codecOf(act).encode(act, this);
  }

  list(acts: readonly OfpAct[]): void {
    for (const act of acts) codecOf(act).encode(act, this);
  }
}

/** Appends actions to what `w` holds. */
export function encodeActions(w: ByteWriter, acts: readonly OfpAct[], version: OfpVersion): void {
  new ActionEncoder(w, version).list(acts);
}
