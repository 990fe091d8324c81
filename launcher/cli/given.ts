// Files that an operator names.
import { readFileSync } from "node:fs";

/** Bytes. The core reads no more either, and YAML takes many times its size in memory. */
const LARGEST = 16 << 20;

/**
 * Reads a file, or stdin if it is called `-`.
 *
 * @throws Error that names the file
 */
export function readGiven(name: string): Buffer {
  const bytes = read(name);
  if (bytes.length > LARGEST)
    throw new Error(`${name} has ${bytes.length} bytes, and at most ${LARGEST} are read; make it smaller`);
  return bytes;
}

function read(name: string): Buffer {
  try {
    return readFileSync(name === "-" ? 0 : name);
  } catch (error) {
    throw new Error(`${name} cannot be read: ${(error as Error).message}`);
  }
}
