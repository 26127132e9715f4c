/** Requests that come in several parts. */
import { OfpError } from '../../openflow/errors.ts';
import type { OfConn } from '../ofconn.ts';
import type { Request } from './handler.ts';

/** Items of one request, and requests of one connection, that are kept at most. */
const MAX_ITEMS = 4096;
const MAX_REQUESTS = 8;

/** Collects the parts of one kind of request for each connection. */
export class Parts<T> {
  #of(conn: OfConn): Map<number, T[]> {
    let parts = conn.attachments.get(this) as Map<number, T[]> | undefined;
    if (!parts) conn.attachments.set(this, (parts = new Map()));
    return parts;
  }

  /**
   * Adds a part.
   * @returns the items of all parts when this is the last
   * @throws OfpError when there are too many
   */
  add({ conn, xid, more }: Request, items: readonly T[]): readonly T[] | undefined {
    const parts = this.#of(conn);
    const before = parts.get(xid);
    if (!more && !before) return items;
    const all = (before ?? []).concat(items);
    if (!more) {
      parts.delete(xid);
      return all;
    }
    if (all.length > MAX_ITEMS || (!before && parts.size >= MAX_REQUESTS)) {
      parts.delete(xid);
      throw new OfpError('OFPBRC_MULTIPART_BUFFER_OVERFLOW');
    }
    parts.set(xid, all);
    return undefined;
  }
}
