// The calls to a file system that Plexus makes, one by one: between any two of them its process can be killed, or the
// power lost. The machine's own are at the end; the simulator has others.
import * as fs from "node:fs";
import { dirname } from "node:path";
import { readRegularText } from "../regular.ts";
import { MAX_STATE_FILE } from "../sizes.ts";

export interface FileStatus {
  kind: "file" | "directory" | "other";
  /** May anybody execute it? */
  isExecutable: boolean;
  /** Bytes. */
  size: number;
  /** When it was last written to, in milliseconds since 1970. */
  changed: number;
}

/**
 * `create` makes the file, mode 0600, or empties the one that is there; `append` makes it, or goes on at its end;
 * `existing` never makes one.
 */
export type OpenMode = "create" | "append" | "existing";

/** The name of a process among all that run between two boots: its PID, and when it has started, in ticks since the boot. */
export type ProcessName = `${number}-${number}`;

/** Each method rejects with an error that has the `code` of the system's, such as ENOENT. */
export interface Disk {
  /** Reads a file as launcher/regular.ts does; what is the state's own is no link, and may be larger. */
  read(path: string, whose?: "own"): Promise<string>;
  list(dir: string): Promise<string[]>;
  /** Follows links. Undefined if there is nothing. */
  status(path: string): Promise<FileStatus | undefined>;
  /** The target of a symbolic link. */
  target(path: string): Promise<string>;
  open(path: string, mode: OpenMode): Promise<number>;
  write(file: number, content: string | Uint8Array): Promise<void>;
  /** Resolves when the file's content survives a loss of power. */
  sync(file: number): Promise<void>;
  close(file: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name; EEXIST if that is taken. */
  link(existing: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  makeDirectory(dir: string, mode: number): Promise<void>;
  /** Resolves when the names in the directory survive a loss of power. */
  syncDirectory(dir: string): Promise<void>;
  /** The name of the process that makes these calls. */
  process(): Promise<ProcessName>;
  /** Does the process still run? So far as it can be told. */
  isRunning(process: ProcessName): Promise<boolean>;
}

const FLAGS: Record<OpenMode, number> = {
  create: fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC,
  // It must not wait for a FIFO's reader.
  append: fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND | fs.constants.O_NONBLOCK,
  existing: fs.constants.O_WRONLY | fs.constants.O_NONBLOCK,
};

/** Synchronously, but for what waits for the hardware: the rest takes less time than a thread for it. */
export const machineDisk: Disk = {
  read: async (path, whose) =>
    readRegularText(path, whose === "own" ? { follows: false, limit: MAX_STATE_FILE } : {}),
  list: async (dir) => fs.readdirSync(dir),

  async status(path) {
    const status = fs.statSync(path, { throwIfNoEntry: false });
    if (!status) return undefined;
    const kind = status.isFile() ? "file" : status.isDirectory() ? "directory" : "other";
    const isExecutable = (status.mode & 0o111) !== 0;
    return { kind, isExecutable, size: status.size, changed: status.mtimeMs };
  },

  target: async (path) => fs.readlinkSync(path),
  open: async (path, mode) => fs.openSync(path, FLAGS[mode], 0o600),
  write: async (file, content) => fs.writeFileSync(file, content),
  sync: (file) => flushed((done) => fs.fdatasync(file, done)),
  close: async (file) => fs.closeSync(file),
  rename: async (from, to) => fs.renameSync(from, to),
  link: async (existing, path) => fs.linkSync(existing, path),
  unlink: async (path) => fs.unlinkSync(path),
  makeDirectory: async (dir, mode) => void fs.mkdirSync(dir, mode),

  async syncDirectory(dir) {
    const directory = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await flushed((done) => fs.fsync(directory, done));
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      if (!["EINVAL", "ENOSYS", "ENOTSUP"].includes(code)) throw error; // some file systems have no such thing
    } finally {
      fs.closeSync(directory);
    }
  },

  process: async () => `${process.pid}-${startOf(process.pid)}`,

  async isRunning(name) {
    const [pid = 0, start] = name.split("-").map(Number);
    try {
      return startOf(pid) === start;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== "ENOENT";
    }
  },
};

/** Reads when a process has started. Source: proc_pid_stat(5), field 22; the second may have spaces and parentheses in it. */
function startOf(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}

/** Makes a directory and its parents. (Node's own `recursive` never ends where a parent can have none, as in /proc.) */
export async function makeDirectories(disk: Disk, dir: string, mode: number): Promise<void> {
  const code = await makeOne(disk, dir, mode);
  if (code !== "ENOENT" || dir === dirname(dir)) return;
  await makeDirectories(disk, dirname(dir), mode);
  await makeOne(disk, dir, mode);
}

/** Another process may have made it meanwhile. Returns ENOENT if its parent is missing. */
async function makeOne(disk: Disk, dir: string, mode: number): Promise<"ENOENT" | undefined> {
  try {
    await disk.makeDirectory(dir, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return code;
    if (code !== "EEXIST") throw error;
  }
  return undefined;
}

function flushed(flush: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => flush((error) => (error ? reject(error) : resolve())));
}
