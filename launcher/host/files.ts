// Small files on a disk: read, and written whole or not at all.
import { basename, dirname } from "node:path";
import { type Disk, makeDirectories, type ProcessName } from "./disk.ts";
import { Durable } from "./durable.ts";
import { type Host, TooLarge } from "./host.ts";

type Files = Omit<
  Host,
  "prepare" | "execute" | "configure" | "showLink" | "sysctl" | "moveRdma" | "grpc" | "rotate"
>;

/**
 * How a file is called until it is whole, and a mark, which has the name of what it marks too: by its writer, so that anyone
 * can tell when that is gone. The shim has the same.
 */
const TEMPORARY = /^\.plexus-(\d+-\d+)-\d+(?:\..+)?\.tmp$/;

/** The part of the Host port that a file system is enough for. */
export function filesOn(disk: Disk): Files {
  let written = 0;
  const durable = new Durable(disk);
  const nameTemporary = async (dir: string, of = "") =>
    `${dir}/.plexus-${await disk.process()}-${++written}${of}.tmp`;
  const writeWhole = async (path: string, text: string, place: (temporary: string) => Promise<void>) =>
    writeAs({ disk, durable }, await nameTemporary(dirname(path)), path, text, place);
  return {
    async find(name, dirs) {
      for (const dir of dirs) {
        const path = `${dir}/${name}`;
        const status = await disk.status(path);
        if (status?.kind === "file" && status.isExecutable) return path;
      }
      return undefined;
    },

    read: (path, limit) =>
      disk.read(path, limit).catch((error: unknown) => {
        if (codeOf(error) === "EFBIG") throw new TooLarge(path);
        return unlessMissing(undefined)(error);
      }),
    list: async (dir) => (await disk.list(dir).catch(unlessMissing([]))).toSorted(),
    isDirectory: async (path) => (await disk.status(path))?.kind === "directory",
    exists: async (path) => (await disk.status(path)) !== undefined,
    size: async (path) => (await disk.status(path))?.size ?? 0,
    write: (path, text) => writeWhole(path, text, (temporary) => disk.rename(temporary, path)),

    async writeSoon(path, text) {
      const temporary = await nameTemporary(dirname(path));
      await placing(disk, temporary, async () => {
        await writeInto(disk, openNew({ disk, durable }, temporary), text);
        await disk.rename(temporary, path);
      });
    },

    settle(dir, names) {
      const files = names.map((name) =>
        closing(disk, disk.open(`${dir}/${name}`, "existing"), (file) => disk.sync(file)),
      );
      return inFull([...files, disk.syncDirectory(dir), durable.require(dir)]);
    },

    async create(path, text) {
      try {
        await writeWhole(path, text, async (temporary) => {
          await disk.link(temporary, path);
          await disk.unlink(temporary);
        });
        return true;
      } catch (error) {
        if (codeOf(error) === "EEXIST") return false;
        throw error;
      }
    },

    async append(path, text) {
      const file = disk.open(path, "append").catch(async (error: unknown) => {
        if (!isMissing(error)) throw error;
        await makeDirectories(disk, dirname(path), 0o755);
        durable.forget();
        return disk.open(path, "append");
      });
      await writeInto(disk, file, text);
    },
    readlink: (path) => disk.target(path).catch(unlessMissing(undefined)),
    set: (path, value) => writeInto(disk, disk.open(path, "existing"), value), // never made: sysfs is the kernel's

    async remove(path) {
      await disk.unlink(path).catch((error: unknown) => {
        if (!["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) throw error;
      });
    },

    async clearTemporaries(dir) {
      for (const name of await disk.list(dir).catch(unlessMissing([]))) {
        const writer = TEMPORARY.exec(name)?.[1] as ProcessName | undefined;
        if (writer === undefined || (await disk.isRunning(writer))) continue;
        await disk.unlink(`${dir}/${name}`).catch(unlessMissing(undefined));
      }
    },

    async mark(path) {
      const mark = await nameTemporary(dirname(path), `.${basename(path)}`);
      await disk.close(await openNew({ disk, durable }, mark));
      return mark;
    },

    sync: (dir) => disk.syncDirectory(dir).catch(unlessMissing(undefined)),
  };
}

/**
 * Writes and syncs a file beside `path`, which `place` then gives its name, and makes that name last too. So after a loss of
 * power there is all of the file, or the one before.
 */
async function writeAs(
  { disk, durable }: { disk: Disk; durable: Durable },
  temporary: string,
  path: string,
  text: string,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const file = openNew({ disk, durable }, temporary);
  await placing(disk, temporary, async () => {
    await closing(disk, file, async (opened) => {
      await disk.write(opened, text);
      await inFull([disk.sync(opened), durable.require(dirname(path))]);
    });
    await place(temporary);
  });
  await disk.syncDirectory(dirname(path));
}

/** Removes the temporary file if `work`, which gives it its name, fails. */
async function placing(disk: Disk, temporary: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await disk.unlink(temporary).catch(unlessMissing(undefined));
    throw error;
  }
}

/** Closes the file when `work` has ended. */
async function closing(
  disk: Disk,
  opened: Promise<number>,
  work: (file: number) => Promise<void>,
): Promise<void> {
  const file = await opened;
  try {
    await work(file);
  } finally {
    await disk.close(file);
  }
}

/** Waits for all, which the disk does at once; throws the first error then. */
async function inFull(all: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(all)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

/** Makes a file, with its directory if that is missing. */
function openNew({ disk, durable }: { disk: Disk; durable: Durable }, path: string): Promise<number> {
  return disk.open(path, "create").catch(async (error: unknown) => {
    if (!isMissing(error)) throw error;
    await makeDirectories(disk, dirname(path), 0o700);
    durable.forget();
    return disk.open(path, "create");
  });
}

function writeInto(disk: Disk, opened: Promise<number>, text: string): Promise<void> {
  return closing(disk, opened, (file) => disk.write(file, text));
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EISDIR"].includes(codeOf(error) ?? "");
}

/** Replaces the error of a missing file by `value`. */
function unlessMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return value;
    throw error;
  };
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
