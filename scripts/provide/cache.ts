// The directory of the user's in which what is fetched or built once is kept for every checkout.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const DIR = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "plexus");
const WORK = "work-";
/** Longer than anything here takes: what is older was left by a process that was killed. */
const ABANDONED_AFTER_MS = 6 * 3600_000;

/** The names of the directories that are in the cache, complete. */
export function cachedNames(): string[] {
  return existsSync(DIR) ? readdirSync(DIR).filter((name) => !name.startsWith(WORK)) : [];
}

/** The path of a directory of the cache, there or not. */
export function cachePath(name: string): string {
  return join(DIR, name);
}

/**
 * Puts a directory into the cache, all of it at once. Two processes may make the same one: the first counts.
 *
 * @param make gets an empty directory on the cache's file system to work in, which is removed afterwards; it answers
 *   what of it to keep, and under which name
 * @returns the path of the directory that is kept
 */
export function cache(make: (work: string) => { dir: string; name: string }): string {
  const work = workDir();
  try {
    const { dir, name } = make(work);
    const target = cachePath(name);
    try {
      renameSync(dir, target);
    } catch (error) {
      if (!existsSync(target)) throw error; // otherwise another process was quicker
    }
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function workDir(): string {
  try {
    mkdirSync(DIR, { recursive: true });
    removeAbandoned();
    return mkdtempSync(join(DIR, WORK));
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`${DIR} cannot be written: ${why}; let XDG_CACHE_HOME be a directory that can`);
  }
}

function removeAbandoned(): void {
  for (const name of readdirSync(DIR).filter((name) => name.startsWith(WORK))) {
    const path = join(DIR, name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - changed > ABANDONED_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}
