/**
 * Long texts in the store, in parts of one key each. They are written before what refers to them, and what refers
 * to them is only written if they are still there.
 */

import type { Host } from '../../base/host.ts';
import { randomUuid } from '../../base/uuid.ts';
import { type Guard, KvError, type KvStore, prefixEnd } from './kv.ts';
import { partKey } from './layout.ts';
import type { Member, Session } from './member.ts';
import { type BlobRef, cut } from './records.ts';

export interface StagedBlob extends BlobRef {
  /** Holds while it is there: parts are only ever removed all at once. */
  readonly guard: Guard;
}

/** Writes a text. @throws KvError: parts may have been left */
export async function stageBlob(
  { random }: Host,
  member: Member,
  session: Session,
  text: string,
  blob = member.layout.blob(session.id, randomUuid(random)),
): Promise<StagedBlob> {
  let parts = 0;
  let first = 0;
  for (const value of cut(text)) {
    const key = partKey(blob, parts);
    const { revision, succeeded } = await member.transact({
      guards: [session.guard],
      success: [{ op: 'put', key, value }],
    });
    if (!succeeded) {
      member.sessionLost(session);
      throw new KvError('session lost', 'unreachable');
    }
    if (parts++ === 0) first = revision;
  }
  return { blob, parts, guard: { key: partKey(blob, 0), target: 'mod', revision: first } };
}

/** Reads a text; undefined if it is gone. @throws KvError */
export async function readBlob(member: Member, { blob, parts }: BlobRef): Promise<string | undefined> {
  let text = '';
  for (let part = 0; part < parts; part++) {
    const { results } = await member.transact({
      guards: [],
      success: [{ op: 'get', key: partKey(blob, part) }],
    });
    const [found] = results[0]!;
    if (!found) return undefined;
    text += found.value;
  }
  return text;
}

/** Removes a text. @throws KvError */
export async function removeBlob(member: Pick<KvStore, 'transact'>, blob: string): Promise<void> {
  await member.transact({ guards: [], success: [{ op: 'delete', key: blob, end: prefixEnd(blob) }] });
}
