/**
 * Which random runs a differential test makes: a few, or those of `DIFF_SEEDS=FROM-TO`, which takes as long as it
 * takes. A run is repeated by its seed.
 */
export function seeds(usual: number): { readonly list: readonly number[]; readonly timeout: number } {
  const range = /^(\d+)(?:-(\d+))?$/.exec(process.env['DIFF_SEEDS'] ?? '');
  const from = range ? Number(range[1]) : 1;
  const to = range ? Number(range[2] ?? range[1]) : usual;
  return {
    list: Array.from({ length: to - from + 1 }, (_, i) => from + i),
    timeout: (to - from + 1) * 60_000,
  };
}
