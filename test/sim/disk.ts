// A disk in memory. Processes see the page cache; a loss of power leaves what was synced, and of the rest what chance
// leaves: a file's content whole, torn or not at all, of a directory's changes the first few.
import { basename, dirname } from "node:path";
import type { FileStatus, OpenMode } from "../../launcher/host/disk.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

export interface File {
  text: string;
  /** What is there after a loss of power, whatever happens. */
  synced: string;
}

/** A change of a directory: these names come to be these files, all at once; undefined where one is removed. */
type Change = readonly (readonly [name: string, file: File | Directory | undefined])[];

class Directory {
  entries = new Map<string, File | Directory>();
  /** The names that survive a loss of power, and the changes since, in their order. */
  synced = new Map<string, File | Directory>();
  changes: Change[] = [];

  apply(change: Change): void {
    for (const [name, file] of change) set(this.entries, name, file);
    this.changes.push(change);
  }

  sync(): void {
    for (const change of this.changes) for (const [name, file] of change) set(this.synced, name, file);
    this.changes = [];
  }
}

export type DiskFault = "full" | "read-only" | "failing";

const CODES: Record<DiskFault, string> = { full: "ENOSPC", "read-only": "EROFS", failing: "EIO" };

export class Disk {
  /** What is wrong with it now. */
  fault: DiskFault | undefined;
  /** Is told of each file that a process has written, given a name (and the one it had) or removed. */
  touched: ((process: Process, path: string, from?: string) => void) | undefined;
  /** Files that a process has removed, and a loss of power has brought back. */
  readonly resurrected = new Set<string>();
  private root = new Directory();
  /** Directories by their paths, as far as they were looked up since one went. */
  private readonly found = new Map<string, Directory>();

  /** @param random decides what of a fault a step meets, and what a loss of power leaves */
  constructor(private readonly random: Random) {}

  /** Puts a file there as a test does it: with its directories, and for good. */
  put(path: string, text: string): void {
    this.place(path, text);
    for (let dir = dirname(path); ; dir = dirname(dir)) {
      this.directory(dir, "open").sync();
      if (dir === "/") return;
    }
  }

  /** Writes a file as most programs do: its content survives a loss of power, its name may not. */
  place(path: string, text: string): void {
    this.makeAll(dirname(path));
    this.directory(dirname(path), "open").apply([[basename(path), { text, synced: text }]]);
  }

  remove(path: string): void {
    const parent = this.directory(dirname(path), "unlink");
    const found = parent.entries.get(basename(path));
    if (found === undefined) throw systemError("ENOENT", "unlink", path);
    if (found instanceof Directory) throw systemError("EISDIR", "unlink", path);
    parent.apply([[basename(path), undefined]]);
    this.resurrected.delete(path);
  }

  removeForGood(path: string): void {
    this.remove(path);
    this.directory(dirname(path), "fsync").sync();
  }

  /** Removes a directory with all that is in it, for good: a file system in memory, when the node boots. */
  clear(dir: string): void {
    const parent = this.lookUp(dirname(dir));
    if (!(parent instanceof Directory)) return;
    parent.apply([[basename(dir), undefined]]);
    parent.sync();
    this.found.clear();
  }

  /** The text of a file; undefined where there is none. */
  peek(path: string): string | undefined {
    const found = this.lookUp(path);
    return found === undefined || found instanceof Directory ? undefined : found.text;
  }

  exists(path: string): boolean {
    return this.lookUp(path) !== undefined;
  }

  /** Would the file, as it is now, survive a loss of power for sure? */
  isDurable(path: string): boolean {
    if (path === "/") return true;
    const parent = this.lookUp(dirname(path));
    const found = this.lookUp(path);
    if (!(parent instanceof Directory) || found === undefined) return false;
    const isWhole = found instanceof Directory || found.text === found.synced;
    return isWhole && parent.synced.get(basename(path)) === found && this.isDurable(dirname(path));
  }

  /** The paths of all files below a directory, sorted. */
  files(dir: string): string[] {
    const found = this.lookUp(dir);
    if (!(found instanceof Directory)) return [];
    const below = [...found.entries].flatMap(([name, entry]) => {
      const path = `${dir}/${name}`;
      return entry instanceof Directory ? this.files(path) : path;
    });
    return below.sort();
  }

  /** Only what was synced is sure to stay. */
  losePower(): void {
    const lose = (directory: Directory, path: string) => {
      const before = new Set(directory.entries.keys());
      const kept = directory.changes.slice(0, this.random.between(0, directory.changes.length));
      directory.entries = new Map(directory.synced);
      for (const change of kept) for (const [name, file] of change) set(directory.entries, name, file);
      directory.synced = new Map(directory.entries);
      directory.changes = [];
      for (const [name, entry] of directory.entries) {
        if (!before.has(name)) this.resurrected.add(`${path}/${name}`);
        if (entry instanceof Directory) lose(entry, `${path}/${name}`);
        else if (entry.text !== entry.synced) this.tear(entry);
      }
    };
    lose(this.root, "");
    this.found.clear();
  }

