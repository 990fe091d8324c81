// When an installer that stays has to look again: soon after something changed in a directory, and now and then.
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Writers make several changes at once. */
const SETTLE_MS = 50;
/** Where the kernel tells of no changes (no inotify watches left, a network file system), or the directory is not there yet. */
const POLL_MS = 2_000;
/** Tokens grow old, and a watch may have missed something. */
const LOOK_MS = 15_000;

export class Watching {
  private readonly dirs: readonly string[];
  private readonly signal: AbortSignal;
  private watchers = new Map<string, { inode: number; watcher: fs.FSWatcher }>();
  private wake: () => void = () => undefined;
  private hasChanged = false;

  constructor(dirs: readonly string[], signal: AbortSignal) {
    this.dirs = [...new Set(dirs)];
    this.signal = signal;
    this.watch();
  }

  /**
   * Resolves when it is time to look again, or the signal says that it is not any more.
   *
   * @param atMostMs if something is to be tried again
   */
  async next(atMostMs = LOOK_MS): Promise<void> {
    const areWatched = this.watch();
    if (!this.hasChanged && !this.signal.aborted) {
      const woken = new AbortController();
      this.wake = () => woken.abort();
      const ended = AbortSignal.any([woken.signal, this.signal]);
      const waitMs = areWatched ? atMostMs : Math.min(atMostMs, POLL_MS);
      await sleep(waitMs, undefined, { signal: ended }).catch(() => undefined);
    }
    if (this.hasChanged) await sleep(SETTLE_MS);
    this.hasChanged = false;
  }

  end(): void {
    for (const { watcher } of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  /** Watches each directory that is not, or is another one by now. Returns whether all are watched. */
  private watch(): boolean {
    for (const dir of this.dirs) {
      const inode = fs.statSync(dir, { throwIfNoEntry: false })?.ino;
      const before = this.watchers.get(dir);
      if (before && before.inode === inode) continue;
      before?.watcher.close();
      this.watchers.delete(dir);
      if (inode !== undefined) this.begin(dir, inode);
    }
    return this.watchers.size === this.dirs.length;
  }

  private begin(dir: string, inode: number): void {
    try {
      const watcher = fs.watch(dir, { persistent: false }, () => this.note());
      watcher.on("error", () => {
        watcher.close();
        this.watchers.delete(dir);
      });
      this.watchers.set(dir, { inode, watcher });
    } catch {
      // It is polled.
    }
  }

  private note(): void {
    this.hasChanged = true;
    this.wake();
  }
}
