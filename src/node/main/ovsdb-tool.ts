import { ovsdbTool } from '../../ctl/ovsdb-tool/ovsdb-tool.ts';
import { setFileLocker } from '../storage.ts';
import { runTool } from '../tool-main.ts';

/** The commands that lock files; the others need not wait for the C library to be reached. */
const LOCKING = [
  'create',
  'create-cluster',
  'join-cluster',
  'cluster-to-standalone',
  'compact',
  'convert',
  'transact',
];

async function main(): Promise<void> {
  if (process.argv.some((word) => LOCKING.includes(word))) {
    setFileLocker(await import('../file-lock.ts'));
  }
  await runTool('ovsdb-tool', ovsdbTool);
}

void main();
