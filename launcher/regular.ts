// Reads a file that others may have put there. It waits for no FIFO, reads no device, and no more than a limit.
import * as fs from "node:fs";
import { MAX_FILE } from "./sizes.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;

const ERRORS = {
  EISDIR: { errno: -21, words: "illegal operation on a directory" },
  ENXIO: { errno: -6, words: "no such device or address" },
  EFBIG: { errno: -27, words: "file too large" },
};

interface How {
  /** May it be a symbolic link? */
  follows?: boolean;
  /** Bytes. */
  limit?: number;
}

/**
 * Opens a file to be read; the caller closes it.
 *
 * @throws Error of node:fs: ENXIO if it is not a file, EISDIR if it is a directory, EFBIG if it is larger than the limit, ELOOP
 *   if it is a link that is not to be followed
 */
export function openRegular(
  path: string,
  { follows = true, limit = MAX_FILE }: How = {},
): { file: number; stats: fs.Stats } {
  const file = fs.openSync(path, O_RDONLY | O_NONBLOCK | (follows ? 0 : O_NOFOLLOW));
  const stats = fs.fstatSync(file);
  const code = stats.isDirectory() ? "EISDIR" : !stats.isFile() ? "ENXIO" : "EFBIG";
  if (stats.isFile() && stats.size <= limit) return { file, stats };
  fs.closeSync(file);
  const { errno, words } = ERRORS[code];
  const error = new Error(`${code}: ${words}, open '${path}'`);
  throw Object.assign(error, { code, errno, syscall: "open", path });
}

/** Reads a file. Throws as `openRegular` does. */
export function readRegular(path: string, how?: How): Buffer {
  return reading(path, how, (file) => fs.readFileSync(file));
}

/** The same, as text. */
export function readRegularText(path: string, how?: How): string {
  return reading(path, how, (file) => fs.readFileSync(file, "utf8"));
}

function reading<T>(path: string, how: How | undefined, read: (file: number) => T): T {
  const { file } = openRegular(path, how);
  try {
    return read(file);
  } finally {
    fs.closeSync(file);
  }
}
