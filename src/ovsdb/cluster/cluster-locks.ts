/**
 * Locks (RFC 7047 section 4.1.8) of a whole cluster: each is a line of those who hold and want it, in one key of the store.
 *
 * The first in line whose server is still in the cluster holds the lock. A line is changed on the condition that nobody
 * else has; entries of servers that are gone do not count and go with the next change. A transaction that asserts a lock is
 * committed on the condition that the line is as it was then, so nobody can write under a lock that another has been given.
 */
import type { Host } from '../../base/host.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import { JsonError, parseJson, stringifyJson } from '../../jsonrpc/json.ts';
import { isJsonObject } from '../members.ts';
import type { LockAnswer, LockHolder, LockKeeper, LockMode, LockWaiter } from '../server/locks.ts';
import { type Guard, type KeyValue, KvError, type KvEvent } from './kv.ts';
import type { Member } from './member.ts';

/** A place in a line. */
interface Place {
  readonly session: Uuid;
  readonly waiter: Uuid;
  readonly steal: boolean;
}

interface Line {
  readonly places: readonly Place[];
  /** 0 for an empty line, which is not in the store. */
  readonly modRevision: number;
  readonly asOf: number;
}

const EMPTY_LINE: Line = { places: [], modRevision: 0, asOf: 0 };

class ClusterWaiter implements LockWaiter {
  readonly keeper: ClusterLocks;
  readonly holder: LockHolder;
  readonly name: string;
  readonly mode: LockMode;
  readonly id: Uuid;
  /** The session under which it has its place; undefined while it has none. */
  session: Uuid | undefined;
  /** undefined until it is known whether it got the lock. */
  isOwner: boolean | undefined;
  isUnlocked = false;
  answer: LockAnswer | undefined;

  constructor(
    keeper: ClusterLocks,
    holder: LockHolder,
    name: string,
    mode: LockMode,
    id: Uuid,
    answer: LockAnswer,
  ) {
    this.keeper = keeper;
    this.holder = holder;
    this.name = name;
    this.mode = mode;
    this.id = id;
    this.answer = answer;
  }
}

export class ClusterLocks implements LockKeeper {
  readonly #host: Host;
  readonly #member: Member;
  readonly #lines = new Map<string, Line>();
  /** Sessions that are in the cluster, as of `#revision`. */
  readonly #alive = new Set<Uuid>();
  #revision = 0;
  readonly #waiters = new Map<string, Set<ClusterWaiter>>();
  /** Changes of each line that are under way, one after the other. */
  readonly #edits = new Map<string, Promise<void>>();

  constructor(host: Host, member: Member) {
    this.#host = host;
    this.#member = member;
  }

  lock(holder: LockHolder, name: string, mode: LockMode, answer: LockAnswer): LockWaiter {
    const waiter = new ClusterWaiter(this, holder, name, mode, randomUuid(this.#host.random), answer);
    holder.waiters.set(name, waiter);
    let waiters = this.#waiters.get(name);
    if (!waiters) this.#waiters.set(name, (waiters = new Set()));
    waiters.add(waiter);
    // The client is not to wait for a store that is away: it hears of the lock when it gets it.
    if (!this.#member.isReached) this.#tell(waiter);
    this.#queueUp(waiter, mode);
    return waiter;
  }

  isOwner(waiter: LockWaiter): boolean {
    return waiter instanceof ClusterWaiter && waiter.isOwner === true;
  }

  unlock(waiter: LockWaiter): void {
    if (!(waiter instanceof ClusterWaiter)) return;
    const { name, id } = waiter;
    waiter.holder.waiters.delete(name);
    waiter.isUnlocked = true;
    const waiters = this.#waiters.get(name);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(name);
    this.#edit(name, (places) => places.filter((place) => place.waiter !== id));
  }

  /** What has to hold for a transaction that asserted the lock. */
  guard(name: string): Guard {
    const key = this.#member.layout.lock(name);
    return { key, target: 'mod', revision: this.#lines.get(name)?.modRevision ?? 0 };
  }

  #queueUp(waiter: ClusterWaiter, mode: LockMode): void {
    this.#edit(waiter.name, (places, session) => {
      waiter.session = session;
      const place = { session, waiter: waiter.id, steal: mode === 'steal' };
      if (
        waiter.isUnlocked ||
        places.some((other) => other.waiter === waiter.id && other.session === session)
      )
        return places;
      const others = places.filter((other) => other.waiter !== waiter.id);
      if (mode === 'lock') return [...others, place];
      // Who stole it himself does not get it back.
      return [place, ...(others[0]?.steal ? others.slice(1) : others)];
    });
  }

  /** Whether that place's server has certainly gone: a line may be newer than what is known of the servers. */
  #isGone({ session }: Place, { modRevision }: Line): boolean {
    return modRevision <= this.#revision && !this.#alive.has(session);
  }

