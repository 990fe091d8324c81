// A disk as one process uses it: each system call is a step of the process, before which it can be killed.
import { basename } from "node:path";
import type { Disk as DiskPort, FileStatus, OpenMode } from "../../launcher/host/disk.ts";
import { type Disk, type File, systemError } from "./disk.ts";
import type { Process } from "./process.ts";

/** A system call takes at most this long, unless it waits for the hardware. */
const CALL_MS = 0.4;
const SYNC_MS = 6;

export class ProcessDisk implements DiskPort {
  private readonly opened = new Map<number, { file: File; path: string }>();
  private last = 2;

  constructor(
    private readonly disk: Disk,
    private readonly process: Process,
  ) {}

  read(path: string): Promise<string> {
    return this.step("read", path, () => this.disk.read(path));
  }

  list(dir: string): Promise<string[]> {
    return this.step("list", dir, () => this.disk.list(dir));
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.step("stat", path, () => this.disk.status(path));
  }

  target(path: string): Promise<string> {
    return this.step("readlink", path, () => {
      throw systemError(this.disk.exists(path) ? "EINVAL" : "ENOENT", "readlink", path);
    });
  }

  open(name: string, mode: OpenMode): Promise<number> {
    const path = this.own(name);
    return this.step("open", path, () => {
      this.opened.set(++this.last, { file: this.disk.open(path, mode), path });
      this.touched(path);
      return this.last;
    });
  }

  write(file: number, content: string | Uint8Array): Promise<void> {
    const { file: target, path } = this.of(file);
    return this.step("write", path, () => this.disk.write(target, String(content), path));
  }

  sync(file: number): Promise<void> {
    const { file: target, path } = this.of(file);
    const work = () => {
      target.synced = target.text;
    };
    return this.step("fdatasync", path, work, SYNC_MS);
  }

  close(file: number): Promise<void> {
    return this.step("close", this.of(file).path, () => void this.opened.delete(file));
  }

  rename(name: string, to: string): Promise<void> {
    const from = this.own(name);
    return this.step("rename", `${from} ${basename(to)}`, () => {
      this.disk.rename(from, to);
      this.touched(to, from);
    });
  }

  link(existing: string, path: string): Promise<void> {
    return this.step("link", path, () => {
      this.disk.link(this.own(existing), path);
      this.touched(path);
    });
  }

  unlink(name: string): Promise<void> {
    const path = this.own(name);
    return this.step("unlink", path, () => {
      this.disk.remove(path);
      this.touched(path);
    });
  }

  makeDirectory(dir: string): Promise<void> {
    return this.step("mkdir", dir, () => this.disk.make(dir));
  }

  syncDirectory(dir: string): Promise<void> {
    return this.step("fsync", dir, () => this.disk.syncDirectory(dir), SYNC_MS);
  }

  private step<T>(what: string, path: string, work: () => T, withinMs = CALL_MS): Promise<T> {
    return this.process.step(`${what} ${path}`, withinMs, () => {
      this.disk.obstruct(what, path);
      return work();
    });
  }

  private of(file: number): { file: File; path: string } {
    const found = this.opened.get(file);
    if (found === undefined) throw systemError("EBADF", "fd", `${file}`);
    return found;
  }

  private touched(path: string, from?: string): void {
    this.disk.touched?.(this.process, path, from);
  }

  /** Temporary names have the process's number in them: here it is that of the process in memory. */
  private own(path: string): string {
    const real = `.${process.pid}`;
    return path.endsWith(real) ? `${path.slice(0, -real.length)}.${this.process.pid}` : path;
  }
}
