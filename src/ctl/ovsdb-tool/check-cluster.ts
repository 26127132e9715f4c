/**
 * `ovsdb-tool check-cluster`: whether the files of the members of a raft cluster can have come about, each alone and all
 * together. What is checked are the properties of figure 3.2 of Ongaro's dissertation "Consensus: Bridging Theory and
 * Practice" that files show. C counterpart: do_check_cluster() in ovsdb/ovsdb-tool.c.
 */
import type { Uuid } from '../../base/uuid.ts';
import { sortedJson } from '../../jsonrpc/json.ts';
import { OvsdbLog, RAFT_MAGIC } from '../../ovsdb/log.ts';
import {
  parseRaftHeader,
  parseRaftRecord,
  type RaftEntry,
  type RaftHeader,
  type RaftRecord,
} from '../../ovsdb/raft-log.ts';
import { ToolError, type ToolIo } from '../tool.ts';

interface Member {
  readonly file: string;
  readonly log: OvsdbLog;
  readonly header: RaftHeader;
  /** The entries, those that were truncated left out. */
  readonly entries: RaftEntry[];
  /** The indexes of the first one and after the last one. */
  readonly start: number;
  end: number;
}

/** Who led in a term, as `member` says. */
interface Leader {
  readonly member: Member;
  readonly id: Uuid;
  /** The end of the leader's own log when it began to lead; 0 while unknown. */
  end: number;
}

interface Commit {
  readonly member: Member;
  readonly index: number;
}

const fail = (message: string): never => {
  throw new ToolError(message);
};

const short = (id: Uuid): string => id.slice(0, 4);

/** @throws OvsdbError, ToolError for the first thing that is wrong */
export function checkCluster(io: ToolIo, files: readonly string[]): void {
  new ClusterCheck(io, files).run();
}

class ClusterCheck {
  readonly #io: ToolIo;
  readonly #members: Member[] = [];
  /** By term. */
  readonly #leaders = new Map<number, Leader>();
  /** The farthest known of each term. */
  readonly #commits = new Map<number, Commit>();
  #minTerm = Number.POSITIVE_INFINITY;
  #maxTerm = 0;

  constructor(io: ToolIo, files: readonly string[]) {
    this.#io = io;
    for (const file of files) this.#open(file);
  }

