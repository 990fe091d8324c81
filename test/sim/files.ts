// INTERIM, until launcher/host/disk.ts and launcher/host/files.ts are there: the Disk port, and small files on a disk as
// launcher/host/local.ts writes them.
import { basename, dirname } from "node:path";
import type { Host } from "../../launcher/host/host.ts";

export interface FileStatus {
  kind: "file" | "directory" | "other";
  size: number;
  changed: number;
}

export type OpenMode = "create" | "append" | "existing";

export interface Disk {
  read(path: string): Promise<string>;
  list(dir: string): Promise<string[]>;
  status(path: string): Promise<FileStatus | undefined>;
  target(path: string): Promise<string>;
  open(path: string, mode: OpenMode): Promise<number>;
  write(file: number, content: string | Uint8Array): Promise<void>;
  sync(file: number): Promise<void>;
  close(file: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  makeDirectory(dir: string, mode: number): Promise<void>;
  syncDirectory(dir: string): Promise<void>;
}

export type Files = Omit<Host, "prepare" | "execute">;

export function filesOn(disk: Disk): Files {
  return {
    async find(name, dirs) {
      for (const dir of dirs) {
        const path = `${dir}/${name}`;
        if ((await disk.status(path))?.kind === "file") return path;
      }
      return undefined;
    },
    read: (path) => disk.read(path).catch(unlessMissing(undefined)),
    list: async (dir) => (await disk.list(dir).catch(unlessMissing([]))).toSorted(),
    isDirectory: async (path) => (await disk.status(path))?.kind === "directory",
    exists: async (path) => (await disk.status(path)) !== undefined,
    write: (path, text) => writeWhole(disk, path, text, (temporary) => disk.rename(temporary, path)),
    async create(path, text) {
      try {
        await writeWhole(disk, path, text, async (temporary) => {
          await disk.link(temporary, path);
          await disk.unlink(temporary);
        });
        return true;
      } catch (error) {
        if (codeOf(error) === "EEXIST") return false;
        throw error;
      }
    },
    readlink: (path) => disk.target(path).catch(unlessMissing(undefined)),
    set: (path, value) => writeInto(disk, disk.open(path, "existing"), value),
    remove: (path) => disk.unlink(path).catch(unlessMissing(undefined)),
  };
}

async function writeWhole(
  disk: Disk,
  path: string,
  text: string,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const dir = dirname(path);
  const temporary = `${dir}/.${basename(path)}.${process.pid}`;
  const file = await disk.open(temporary, "create").catch(async (error: unknown) => {
    if (!isMissing(error)) throw error;
    await makeDirectories(disk, dir, 0o700);
    return disk.open(temporary, "create");
  });
  try {
    try {
      await disk.write(file, text);
      await disk.sync(file);
    } finally {
      await disk.close(file);
    }
    await place(temporary);
  } catch (error) {
    await disk.unlink(temporary).catch(unlessMissing(undefined));
    throw error;
  }
  await disk.syncDirectory(dir);
}

async function makeDirectories(disk: Disk, dir: string, mode: number): Promise<void> {
  const code = await makeOne(disk, dir, mode);
  if (code !== "ENOENT" || dir === dirname(dir)) return;
  await makeDirectories(disk, dirname(dir), mode);
  await makeOne(disk, dir, mode);
}

async function makeOne(disk: Disk, dir: string, mode: number): Promise<"ENOENT" | undefined> {
  try {
    await disk.makeDirectory(dir, mode);
    await disk.syncDirectory(dirname(dir));
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return code;
    if (code !== "EEXIST") throw error;
  }
  return undefined;
}

async function writeInto(disk: Disk, opened: Promise<number>, text: string): Promise<void> {
  const file = await opened;
  try {
    await disk.write(file, text);
  } finally {
    await disk.close(file);
  }
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EISDIR"].includes(codeOf(error) ?? "");
}

function unlessMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return value;
    throw error;
  };
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
