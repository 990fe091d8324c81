// A disk as one process uses it: each system call is a step of the process, before which it can be killed.
import { basename, dirname } from "node:path";
import type { Disk as DiskPort, FileStatus, OpenMode } from "../../launcher/host/disk.ts";
import { type Disk, type File, systemError } from "./disk.ts";
import type { Machine } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";

/** A system call takes at most this long, unless it waits for the hardware. */
const CALL_MS = 0.4;
const SYNC_MS = 6;

export class ProcessDisk implements DiskPort {
  /** Files of the disk; those of sysfs by their path alone. */
  private readonly opened = new Map<number, { file: File | undefined; path: string }>();
  private last = 2;
  private readonly disk: Disk;

  constructor(
    private readonly machine: Machine,
    private readonly owner: Process,
    private readonly call: RuntimeCall,
  ) {
    this.disk = machine.disk;
  }

  read(path: string): Promise<string> {
    return this.step("read", path, () => (isInSysfs(path) ? this.sysfs("read", path) : this.disk.read(path)));
  }

  list(dir: string): Promise<string[]> {
    return this.step("list", dir, () => {
      if (!isInSysfs(dir)) return this.disk.list(dir);
      return this.machine.devices?.sysfs.list(dir) ?? [];
    });
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.step("stat", path, () => {
      if (!isInSysfs(path)) return this.disk.status(path);
      const sysfs = this.machine.devices?.sysfs;
      if (!sysfs?.exists(path)) return undefined;
      const kind = sysfs.isDirectory(path) ? "directory" : "file";
      return { kind, isExecutable: false, size: 4096, changed: 0 };
    });
  }

  target(path: string): Promise<string> {
    return this.step("readlink", path, () => {
      const target = isInSysfs(path) ? this.machine.devices?.sysfs.readlink(path) : undefined;
      if (target !== undefined) return target;
      throw systemError(this.disk.exists(path) ? "EINVAL" : "ENOENT", "readlink", path);
    });
  }

  open(path: string, mode: OpenMode): Promise<number> {
    return this.step("open", path, () => {
      const file = isInSysfs(path) ? undefined : this.disk.open(path, mode);
      this.opened.set(++this.last, { file, path });
      this.touched(path);
      return this.last;
    });
  }

  write(file: number, content: string | Uint8Array): Promise<void> {
    const { file: target, path } = this.of(file);
    return this.step("write", target === undefined ? `${content} to ${path}` : path, () => {
      if (target === undefined) this.set(path, String(content));
      else this.disk.write(target, String(content), path);
    });
  }

  sync(file: number): Promise<void> {
    const { file: target, path } = this.of(file);
    const work = () => {
      if (target) target.synced = target.text;
    };
    return this.step("fdatasync", path, work, SYNC_MS);
  }

  close(file: number): Promise<void> {
    return this.step("close", this.of(file).path, () => void this.opened.delete(file));
  }

  rename(from: string, to: string): Promise<void> {
    return this.step("rename", `${from} ${basename(to)}`, () => {
      this.disk.rename(from, to);
      this.touched(to, from);
    });
  }

  link(existing: string, path: string): Promise<void> {
    return this.step("link", path, () => {
      this.disk.link(existing, path);
      this.touched(path);
    });
  }

  unlink(path: string): Promise<void> {
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

  /** Numbers are not given twice here, so the start need not be told. */
  async process(): Promise<`${number}-${number}`> {
    return `${this.owner.pid}-0`;
  }

  isRunning(name: `${number}-${number}`): Promise<boolean> {
    const [pid] = name.split("-").map(Number);
    return this.step("stat", `/proc/${pid}`, () => this.owner.ground.running.has(pid ?? 0));
  }

  private step<T>(what: string, path: string, work: () => T, withinMs = CALL_MS): Promise<T> {
    return this.owner.step(`${what} ${path}`, withinMs, () => {
      if (!isInSysfs(path)) this.disk.obstruct(what, path);
      return work();
    });
  }

  private sysfs(what: string, path: string): string {
    const text = this.machine.devices?.sysfs.read(path);
    if (text === undefined) throw systemError("ENOENT", what, path);
    return text;
  }

  /** Of a file of sysfs, the device is in its path, or is what is written. */
  private set(path: string, value: string): void {
    const device = /^[0-9a-f]{4}:[0-9a-f:.]+$/.test(value) ? value : basename(dirname(path));
    this.machine.deviceTouched?.(this.call, device, `${path} with ${value.trim()}`);
    this.machine.devices?.sysfs.set(path, value);
  }

  private of(file: number): { file: File | undefined; path: string } {
    const found = this.opened.get(file);
    if (found === undefined) throw systemError("EBADF", "fd", `${file}`);
    return found;
  }

  private touched(path: string, from?: string): void {
    this.disk.touched?.(this.owner, path, from);
  }
}

function isInSysfs(path: string): boolean {
  return path.startsWith("/sys/");
}
