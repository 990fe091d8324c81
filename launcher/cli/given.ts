// Files that an operator names.
import { isUtf8 } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { refusal } from "./refusal.ts";

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
    throw new Error(`${name} is too large: at most ${LARGEST} bytes are read; make it smaller`);
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

/** It may be a pipe, and is not read much further than it may be long. */
function read(name: string): Buffer {
  const chunks: Buffer[] = [];
  try {
    const file = name === "-" ? 0 : openSync(name, "r");
    try {
      for (let size = 0; size <= LARGEST; ) {
        const chunk = Buffer.allocUnsafe(1 << 20);
        const count = readSync(file, chunk);
        if (count === 0) break;
        chunks.push(chunk.subarray(0, count));
        size += count;
      }
    } finally {
      if (file !== 0) closeSync(file);
    }
  } catch (error) {
    throw refusal("read", name, error);
  }
  return Buffer.concat(chunks);
}
