// How much memory and time an operation of the core may take: the promise of docs/core.md.

export const MIB = 1 << 20;

/** Returns the most bytes that linear memory has after an operation on a document of `size` bytes in a fresh instance. */
export function boundOf(size: number): number {
  return Math.min(10 * MIB + 36 * size, 256 * MIB);
}

/** Returns the most steps (counted.ts) that an operation on a document of `size` bytes takes. */
export function stepsOf(size: number, module: "core.wasm" | "lint.wasm" = "core.wasm"): number {
  return 10_000_000 + (module === "core.wasm" ? 200 : 400) * size;
}