  run(): void {
    for (const member of this.#members) {
      new MemberCheck(this, member).run();
      member.log.close();
    }
    this.#leaderCompleteness();
    for (const a of this.#members) for (const b of this.#members) if (a !== b) logMatching(a, b);
    for (const member of this.#members) checkMembership(member);
  }

  say(text: string): void {
    this.#io.out(`${text}\n`);
  }

  /** A member by its file, where that is known. */
  nameOf(id: Uuid): string {
    return this.#members.find(({ header }) => header.serverId === id)?.file ?? short(id);
  }

  #open(file: string): void {
    const log = OvsdbLog.open(this.#io.host.storage, file, [RAFT_MAGIC], 'read');
    const header = parseRaftHeader(log.read());
    if (header.remoteAddresses) {
      this.say(`${file} has not joined the cluster, omitting`);
      log.close();
      return;
    }
    for (const other of this.#members)
      if (other.header.serverId === header.serverId)
        fail(`Duplicate server ID ${short(header.serverId)} in ${file} and ${other.file}.`);
    const first = this.#members[0];
    if (first && first.header.clusterId !== header.clusterId)
      fail(
        `${first.file} has cluster ID ${short(first.header.clusterId!)} but ${file} has cluster ID ${short(header.clusterId!)}`,
      );
    if (first && first.header.name !== header.name)
      fail(`${first.file} is named "${first.header.name}" but ${file} is named "${header.name}"`);
    const start = (header.snapshot?.index ?? 0) + 1;
    this.#members.push({ file, log, header, entries: [], start, end: start });
  }

  noteTerm(term: number): void {
    this.#minTerm = Math.min(this.#minTerm, term);
    this.#maxTerm = Math.max(this.#maxTerm, term);
  }

  /** Election safety: a term has one leader at most. */
  noteLeader(term: number, member: Member, id: Uuid): void {
    const own = member.header.serverId === id;
    const known = this.#leaders.get(term);
    if (!known) {
      this.#leaders.set(term, { member, id, end: own ? member.end : 0 });
      return;
    }
    if (known.id !== id)
      fail(
        `term ${term} has two different leaders: ${known.member.file} says that the leader is ${this.nameOf(known.id)} and ${member.file} says that the leader is ${this.nameOf(id)}`,
      );
    if (own) known.end = Math.max(known.end, member.end);
  }

  noteCommit(term: number, member: Member, index: number): void {
    const known = this.#commits.get(term);
    if (!known || index > known.index) this.#commits.set(term, { member, index });
  }

  /** What was committed is in the logs of the leaders of all later terms. */
  #leaderCompleteness(): void {
    if (this.#maxTerm === 0) fail('all logs are empty');
    const terms = [...new Set([...this.#leaders.keys(), ...this.#commits.keys()])].sort((a, b) => a - b);
    let commit: Commit | undefined;
    for (const term of terms.filter((t) => t >= this.#minTerm && t <= this.#maxTerm)) {
      const leader = this.#leaders.get(term);
      if (leader && leader.end !== 0 && commit && commit.index >= leader.end)
        fail(
          `leader ${leader.member.file} for term ${term} has log entries only up to index ${leader.end - 1}, but index ${commit.index} was committed in a previous term (e.g. by ${commit.member.file})`,
        );
      const next = this.#commits.get(term);
      if (next && (!commit || next.index > commit.index)) commit = next;
    }
  }
}

/** Goes through the records of one member. */
class MemberCheck {
  readonly #cluster: ClusterCheck;
  readonly #member: Member;
  #term = 0;
  /** In the current term. */
  #vote: Uuid | undefined;
  #leader: Uuid | undefined;
  #leaderRecord = 0;
  #commitIndex: number;

  constructor(cluster: ClusterCheck, member: Member) {
    this.#cluster = cluster;
    this.#member = member;
    this.#commitIndex = member.start - 1;
  }

  run(): void {
    for (let i = 1; ; i++) {
      const json = this.#member.log.read();
      if (!json) return;
      this.#record(i, parseRaftRecord(json));
    }
  }

  #record(i: number, record: RaftRecord): void {
    const cluster = this.#cluster;
    const where = `${this.#member.file}: record ${i}`;
    const term = 'term' in record ? record.term : 0;
    if (term > this.#term) {
      this.#term = term;
      this.#vote = undefined;
      this.#leader = undefined;
      this.#leaderRecord = 0;
    }
    cluster.noteTerm(this.#term);
    switch (record.kind) {
      case 'entry':
        this.#entry(where, record);
        break;
      case 'vote': {
        const { serverId } = record;
        if (term < this.#term) fail(`${where} votes for term ${term} but current term is ${this.#term}`);
        if (this.#vote !== undefined && this.#vote !== serverId)
          fail(
            `${where} votes for ${cluster.nameOf(this.#vote)} in term ${term} but a previous record for the same term voted for ${cluster.nameOf(serverId)}`,
          );
        this.#vote = serverId;
        break;
      }
      case 'note':
        if (record.note === 'left') cluster.say(`${where} shows that the server left the cluster`);
        break;
      case 'commit-index':
        this.#commit(where, record.index);
        break;
      case 'leader': {
        const { serverId } = record;
        if (this.#leader !== undefined && this.#leader !== serverId)
          fail(
            `${where} reports leader ${cluster.nameOf(serverId)} for term ${this.#term} but record ${this.#leaderRecord} previously reported the leader as ${cluster.nameOf(this.#leader)} in that term`,
          );
        if (this.#leader === undefined) this.#leaderRecord = i;
        this.#leader = serverId;
        cluster.noteLeader(this.#term, this.#member, serverId);
        break;
      }
      case 'term':
        break;
    }
  }

  #entry(where: string, entry: RaftEntry): void {
    const member = this.#member;
    const { index, term } = entry;
    if (index < this.#commitIndex)
      fail(
        `${where} attempts to truncate log from ${member.end} to ${index} entries, but commit index is already ${this.#commitIndex}`,
      );
    if (index > member.end) fail(`${where} with index ${index} skips past expected index ${member.end}`);
    if (index < member.end) {
      const truncates = `${where} truncates log from ${member.end} to ${index} entries`;
      if (this.#leader === member.header.serverId) fail(`${truncates} while server is leader`);
      this.#cluster.say(truncates);
      member.entries.length = Math.max(0, index - member.start);
      member.end = index;
    }
    const before = member.entries.at(-1)?.term ?? member.header.snapshot?.term ?? 0;
    if (term < before)
      fail(`${where} with index ${index} term ${term} precedes previous entry's term ${before}`);
    member.entries.push(entry);
    member.end++;
  }

  #commit(where: string, index: number): void {
    const member = this.#member;
    if (index < this.#commitIndex)
      fail(`${where} regresses commit index from ${this.#commitIndex} to ${index}`);
    if (index >= member.end)
      fail(`${where} advances commit index to ${index} but last log index is ${member.end - 1}`);
    this.#commitIndex = index;
    this.#cluster.noteCommit(this.#term, member, index);
  }
}

/** An entry as it is compared and shown. */
const entryText = ({ term, data, entryId, servers, electionTimerMs }: RaftEntry): string =>
  sortedJson({
    term,
    ...(data !== undefined && { data, eid: entryId! }),
    ...(servers && { servers }),
    ...(electionTimerMs !== undefined && { election_timer: electionTimerMs }),
  });

/** Entries with the same index and term are the same, and so are all before them. */
function logMatching(a: Member, b: Member): void {
  let mustEqual = false;
  for (let index = Math.min(a.end, b.end) - 1; index >= Math.max(a.start, b.start); index--) {
    const ours = a.entries[index - a.start]!;
    const theirs = b.entries[index - b.start]!;
    mustEqual ||= ours.term === theirs.term;
    if (!mustEqual) continue;
    const [ourText, theirText] = [entryText(ours), entryText(theirs)];
    if (ourText !== theirText)
      fail(`log entries with index ${index} differ:\n${a.file} has ${ourText}\n${b.file} has ${theirText}`);
  }
}

/** A member is among the members at some time. */
function checkMembership({ file, header, entries }: Member): void {
  const id = short(header.serverId);
  const known = [header.servers, ...entries.map((entry) => entry.servers)];
  if (!known.some((servers) => servers && Object.keys(servers).some((key) => key.startsWith(id))))
    fail(`${file}: server ${id} not found in server list`);
}
