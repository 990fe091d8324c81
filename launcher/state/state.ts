// Attachments on disk: Multus's scratch file, one a container, and libcni's result cache, one file an attachment.
// Multus and Plexus read each other's. Either kind of file is enough to undo an attachment.
import { Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import { Orphans } from "./orphans.ts";
import { readState } from "./read.ts";

/** The files of one container, as they are: text that may be torn. */
export interface ContainerFiles {
  scratch?: string;
  /** File name below `results/` -> text. */
  caches: Map<string, string>;
}

/** What is known of an attachment whose DEL has failed: `failed/<cache file>`. */
export interface Note {
  containerId: string;
  /** Did a plugin answer its ADD with an error? */
  addFailed: boolean;
  /** DELs that have failed. */
  tries: number;
  /** The last error, or the beginning of it. */
  why: string;
  /**
   * Is it done with, although the scratch file still names it? It is detached, it is an orphan by now, or an administrator
   * has said so (`plexus forget`).
   */
  done?: Done;
}

const DONE = ["detached", "orphan", "forgotten"] as const;
type Done = (typeof DONE)[number];

/** Characters of an error that a note keeps: a plugin's may have four million. */
export const MAX_WHY = 1000;

export class State {
  readonly orphans: Orphans;

  constructor(
    private readonly host: Host,
    readonly cniDir: string,
  ) {
    this.orphans = new Orphans(host, `${cniDir}/orphans`);
  }

  /** The files of a container. Some of the caches may turn out to be another's. */
  async read(containerId: string): Promise<ContainerFiles> {
    const files: ContainerFiles = { caches: new Map() };
    const [scratch, names] = await Promise.all([
      readState(this.host, this.scratchPath(containerId)),
      this.host.list(this.resultsDir),
    ]);
    if (scratch !== undefined) files.scratch = scratch;
    const own = names.filter((name) => !isTemporary(name) && name.includes(`-${containerId}-`));
    const texts = await Promise.all(own.map((name) => readState(this.host, `${this.resultsDir}/${name}`)));
    for (const [index, text] of texts.entries())
      if (text !== undefined) files.caches.set(own[index] ?? "", text);
    return files;
  }

  /** The IDs of all containers that have a file here, also one of which nothing can be read. */
  async containers(): Promise<Set<string>> {
    return (await this.owners()).ids;
  }

  /**
   * Whose the files here are: the IDs of all containers that have one, and as `strays` the paths of those of the result cache that
   * cannot be read, and whose container their names do not tell. A loss of power may leave anything in a file; its name stays.
   */
  async owners(): Promise<{ ids: Set<string>; strays: string[] }> {
    const caches = (await this.host.list(this.resultsDir)).filter((name) => !isTemporary(name));
    const ids = new Set<string>();
    const unreadable: string[] = [];
    for (const name of caches) {
      const text = await readState(this.host, `${this.resultsDir}/${name}`);
      if (text === undefined) continue; // removed meanwhile
      const id = containerOf(text);
      if (id === undefined) unreadable.push(name);
      else if (isContainerId(id)) ids.add(id);
    }
    for (const name of await this.host.list(this.cniDir)) {
      if (!isContainerId(name)) continue;
      const text = await readState(this.host, `${this.cniDir}/${name}`);
      if (text === undefined) continue;
      const isNamed = isSandboxId(name) || unreadable.some((cache) => cache.includes(`-${name}-`));
      if (isScratch(text) || isNamed) ids.add(name);
    }
    const unknown: string[] = [];
    for (const name of unreadable) {
      const id = idIn(name);
      if (id === undefined) unknown.push(name);
      else ids.add(id);
    }
    const isOf = (name: string) => [...ids].some((id) => name.includes(`-${id}-`));
    const strays = unknown.filter((name) => !isOf(name)).map((name) => `${this.resultsDir}/${name}`);
    return { ids, strays };
  }

  async writeScratch(containerId: string, text: string): Promise<void> {
    await this.host.write(this.scratchPath(containerId), text).catch((error: unknown) => {
      throw Fault.of(error).during(`cannot keep state in ${this.cniDir} (\`cniDir\`)`);
    });
  }

  /** Removes the temporary files of writers that are gone. */
  async clearTemporaries(): Promise<void> {
    const dirs = [this.cniDir, this.resultsDir, this.notesDir, this.orphans.dir, this.sriovDir];
    await Promise.all(dirs.map((dir) => this.host.clearTemporaries(dir)));
  }

  /**
   * Removes a container's scratch file and notes, and the temporary files of writers that are gone. The scratch file last:
   * as long as it is there, a later call does the rest.
   *
   * @param clearing as `clearTemporaries` returns it, if that has been begun
   */
  async removeScratch(containerId: string, clearing = this.clearTemporaries()): Promise<void> {
    const [notes] = await Promise.all([this.host.list(this.notesDir), clearing]);
    for (const name of notes) {
      if (!name.includes(`-${containerId}-`)) continue;
      const owner = (await this.note(name))?.containerId ?? containerId; // one that cannot be read is of no use to anybody
      if (owner === containerId) await this.removeNote(name);
    }
    await this.host.remove(this.scratchPath(containerId));
  }

  /** The note on an attachment; one that cannot be read counts as none. */
  async note(name: string): Promise<Note | undefined> {
    return noteOf((await readState(this.host, `${this.notesDir}/${name}`)) ?? "");
  }

  writeNote(name: string, note: Note): Promise<void> {
    const text = JSON.stringify({ ...note, why: note.why.slice(0, MAX_WHY) });
    return this.host.write(`${this.notesDir}/${name}`, `${text}\n`);
  }

  /**
   * Removes the notes on these attachments, for good: before they are attached anew, or leave the scratch file. One that a
   * loss of power brought back would say of what is attached by then that it is not. (They may have been removed by a
   * process that was killed before it had synced that.)
   *
   * @param noted as `noted` has it, since when this call has written no note
   */
  async removeNotes(names: readonly string[], noted = this.noted()): Promise<void> {
    const all = await noted;
    const own = names.filter((name) => all.includes(name));
    if (own.length === 0) return;
    for (const name of own) await this.removeNote(name);
    await this.host.sync(this.notesDir);
  }

  /** The names of all notes; those that are not among them are gone for good. */
  async noted(): Promise<string[]> {
    const [all] = await Promise.all([this.host.list(this.notesDir), this.host.sync(this.notesDir)]);
    return all;
  }

  /**
   * Removes the notes on containers that have no other file any more, and those that cannot be read.
   *
   * @param isListed does the runtime have the container?
   */
  async removeStaleNotes(isListed: (containerId: string) => boolean): Promise<void> {
    const notes = (await this.host.list(this.notesDir)).filter((name) => !isTemporary(name));
    if (notes.length === 0) return;
    const containers = await this.containers();
    for (const name of notes) {
      const owner = (await this.note(name))?.containerId;
      const isStale = owner === undefined || !(containers.has(owner) || isListed(owner));
      if (isStale) await this.removeNote(name);
    }
  }

  removeNote(name: string): Promise<void> {
    return this.host.remove(`${this.notesDir}/${name}`);
  }

  /** Writes a file of the result cache; a loss of power may tear it until `settleCaches`. */
  writeCache(name: string, text: string): Promise<void> {
    return this.host.writeSoon(`${this.resultsDir}/${name}`, text);
  }

  /** Resolves when these files survive a loss of power. */
  settleCaches(names: string[]): Promise<void> {
    return this.host.settle(this.resultsDir, names);
  }

  /**
   * Removes files of the result cache that nothing can be learned from. Such a name may be read in two ways, as names have
   * hyphens too: those that may be of another container that is there stay, until that goes.
   */
  async removeUnusable(names: readonly string[], containerId: string): Promise<void> {
    if (names.length === 0) return;
    const others = (await this.host.list(this.cniDir)).filter((id) => id !== containerId);
    for (const name of names) {
      if (!others.some((id) => name.includes(`-${id}-`))) await this.removeCache(name);
    }
  }

  removeCache(name: string): Promise<void> {
    return this.host.remove(`${this.resultsDir}/${name}`);
  }

  /** The paths of an attachment's files, of which some may not be there: for a person. */
  pathsOf(containerId: string, cacheFile: string): { scratch: string; cache: string; note: string } {
    return {
      scratch: this.scratchPath(containerId),
      cache: `${this.resultsDir}/${cacheFile}`,
      note: `${this.notesDir}/${cacheFile}`,
    };
  }

  private get notesDir(): string {
    return `${this.cniDir}/failed`;
  }

  /** The built-in plugin's, whose locks are temporary files too: launcher/sriov/lock.ts. */
  private get sriovDir(): string {
    return `${this.cniDir}/sriov`;
  }

  private get resultsDir(): string {
    return `${this.cniDir}/results`;
  }

  private scratchPath(containerId: string): string {
    return `${this.cniDir}/${containerId}`;
  }
}

/** As the host names files that it has not finished: no container ID or network name starts so. */
function isTemporary(name: string): boolean {
  return name.startsWith(".");
}

/** The core's rule for IDs. A name that is none is not of a container; nor are the directories that Plexus has beside these. */
export function isContainerId(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(name);
}

function noteOf(text: string): Note | undefined {
  try {
    const { containerId, addFailed, tries, why, done } = JSON.parse(text) as Partial<Note>;
    if (typeof containerId !== "string") return undefined;
    return {
      containerId,
      addFailed: addFailed === true,
      tries: typeof tries === "number" ? tries : 0,
      why: String(why ?? ""),
      ...(done !== undefined && DONE.includes(done) ? { done } : {}),
    };
  } catch {
    return undefined;
  }
}

/**
 * Is this the content of a scratch file, whole or torn? What is only NULs has lost its blocks. Other files in the directory are
 * not ours to touch, unless their names say that they are a container's.
 */
function isScratch(text: string): boolean {
  return /^\0*$/.test(text) || /^\[\s*(\{|\]|$)/.test(text);
}

/** Is it an ID as containerd and CRI-O make them? Nobody else gives a file such a name. */
function isSandboxId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

/**
 * Returns the ID in the name of a file of the result cache, `<network>-<containerID>-<ifname>`; undefined if that can be read
 * in more than one way, as each part may have hyphens.
 */
function idIn(cache: string): string | undefined {
  const made = /-([0-9a-f]{64})-/.exec(cache)?.[1];
  const parts = cache.split("-");
  const id = made ?? (parts.length === 3 ? parts[1] : undefined);
  return id !== undefined && isContainerId(id) ? id : undefined;
}

function containerOf(cache: string): string | undefined {
  try {
    const id = (JSON.parse(cache) as { containerId?: unknown } | null)?.containerId;
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined; // torn: the scratch file has to do
  }
}
