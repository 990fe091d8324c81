// How much memory an operation of the core may take: the promise of docs/core.md.

export const MIB = 1 << 20;

/** Returns the most bytes that linear memory has after an operation on a document of `size` bytes in a fresh instance. */
export function boundOf(size: number): number {
  return Math.min(10 * MIB + 36 * size, 256 * MIB);
}
