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
/** Bytes that are read at once. */
const PIECE = 64 << 10;

export class Tally {
  /** By the byte. */
  private readonly counts = new Uint32Array(256);
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
    return this.counts[letter.charCodeAt(0)] ?? 0;
  }

  private add(bytes: Uint8Array): void {
    const { counts } = this;
    // By index: a full file takes 8 ms, and with for-of 90, in which nobody is served.
    for (let at = 0; at < bytes.length; at++) (counts[bytes[at] as number] as number)++;
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
        this.counts.fill(0);
        [this.inode, this.read] = [ino, 0];
      }
      const end = Math.min(size, LARGEST);
      const piece = Buffer.alloc(Math.max(0, Math.min(end - this.read, PIECE)));
      while (this.read < end) {
        const count = fs.readSync(fd, piece, 0, Math.min(piece.length, end - this.read), this.read);
        if (count === 0) break;
        this.read += count;
        this.add(piece.subarray(0, count));
      }
    } finally {
      fs.closeSync(fd);
    }
  }
}
