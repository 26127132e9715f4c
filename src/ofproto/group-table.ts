/**
 * The groups of a bridge, and GROUP_MOD on its way: started (which replaces groups, and hides flows that lose
 * their group, for the next version), then finished or undone, as a {@link FlowChange}.
 *
 * A group never changes: a modification puts a new one in its place, so that translation holds a consistent one.
 * C counterpart: the groups of ofproto/ofproto.c.
 */
import { RateLimit, vlog } from '../base/vlog.ts';
import { OfpError } from '../openflow/errors.ts';
import {
  type Bucket,
  GROUP_TYPES,
  type GroupMod,
  type GroupType,
  OFPRR,
} from '../openflow/messages/message.ts';
import type { FlowTables } from './flow-tables.ts';
import { Group } from './group.ts';
import type { OfprotoProvider } from './ofproto-provider.ts';
import type { Rule } from './rule.ts';

const log = vlog('ofproto');
const bucketLimit = new RateLimit(5, 20);

/** Highest usable group id. */
export const OFPG_MAX = 0xffff_ff00;
export const OFPG_ALL = 0xffff_fffc;
const BUCKET_FIRST = 0xffff_fffd;
const BUCKET_LAST = 0xffff_fffe;
const BUCKET_ALL = 0xffff_ffff;

export class GroupTable {
  readonly #groups = new Map<number, Group>();
  readonly #counts = new Map<GroupType, number>(GROUP_TYPES.map((t) => [t, 0]));

  get(groupId: number): Group | undefined {
    return this.#groups.get(groupId);
  }

  all(): IterableIterator<Group> {
    return this.#groups.values();
  }

  get size(): number {
    return this.#groups.size;
  }

  count(type: GroupType): number {
    return this.#counts.get(type)!;
  }

  put(group: Group): void {
    this.remove(group.groupId);
    this.#groups.set(group.groupId, group);
    this.#counts.set(group.type, this.count(group.type) + 1);
  }

  remove(groupId: number): void {
    const old = this.#groups.get(groupId);
    if (!old) return;
    this.#groups.delete(groupId);
    this.#counts.set(old.type, this.count(old.type) - 1);
  }
}

function findBucket(buckets: readonly Bucket[], id: number): number {
  const at = buckets.findIndex((b) => b.bucketId === id);
  if (at < 0) throw new OfpError('OFPGMFC_UNKNOWN_BUCKET');
  return at;
}

function insertBuckets(old: readonly Bucket[], added: readonly Bucket[], where: number): Bucket[] {
  const at = where === BUCKET_FIRST ? 0 : where === BUCKET_LAST ? old.length : findBucket(old, where) + 1;
  const all = [...old.slice(0, at), ...added, ...old.slice(at)];
  if (new Set(all.map((b) => b.bucketId)).size !== all.length) {
    log.infoRl(bucketLimit, 'Duplicate bucket id');
    throw new OfpError('OFPGMFC_BUCKET_EXISTS');
  }
  return all;
}

function removeBuckets(old: readonly Bucket[], which: number): Bucket[] {
  if (which === BUCKET_ALL) return [];
  if (which === BUCKET_FIRST) return old.slice(1);
  if (which === BUCKET_LAST) return old.slice(0, -1);
  const at = findBucket(old, which);
  return old.filter((_, i) => i !== at);
}

/** What a change needs of its bridge. */
export interface GroupChangeHost {
  readonly groups: GroupTable;
  readonly flows: FlowTables;
  readonly provider: OfprotoProvider;
  now(): number;
}

export class GroupChange {
  readonly mod: GroupMod;
  readonly #host: GroupChangeHost;
  #new: Group | undefined;
  readonly #old: Group[] = [];
  /** Flows that go with their groups. */
  deletedRules: Rule[] = [];

  constructor(host: GroupChangeHost, mod: GroupMod) {
    this.#host = host;
    this.mod = mod;
  }

  /** Whether the group was there before. */
  get existed(): boolean {
    return this.#old.length > 0;
  }

  /** @throws OfpError, with nothing changed */
  start(): void {
    const { mod } = this;
    const { groups } = this.#host;
    const old = groups.get(mod.groupId);
    switch (mod.command) {
      case 'add':
        if (old) throw new OfpError('OFPGMFC_GROUP_EXISTS');
        this.#add();
        break;
      case 'modify':
        this.#modify(old, mod.type, mod.props, () => mod.buckets);
        break;
      case 'add_or_mod':
        if (old) this.#modify(old, mod.type, mod.props, () => mod.buckets);
        else this.#add();
        break;
      case 'insert_bucket':
        // The type and properties of such a message mean nothing.
        this.#modify(old, old?.type, old?.props, (b) => insertBuckets(b, mod.buckets, mod.commandBucketId));
        break;
      case 'remove_bucket':
        this.#modify(old, old?.type, old?.props, (b) => removeBuckets(b, mod.commandBucketId));
        break;
      case 'delete':
        if (mod.groupId === OFPG_ALL) for (const group of [...groups.all()]) this.#delete(group);
        else if (old) this.#delete(old);
        break;
    }
  }

  #checkRoom(type: GroupType): void {
    if (this.#host.groups.count(type) >= OFPG_MAX) throw new OfpError('OFPGMFC_OUT_OF_GROUPS');
  }

  #add(): void {
    const { mod } = this;
    this.#checkRoom(mod.type);
    if (mod.groupId > OFPG_MAX) throw new OfpError('OFPGMFC_INVALID_GROUP');
    this.#new = new Group(mod, this.#host.now());
    this.#host.groups.put(this.#new);
  }

  #modify(
    old: Group | undefined,
    type: GroupType | undefined,
    props: GroupMod['props'] | undefined,
    buckets: (old: readonly Bucket[]) => readonly Bucket[],
  ): void {
    if (!old || !type || !props) throw new OfpError('OFPGMFC_UNKNOWN_GROUP');
    if (type !== old.type) this.#checkRoom(type);
    const desc = { groupId: old.groupId, type, buckets: buckets(old.buckets), props };
    this.#new = new Group(desc, this.#host.now(), old.createdMs);
    this.#old.push(old);
    this.#host.groups.put(this.#new);
  }

  #delete(group: Group): void {
    const { flows } = this.#host;
    const rules = flows.usersOfGroup.rules(group.groupId);
    for (const rule of rules) flows.hide(rule);
    this.deletedRules = this.deletedRules.concat(rules);
    this.#old.push(group);
    this.#host.groups.remove(group.groupId);
  }

  /** Undoes {@link start}. */
  revert(): void {
    const { groups, flows } = this.#host;
    if (this.#new) groups.remove(this.#new.groupId);
    for (const group of this.#old) groups.put(group);
    for (const rule of this.deletedRules) flows.restore(rule);
    this.deletedRules = [];
  }

  /** After publishing: tells the provider. */
  settle(): void {
    for (const group of this.#old) {
      group.removed = true;
      if (this.#new === undefined) this.#host.provider.groupDeleted(group);
    }
    if (this.#new) this.#host.provider.groupChanged(this.#new);
    for (const rule of this.deletedRules) rule.markRemoved(OFPRR.GROUP_DELETE);
  }
}
