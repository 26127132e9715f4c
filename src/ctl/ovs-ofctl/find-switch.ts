/** Finds the switch that a command names: a bridge by its sockets, or a connection target. */
import { SystemError } from '../../base/host.ts';
import { ToolError } from '../tool.ts';
import type { Connection, Xids } from './connection.ts';

/** Errors of connecting that an attempt meets at once, before anything could be waited for. */
const IMMEDIATE = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'EACCES',
  'EAFNOSUPPORT',
  'ENOTSOCK',
  'ENOTDIR',
  'EPROTOTYPE',
  'ENOPROTOOPT',
]);

type Open = (to: string) => Promise<Connection>;

/** Where a bridge may listen, in the order in which it is tried; 'TYPE@NAME' is the bridge NAME. */
export const bridgeSockets = (name: string, target: 'mgmt' | 'snoop', rundir: string): string[] => [
  name,
  `${rundir}/${name}.${target}`,
  `${rundir}/${name.slice(name.indexOf('@') + 1)}.${target}`,
];

/** @throws ToolError */
export async function connectTarget(name: string, open: Open): Promise<Connection> {
  try {
    return await open(name);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new ToolError(
      IMMEDIATE.has(error.code)
        ? `connecting to ${name} (${error.message})`
        : `${name}: failed to connect to socket (${error.message})`,
    );
  }
}

/** Connects to the first of the sockets that exists. @throws ToolError */
export async function connectBridge(
  name: string,
  sockets: readonly string[],
  xids: Xids,
  open: Open,
): Promise<Connection> {
  for (const socket of sockets) {
    try {
      return await open(`unix:${socket}`);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.code === 'ENOENT') {
        // Nothing was said: the hello's number is free again.
        xids.skip(-1);
        continue;
      }
      throw new ToolError(
        IMMEDIATE.has(error.code)
          ? `${socket}: failed to open socket (${error.message})`
          : `${name}: failed to connect to socket (${error.message})`,
      );
    }
  }
  throw new ToolError(`${name} is not a bridge or a socket`);
}
