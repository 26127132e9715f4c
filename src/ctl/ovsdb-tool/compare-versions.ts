/** `ovsdb-tool compare-versions`: exit status 0 if the relation holds, else 2. */
import { parseVersion, type Version } from '../../ovsdb/schema.ts';
import { ToolError } from '../tool.ts';

function version(text: string): Version {
  const parsed = parseVersion(text);
  if (!parsed) throw new ToolError(`${text}: not an OVSDB version number in format x.y.z`);
  return parsed;
}

const RELATIONS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '==': (order) => order === 0,
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
  '!=': (order) => order !== 0,
};

/** @returns the exit status */
export function compareVersions([left, operator, right]: readonly string[]): number {
  const a = version(left!);
  const b = version(right!);
  const relation = Object.hasOwn(RELATIONS, operator!) ? RELATIONS[operator!] : undefined;
  if (!relation) throw new ToolError(`${operator}: not a relational operator`);
  return relation(a.x - b.x || a.y - b.y || a.z - b.z) ? 0 : 2;
}
