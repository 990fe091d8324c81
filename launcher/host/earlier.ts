// What the shims of earlier calls have told a resident process, and the next one is helped by. Nothing of it is taken to be so:
// each shim sees for itself.

/** A conf has a few networks, and a network a few plugins. */
const MOST_NAMES = 8;
/** Directories are the runtime's, and those of the confs that it has. */
const MOST_PLACES = 16;
/** Directories above state: some ten. The shim keeps twice as many in mind. */
const MOST_SYNCED = 32;

export class Earlier {
  /** Names of plugins by directories, the last ones that were found there. */
  private readonly places = new Map<string, Set<string>>();
  /** Which directories survive a loss of power, in the shims' own words: launcher/shim/synced.c. */
  private readonly words = new Set<string>();

  /** A call's plugin was found there. The next call mostly wants the same, and asks its own shim early. */
  found(name: string, dirs: readonly string[]): void {
    const key = dirs.join(":");
    const names = this.places.get(key) ?? new Set();
    putLast(names, name, MOST_NAMES);
    this.places.delete(key);
    this.places.set(key, names);
    dropFirst(this.places, MOST_PLACES);
  }

  forget(name: string, dirs: readonly string[]): void {
    this.places.get(dirs.join(":"))?.delete(name);
  }

  plugins(dirs: readonly string[]): string[] {
    return [...(this.places.get(dirs.join(":")) ?? [])];
  }

  synced(words: readonly string[]): void {
    for (const word of words) putLast(this.words, word, MOST_SYNCED);
  }

  get known(): string[] {
    return [...this.words];
  }
}

function putLast(kept: Set<string>, one: string, most: number): void {
  kept.delete(one);
  kept.add(one);
  dropFirst(kept, most);
}

function dropFirst(kept: Set<string> | Map<string, unknown>, most: number): void {
  const [first] = kept.keys();
  if (kept.size > most && first !== undefined) kept.delete(first);
}