  #edit(name: string, change: (places: readonly Place[], session: Uuid) => readonly Place[]): void {
    const before = this.#edits.get(name) ?? Promise.resolve();
    const edit = before.then(() => this.#carryOut(name, change));
    this.#edits.set(name, edit);
    void edit.then(() => {
      if (this.#edits.get(name) === edit) this.#edits.delete(name);
    });
  }

  async #carryOut(
    name: string,
    change: (places: readonly Place[], session: Uuid) => readonly Place[],
  ): Promise<void> {
    const member = this.#member;
    const key = member.layout.lock(name);
    for (let failures = 0; !member.isClosed; ) {
      const { session } = member;
      if (!session) {
        await member.sleep(100);
        continue;
      }
      const line = this.#lines.get(name) ?? EMPTY_LINE;
      const present = line.places.filter((place) => !this.#isGone(place, line));
      const places = change(present, session.id);
      if (places.length === line.places.length && places.every((place, i) => place === line.places[i])) break;
      try {
        const { succeeded, revision, results } = await member.transact({
          guards: [session.guard, { key, target: 'mod', revision: line.modRevision }],
          success: [
            places.length === 0 ? { op: 'delete', key } : { op: 'put', key, value: stringifyJson(places) },
          ],
          failure: [
            { op: 'get', key },
            { op: 'get', key: session.guard.key },
          ],
        });
        if (succeeded) {
          this.#learn(name, places, places.length === 0 ? 0 : revision, revision);
          break;
        }
        const [[found] = [], [own] = []] = results;
        if (own?.createRevision !== session.guard.revision) member.sessionLost(session);
        this.#learn(name, found ? parsePlaces(found.value) : [], found?.modRevision ?? 0, revision);
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        await member.backOff(failures++, error);
      }
    }
    this.#evaluate(name);
  }

  /** @param asOf revision in which the line was so, not necessarily last changed */
  #learn(name: string, places: readonly Place[], modRevision: number, asOf: number): void {
    if (asOf < (this.#lines.get(name)?.asOf ?? 0)) return;
    // What is told from now on is newer than what was told.
    if (places.length === 0 && asOf <= this.#revision) this.#lines.delete(name);
    else this.#lines.set(name, { places, modRevision, asOf });
  }

  /** Tells the waiters here whether they have the lock now. */
  #evaluate(name: string): void {
    const line = this.#lines.get(name) ?? EMPTY_LINE;
    const owner = line.places.find((place) => !this.#isGone(place, line));
    for (const waiter of this.#waiters.get(name) ?? []) {
      const isOwner =
        owner !== undefined && owner.waiter === waiter.id && owner.session === this.#member.session?.id;
      if (waiter.answer) {
        // It is in line now, or was robbed already.
        if (waiter.session === undefined) continue;
        waiter.isOwner = isOwner;
        this.#tell(waiter);
      } else if (isOwner !== waiter.isOwner) {
        waiter.isOwner = isOwner;
        waiter.holder.notifyLock(isOwner ? 'locked' : 'stolen', name);
      }
    }
  }

  #tell(waiter: ClusterWaiter): void {
    const { answer } = waiter;
    waiter.answer = undefined;
    waiter.isOwner ??= false;
    answer?.(waiter.isOwner);
  }

  /** Changes of lines and of servers that the store tells. */
  changed(events: readonly KvEvent[]): void {
    const { layout } = this.#member;
    for (const event of events) {
      const { key, modRevision } = event;
      this.#revision = Math.max(this.#revision, modRevision);
      if (key.startsWith(layout.servers)) {
        const session = key.slice(layout.servers.length);
        if (event.type === 'put') this.#alive.add(session);
        else this.#alive.delete(session);
      } else {
        const places = event.type === 'put' ? parsePlaces(event.value) : [];
        this.#learn(
          key.slice(layout.locks.length),
          places,
          event.type === 'put' ? modRevision : 0,
          modRevision,
        );
      }
    }
    for (const name of this.#waiters.keys()) this.#evaluate(name);
  }

  /** All lines and servers, as of a revision. */
  are(keys: readonly KeyValue[], revision: number): void {
    const { layout } = this.#member;
    this.#revision = Math.max(this.#revision, revision);
    this.#alive.clear();
    const absent = new Set(this.#lines.keys());
    for (const { key, value, modRevision } of keys) {
      if (key.startsWith(layout.servers)) this.#alive.add(key.slice(layout.servers.length));
      else {
        const name = key.slice(layout.locks.length);
        absent.delete(name);
        this.#learn(name, parsePlaces(value), modRevision, revision);
      }
    }
    for (const name of absent) this.#learn(name, [], 0, revision);
    for (const name of this.#waiters.keys()) this.#evaluate(name);
  }

  /** To be called when the member's session is another or gone. */
  sessionChanged(): void {
    const id = this.#member.session?.id;
    for (const [name, waiters] of this.#waiters) {
      this.#evaluate(name);
      if (id === undefined) continue;
      // With the old session the places in line are lost.
      for (const waiter of waiters)
        if (waiter.session !== undefined && waiter.session !== id) this.#queueUp(waiter, 'lock');
    }
  }
}

/** The line in a value; an empty one if it is none, which the next change makes good. */
function parsePlaces(text: string): readonly Place[] {
  try {
    const json = parseJson(text);
    if (Array.isArray(json) && json.every(isJsonObject)) return json as unknown as readonly Place[];
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
  }
  return [];
}
