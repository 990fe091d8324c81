// Attachments on disk: Multus's scratch file, one a container, and libcni's result cache, one file an attachment.
// Multus and Plexus read each other's. Either kind of file is enough to undo an attachment.
import { Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";

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
  /** The last error. */
  why: string;
  /** Is it to be taken for detached, by an administrator's word (`plexus forget`)? */
  forgotten?: boolean;
}

export class State {
  constructor(
    private readonly host: Host,
    private readonly cniDir: string,
  ) {}

  /** The files of a container. Some of the caches may turn out to be another's. */
  async read(containerId: string): Promise<ContainerFiles> {
    const files: ContainerFiles = { caches: new Map() };
    const scratch = await this.host.read(this.scratchPath(containerId));
    if (scratch !== undefined) files.scratch = scratch;
    for (const name of await this.host.list(this.resultsDir)) {
      if (isTemporary(name) || !name.includes(`-${containerId}-`)) continue;
      const text = await this.host.read(`${this.resultsDir}/${name}`);
      if (text !== undefined) files.caches.set(name, text);
    }
    return files;
  }

  /** The IDs of all containers that have a file here. */
  async containers(): Promise<Set<string>> {
    const ids = new Set<string>();
    for (const name of await this.host.list(this.cniDir)) {
      if (!isTemporary(name) && isScratch(await this.host.read(`${this.cniDir}/${name}`))) ids.add(name);
    }
    for (const name of await this.host.list(this.resultsDir)) {
      if (isTemporary(name)) continue;
      const id = containerOf((await this.host.read(`${this.resultsDir}/${name}`)) ?? "");
      if (id !== undefined) ids.add(id);
    }
    return ids;
  }

  async writeScratch(containerId: string, text: string): Promise<void> {
    await this.host.write(this.scratchPath(containerId), text).catch((error: unknown) => {
      throw Fault.of(error).during(`cannot keep state in ${this.cniDir} (\`cniDir\`)`);
    });
  }

  /**
   * Removes a container's scratch file and notes, and the temporary files of writers that are gone. The scratch file last:
   * as long as it is there, a later call does the rest.
   */
  async removeScratch(containerId: string): Promise<void> {
    for (const dir of [this.cniDir, this.resultsDir, this.notesDir, this.orphansDir]) {
      await this.host.clearTemporaries(dir);
    }
    for (const name of await this.host.list(this.notesDir)) {
      const isOwn = name.includes(`-${containerId}-`) && (await this.note(name))?.containerId === containerId;
      if (isOwn) await this.removeNote(name);
    }
    await this.host.remove(this.scratchPath(containerId));
  }

  /** The note on an attachment; one that is torn counts as none. */
  async note(name: string): Promise<Note | undefined> {
    const text = await this.host.read(`${this.notesDir}/${name}`);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as Note);
    } catch {
      return undefined;
    }
  }

  writeNote(name: string, note: Note): Promise<void> {
    return this.host.write(`${this.notesDir}/${name}`, `${JSON.stringify(note)}\n`);
  }

  removeNote(name: string): Promise<void> {
    return this.host.remove(`${this.notesDir}/${name}`);
  }

  /** The attachments that only GC tries to detach: cache file -> text. */
  async orphans(): Promise<Map<string, string>> {
    const orphans = new Map<string, string>();
    for (const name of await this.host.list(this.orphansDir)) {
      if (isTemporary(name)) continue;
      const text = await this.host.read(`${this.orphansDir}/${name}`);
      if (text !== undefined) orphans.set(name, text);
    }
    return orphans;
  }

  writeOrphan(name: string, text: string): Promise<void> {
    return this.host.write(`${this.orphansDir}/${name}`, text);
  }

  removeOrphan(name: string): Promise<void> {
    return this.host.remove(`${this.orphansDir}/${name}`);
  }

  writeCache(name: string, text: string): Promise<void> {
    return this.host.write(`${this.resultsDir}/${name}`, text);
  }

  removeCache(name: string): Promise<void> {
    return this.host.remove(`${this.resultsDir}/${name}`);
  }

  private get notesDir(): string {
    return `${this.cniDir}/failed`;
  }

  private get orphansDir(): string {
    return `${this.cniDir}/orphans`;
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

/** Is this the content of a scratch file, whole or torn? Other files in the directory are not ours to touch. */
function isScratch(text: string | undefined): boolean {
  return text !== undefined && (text === "" || /^\[\s*(\{|\]|$)/.test(text));
}

function containerOf(cache: string): string | undefined {
  try {
    const id = (JSON.parse(cache) as { containerId?: unknown } | null)?.containerId;
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined; // torn: the scratch file has to do
  }
}
