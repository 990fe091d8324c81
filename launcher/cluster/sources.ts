// The files that a connection was made of. Something on the node renews certificates, tokens and kubeconfigs.
import { closeSync, fstatSync, openSync, readFileSync, type Stats, statSync } from "node:fs";
import { openRegular } from "../regular.ts";

export class Sources {
  /** Path -> what tells one version of the file from the next. */
  private readonly stamps = new Map<string, string>();

  /**
   * Reads a file, and remembers which it was.
   *
   * @param isNamed by who has called this command: then it may be a pipe
   * @throws Error of node:fs
   */
  read(path: string, isNamed = false): { content: Buffer; stats: Stats } {
    const file = isNamed ? openSync(path, "r") : openRegular(path).file;
    try {
      const stats = fstatSync(file); // before the content: what is written meanwhile is found later
      this.stamps.set(path, stampOf(stats));
      return { content: readFileSync(file), stats };
    } finally {
      closeSync(file);
    }
  }

  /** Says whether one of the files is another by now. One that is missing is being written. */
  haveChanged(): boolean {
    for (const [path, stamp] of this.stamps) {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats !== undefined && stampOf(stats) !== stamp) return true;
    }
    return false;
  }
}

function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}
