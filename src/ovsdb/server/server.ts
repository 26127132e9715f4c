/**
 * The databases, the sessions of clients and what they share. C counterpart: ovsdb/jsonrpc-server.c.
 *
 * After a commit each session is told what changed for its monitors, once a turn of the loop and at the latest before
 * its next reply; a session that has not taken what it was sent before is told later, of everything at once.
 */
import type { Host } from '../../base/host.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import type { Table } from '../database.ts';
import { type LockKeeper, Locks } from './locks.ts';
import type { ServedDatabase } from './served.ts';
import type { Session } from './session.ts';

export class OvsdbServer {
  readonly host: Host;
  /** A new one at each start, by which clients tell restarts. */
  readonly id: Uuid;
  readonly #locks = new Locks();
  readonly sessions = new Set<Session>();
  readonly #databases = new Map<string, ServedDatabase>();
  /** Whether "monitor_cond" and "monitor_cond_since" are answered. */
  monitorCond = true;
  #flushing = false;
  /** Called when a transaction changed one of these tables, or a database came or went or is in another state. */
  watched: ReadonlySet<Table> = new Set();
  onWatched: () => void = () => {};

  constructor(host: Host) {
    this.host = host;
    this.id = randomUuid(host.random);
  }

  /**
   * Who keeps the locks: the cluster of the first clustered database by name, for it is the same for all its servers; else
   * this server.
   */
  get locks(): LockKeeper {
    const clustered = [...this.#databases.values()].filter(({ model }) => model.locks);
    clustered.sort((a, b) => (a.name < b.name ? -1 : 1));
    return clustered[0]?.model.locks ?? this.#locks;
  }

  get databases(): ReadonlyMap<string, ServedDatabase> {
    return this.#databases;
  }

  addDatabase(served: ServedDatabase): void {
    this.reconnect(false, `adding ${served.name} database`);
    this.#databases.set(served.name, served);
    served.events = {
      committed: ({ changes }) => {
        if (served.tracker.isFollowed) this.#scheduleFlush();
        if (changes.some((change) => this.watched.has(change.table))) this.onWatched();
      },
      replacing: (comment) => {
        if (comment !== undefined) this.reconnect(false, comment);
        for (const session of this.sessions) session.forgetDatabase(served, true);
      },
      replaced: () => this.onWatched(),
      statusChanged: () => this.onWatched(),
    };
    this.onWatched();
  }

  /** @param comment says in the log why the clients that do not know of such changes are disconnected */
  removeDatabase(served: ServedDatabase, comment: string): void {
    for (const session of this.sessions) session.forgetDatabase(served, false);
    this.reconnect(false, comment);
    this.#databases.delete(served.name);
    served.close();
    this.onWatched();
  }

  /** Disconnects the sessions; without `force` those are spared that handle changes of databases themselves. */
  reconnect(force: boolean, comment: string): void {
    for (const session of [...this.sessions]) session.reconnect(force, comment);
  }

  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.host.loop.defer(() => {
      this.#flushing = false;
      for (const session of this.sessions) session.flush();
    });
  }
}
