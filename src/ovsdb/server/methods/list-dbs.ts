/** RFC 7047 section 4.1.1. */
import type { Method } from './method.ts';

export const listDbs: Method = { run: ({ server }) => [...server.databases.keys()] };
