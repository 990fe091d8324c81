// Files that an operator names.
import { isUtf8 } from "node:buffer";
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

/**
 * Reads a file of text.
 *
 * @throws Error that names the file, also if it is not UTF-8
 */
export function readText(name: string): string {
  const bytes = readGiven(name);
  if (isUtf8(bytes)) return bytes.toString();
  throw new Error(`${name} is not UTF-8; save it in that encoding`);
}

function read(name: string): Buffer {
  try {
    return readFileSync(name === "-" ? 0 : name);
  } catch (error) {
    throw new Error(`${name} cannot be read: ${(error as Error).message}`);
  }
}
