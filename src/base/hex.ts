/** Hexadecimal digits, for those who write so many that `toString(16)` is too slow. */

const CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** The character code of the digit for 0 to 15. */
export const hexDigitCode = (n: number): number => CODES[n]!;
