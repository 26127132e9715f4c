/**
 * Command-line options as getopt_long(3) understands them, with its messages: bundled short options,
 * `--name=value`, unambiguous abbreviations, `--`, and arguments before options unless told otherwise.
 */

export type ArgumentKind = 'none' | 'required' | 'optional';

export interface OptionSpec {
  /** Without dashes. */
  readonly long?: string;
  /** One character. */
  readonly short?: string;
  readonly arg?: ArgumentKind;
}

export interface ParsedOption<Id extends string> {
  readonly id: Id;
  /** The value; undefined if none was given. */
  readonly value: string | undefined;
}

export interface ParsedCommandLine<Id extends string> {
  readonly options: readonly ParsedOption<Id>[];
  readonly args: readonly string[];
}

/** A wrong option; the message is what the C library prints after "PROGRAM: ". */
export class UsageError extends Error {}

export interface GetoptOptions {
  /** False: the first argument that is no option ends the options ('+' in getopt). Default true. */
  readonly permute?: boolean;
}

/**
 * @param argv the words after the program's name
 * @param specs the options, by the name under which they are reported
 * @throws UsageError
 */
export function parseOptions<Id extends string>(
  argv: readonly string[],
  specs: Readonly<Record<Id, OptionSpec>>,
  { permute = true }: GetoptOptions = {},
): ParsedCommandLine<Id> {
  const table = Object.entries(specs) as [Id, OptionSpec][];
  const options: ParsedOption<Id>[] = [];
  const args: string[] = [];
  let i = 0;

  const long = (word: string): void => {
    const eq = word.indexOf('=');
    const name = word.slice(2, eq < 0 ? undefined : eq);
    let value = eq < 0 ? undefined : word.slice(eq + 1);
    const exact = table.find(([, s]) => s.long === name);
    const candidates = exact ? [exact] : table.filter(([, s]) => s.long?.startsWith(name));
    if (candidates.length === 0) throw new UsageError(`unrecognized option '${word}'`);
    if (candidates.length > 1) {
      const list = candidates.map(([, s]) => ` '--${s.long}'`).join('');
      throw new UsageError(`option '${word}' is ambiguous; possibilities:${list}`);
    }
    const [id, spec] = candidates[0]!;
    const kind = spec.arg ?? 'none';
    if (kind === 'none' && value !== undefined)
      throw new UsageError(`option '--${spec.long}' doesn't allow an argument`);
    if (kind === 'required' && value === undefined) {
      if (i >= argv.length) throw new UsageError(`option '--${spec.long}' requires an argument`);
      value = argv[i++];
    }
    options.push({ id, value });
  };

  const short = (word: string): void => {
    for (let k = 1; k < word.length; k++) {
      const c = word[k]!;
      const found = table.find(([, s]) => s.short === c);
      if (!found) throw new UsageError(`invalid option -- '${c}'`);
      const [id, spec] = found;
      const kind = spec.arg ?? 'none';
      if (kind === 'none') {
        options.push({ id, value: undefined });
        continue;
      }
      let value: string | undefined = word.slice(k + 1) || undefined;
      if (value === undefined && kind === 'required') {
        if (i >= argv.length) throw new UsageError(`option requires an argument -- '${c}'`);
        value = argv[i++];
      }
      options.push({ id, value });
      return;
    }
  };

  while (i < argv.length) {
    const word = argv[i++]!;
    if (word === '--') {
      args.push(...argv.slice(i));
      break;
    }
    if (word.startsWith('--')) long(word);
    else if (word.length > 1 && word[0] === '-') short(word);
    else {
      args.push(word);
      if (!permute) {
        args.push(...argv.slice(i));
        break;
      }
    }
  }
  return { options, args };
}
