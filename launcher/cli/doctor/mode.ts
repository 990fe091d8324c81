// Changes the mode of what has been looked at, and of nothing else: doctor is root, and a link leads anywhere.
import * as fs from "node:fs";
import type { Line } from "./line.ts";

/** Opens whatever it is, also a link or a socket, and neither reads nor writes it. Source: open(2); Node.js has no name for it. */
const O_PATH = 0o10000000;

/** Returns what mends the mode of a file, for a line of doctor; of a link only an administrator knows what is meant. */
export function toMode(path: string, mode: number): [remedy: string, fix?: Line["fix"]] {
  if (fs.lstatSync(path).isSymbolicLink())
    return [`see where the link ${path} leads; put the file itself there`];
  return [`chmod 0${mode.toString(8)} ${path}`, () => chmod(path, mode)];
}

/**
 * Changes a mode, and follows no link. Returns the command that does the same.
 *
 * @param ino the inode that was looked at, if that matters
 */
export function chmod(path: string, mode: number, ino?: number): string {
  const file = fs.openSync(path, O_PATH | fs.constants.O_NOFOLLOW);
  try {
    const status = fs.fstatSync(file);
    if (status.isSymbolicLink() || (ino !== undefined && status.ino !== ino))
      throw new Error(`${path} is another one by now`);
    fs.chmodSync(`/proc/self/fd/${file}`, mode); // exactly what is open
  } finally {
    fs.closeSync(file);
  }
  return `chmod 0${mode.toString(8)} ${path}`;
}
