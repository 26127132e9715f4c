/** Types (the whole, and the core with nothing but ES2024), lint and format: what `npm run check` runs. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

/** @returns whether everything is in order */
export function check(): boolean {
  const commands = [
    ['tsc', '-p', 'tsconfig.core.json'],
    ['tsc', '-p', 'tsconfig.json'],
    ['biome', 'check', '--error-on-warnings', '.'],
  ];
  return commands
    .map(([program, ...args]) => {
      console.log(`$ ${program} ${args.join(' ')}`);
      return (
        spawnSync(path.join(root, 'node_modules/.bin', program!), args, { cwd: root, stdio: 'inherit' })
          .status === 0
      );
    })
    .every(Boolean);
}

if (import.meta.main) process.exit(check() ? 0 : 1);
