// Directories that survive a loss of power.
//
// How it works: the one that makes a directory may be killed before it has synced the directory above, and all others find
// it there. So each process syncs those above a directory once, before it relies on any file in it. If nothing was changed in
// them, that takes a tenth of a millisecond each.
import { dirname } from "node:path";
import type { Disk } from "./disk.ts";

export class Durable {
  private readonly synced = new Map<string, Promise<void>>();

  constructor(private readonly disk: Disk) {}

  /** Resolves when a directory, which is there, is there after a loss of power too. */
  async require(dir: string): Promise<void> {
    const above: string[] = [];
    for (let one = dir; one !== dirname(one); one = dirname(one)) above.push(dirname(one));
    await Promise.all(above.map((one) => this.sync(one)));
  }

  /** Directories were made, perhaps in place of others. */
  forget(): void {
    this.synced.clear();
  }

  private sync(dir: string): Promise<void> {
    const before = this.synced.get(dir);
    if (before !== undefined) return before;
    const syncing = this.disk.syncDirectory(dir).catch((error: NodeJS.ErrnoException) => {
      // Whoever may not open it has made nothing in it.
      if (error.code === "EACCES" || error.code === "EPERM") return;
      this.synced.delete(dir);
      throw error;
    });
    this.synced.set(dir, syncing);
    return syncing;
  }
}