  private tear(file: File): void {
    const { text } = file;
    const left = this.random.pick([file.synced, text.slice(0, text.length >> 1), text]);
    file.text = left;
    file.synced = left;
  }

  /** Throws what the fault makes of a step; some steps get through. */
  obstruct(what: string, path: string): void {
    const { fault } = this;
    if (fault === undefined) return;
    const isWriting = ["open", "write", "rename", "link", "unlink", "mkdir"].includes(what);
    const isMet = {
      full: ["open", "mkdir", "link"].includes(what) && this.random.chance(0.5),
      "read-only": isWriting,
      failing: ["read", "write", "fdatasync", "fsync", "list"].includes(what) && this.random.chance(0.3),
    };
    if (isMet[fault]) throw systemError(CODES[fault], what, path);
  }

  list(dir: string): string[] {
    return [...this.directory(dir, "scandir").entries.keys()];
  }

  status(path: string): FileStatus | undefined {
    const found = this.lookUp(path);
    if (found === undefined) return undefined;
    const isDirectory = found instanceof Directory;
    return {
      kind: isDirectory ? "directory" : "file",
      isExecutable: true,
      size: isDirectory ? 4096 : found.text.length,
      changed: 0,
    };
  }

  /** Half of it, where the disk is full. */
  write(file: File, text: string, path: string): void {
    const isTorn = this.fault === "full" && this.random.chance(0.5);
    file.text += isTorn ? text.slice(0, text.length >> 1) : text;
    if (isTorn) throw systemError("ENOSPC", "write", path);
  }

  syncDirectory(dir: string): void {
    this.directory(dir, "fsync").sync();
  }

  read(path: string): string {
    const found = this.lookUp(path);
    if (found === undefined) throw systemError("ENOENT", "open", path);
    if (found instanceof Directory) throw systemError("EISDIR", "read", path);
    return found.text;
  }

  open(path: string, mode: OpenMode): File {
    const parent = this.directory(dirname(path), "open");
    const name = basename(path);
    const found = parent.entries.get(name);
    if (found instanceof Directory) throw systemError("EISDIR", "open", path);
    if (found !== undefined) {
      if (mode === "create") found.text = "";
      return found;
    }
    if (mode === "existing") throw systemError("ENOENT", "open", path);
    const file = { text: "", synced: "" };
    parent.apply([[name, file]]);
    return file;
  }

  rename(from: string, to: string): void {
    const parent = this.directory(dirname(from), "rename");
    const found = parent.entries.get(basename(from));
    if (found === undefined) throw systemError("ENOENT", "rename", from);
    if (parent.entries.get(basename(to)) instanceof Directory) throw systemError("EISDIR", "rename", to);
    parent.apply([
      [basename(from), undefined],
      [basename(to), found],
    ]);
  }

  link(existing: string, path: string): void {
    const found = this.lookUp(existing);
    if (found === undefined) throw systemError("ENOENT", "link", existing);
    const parent = this.directory(dirname(path), "link");
    if (parent.entries.has(basename(path))) throw systemError("EEXIST", "link", path);
    parent.apply([[basename(path), found]]);
  }

  make(dir: string): void {
    const parent = this.directory(dirname(dir), "mkdir");
    if (parent.entries.has(basename(dir))) throw systemError("EEXIST", "mkdir", dir);
    parent.apply([[basename(dir), new Directory()]]);
  }

  private makeAll(dir: string): void {
    if (this.lookUp(dir) !== undefined) return;
    this.makeAll(dirname(dir));
    this.make(dir);
  }

  private directory(path: string, call: string): Directory {
    const found = this.directoryAt(path);
    if (found === undefined) throw systemError(this.exists(path) ? "ENOTDIR" : "ENOENT", call, path);
    return found;
  }

  private lookUp(path: string): File | Directory | undefined {
    if (path === "/") return this.root;
    const at = path.lastIndexOf("/");
    return this.directoryAt(path.slice(0, at) || "/")?.entries.get(path.slice(at + 1));
  }

  private directoryAt(path: string): Directory | undefined {
    const before = this.found.get(path);
    if (before !== undefined) return before;
    const found = this.lookUp(path);
    if (!(found instanceof Directory)) return undefined;
    this.found.set(path, found);
    return found;
  }
}

function set(entries: Map<string, File | Directory>, name: string, file: File | Directory | undefined): void {
  if (file === undefined) entries.delete(name);
  else entries.set(name, file);
}

/** An error as Node throws it for a failed system call. */
export function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
