/**
 * What the `cluster/*` management commands do with the file of a raft cluster of one server, and print as the C
 * implementation does for such a cluster. C counterpart: ovsdb/raft.c.
 */
import { UnixctlError } from '../../base/unixctl.ts';
import type { RaftFile } from './raft-file.ts';

const MIN_TIMER_MS = 100;
const MAX_TIMER_MS = 600_000;
const MIN_BACKLOG_MESSAGES = 50n;
const MAX_SIZE = 2n ** 64n - 1n;

/** A server's short name: the file name of its address, as far as the first dot, or the beginning of its id. */
function nickname(address: string, sid: string): string {
  const file = address.startsWith('unix:') ? /[^/]*$/.exec(address.slice(5))![0] : '';
  return /^[^.]*/.exec(file)![0] || sid.slice(0, 4);
}

/** The reply of `cluster/status`. @param nowMs time of the loop */
export function raftStatusText(model: RaftFile, nowMs: number): string {
  const { member, served } = model;
  const { clusterId, serverId, localAddress } = member.header;
  const id = serverId.slice(0, 4);
  const name = nickname(localAddress, serverId);
  const last = member.lastIndex;
  const lines = [
    name,
    `Name: ${served.name}`,
    `Cluster ID: ${clusterId === undefined ? 'not yet known' : `${clusterId.slice(0, 4)} (${clusterId})`}`,
    `Server ID: ${id} (${serverId})`,
    `Address: ${localAddress}`,
    'Status: cluster member',
    'Role: leader',
    `Term: ${member.term}`,
    'Leader: self',
    'Vote: self',
    '',
    `Last Election won: ${Math.floor(nowMs - model.electedMs)} ms ago`,
    `Election timer: ${member.electionTimerMs}`,
    `Log: [${member.firstIndex}, ${last + 1}]`,
    'Entries not yet committed: 0',
    'Entries not yet applied: 0',
    'Connections:',
    'Disconnections: 0',
    'Servers:',
    `    ${name} (${id} at ${localAddress}) (self) next_index=${model.electedIndex} match_index=${last}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function leave(): string {
  throw new UnixctlError('the only server of a cluster cannot leave it');
}

function kick({ member }: RaftFile, server: string): string {
  const { serverId, localAddress } = member.header;
  const isSelf =
    server === localAddress ||
    server === nickname(localAddress, serverId) ||
    (server.length >= 4 && serverId.startsWith(server));
  if (isSelf) return leave();
  throw new UnixctlError('unknown server');
}

function changeElectionTimer(model: RaftFile, text: string): string {
  const { electionTimerMs } = model.member;
  const ms = Number.parseInt(text, 10) || 0;
  if (ms === electionTimerMs) return 'change election timer to current value.';
  if (ms < MIN_TIMER_MS || ms > MAX_TIMER_MS)
    throw new UnixctlError(`election timer must be between ${MIN_TIMER_MS} and ${MAX_TIMER_MS}, in msec.`);
  if (ms > electionTimerMs * 2)
    throw new UnixctlError('election timer increase should not exceed the current value x 2.');
  model.changeElectionTimer(ms);
  return 'change of election timer initiated.';
}

/** There are no connections that it could limit. */
function setBacklogThreshold(messages: string, bytes: string): string {
  if (![messages, bytes].every((text) => /^\d+$/.test(text))) throw new UnixctlError('invalid argument');
  if (BigInt(messages) < MIN_BACKLOG_MESSAGES || BigInt(messages) > MAX_SIZE || BigInt(bytes) > MAX_SIZE)
    throw new UnixctlError('values out of range');
  return '';
}

export type RaftCommand = 'leave' | 'kick' | 'change-election-timer' | 'set-backlog-threshold';

/** By command; they take the arguments after the name of the database. */
export const RAFT_COMMANDS: Readonly<
  Record<RaftCommand, (model: RaftFile, args: readonly string[]) => string>
> = {
  leave: () => leave(),
  kick: (model, [server]) => kick(model, server!),
  'change-election-timer': (model, [ms]) => changeElectionTimer(model, ms!),
  'set-backlog-threshold': (_model, [messages, bytes]) => setBacklogThreshold(messages!, bytes!),
};
