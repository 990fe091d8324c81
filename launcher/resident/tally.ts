// What the shims of this node have counted since it booted: calls that no resident process has served, and processes that they
// have started. They add a letter for each to a file beside the socket (launcher/shim/tally.c); this reads what is new.
import * as fs from "node:fs";

/** Why a shim has become `plexus`. */
export const FALLBACKS = {
  a: "absent",
  u: "unusable",
  b: "busy",
  n: "not-started",
  s: "silent",
  g: "gone",
  l: "left",
  o: "other",
} as const;
/** It has started a process. */
const STARTED = "P";
/** It has handed a call to another process. */
const HANDED_OVER = "H";

/** The shims add nothing to a file that is larger. launcher/shim/tally.c has the same. */
export const LARGEST = 4 << 20;

export class Tally {
  private readonly counts = new Map<string, number>();
  private readonly path: string;
  private inode = 0;
  private read = 0;

  /** @param socket the path of the resident process's socket */
  constructor(socket: string) {
    this.path = `${socket}.tally`;
  }

  fallbacks(): Record<string, number> {
    this.readOn();
    return Object.fromEntries(Object.entries(FALLBACKS).map(([letter, why]) => [why, this.count(letter)]));
  }

  starts(): number {
    this.readOn();
    return this.count(STARTED);
  }

  handovers(): number {
    this.readOn();
    return this.count(HANDED_OVER);
  }

  private count(letter: string): number {
    return this.counts.get(letter) ?? 0;
  }

  /** Reads what is new. Without a file nothing was counted yet. */
  private readOn(): void {
    let fd: number;
    try {
      fd = fs.openSync(this.path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    } catch {
      return;
    }
    try {
      const { ino, size } = fs.fstatSync(fd);
      if (ino !== this.inode || size < this.read) {
        this.counts.clear();
        [this.inode, this.read] = [ino, 0];
      }
      const bytes = Buffer.alloc(Math.min(size, LARGEST) - this.read);
      const count = bytes.length > 0 ? fs.readSync(fd, bytes, 0, bytes.length, this.read) : 0;
      this.read += count;
      for (const letter of bytes.toString("latin1", 0, count))
        this.counts.set(letter, this.count(letter) + 1);
    } finally {
      fs.closeSync(fd);
    }
  }
}
