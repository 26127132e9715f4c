/** "get_server_id" of ovsdb-server(7). */
import type { Method } from './method.ts';

export const getServerId: Method = { run: ({ server }) => server.id };
