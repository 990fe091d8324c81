// Files of a node: each is written whole, under another name first, so that this works while a runtime reads or executes it.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { machineDisk, makeDirectories } from "../../host/disk.ts";
import { readRegularText } from "../../regular.ts";
import { refusal } from "../refusal.ts";

/** Nobody writes a file for so long: what is older is of a process that was killed. */
const ABANDONED_MS = 300_000;

/**
 * Removes what processes have left that were killed while they placed files of these names.
 *
 * @param ageMs how old it is at least
 * @returns the paths
 */
export function removeParts(dir: string, names: readonly string[], ageMs = ABANDONED_MS): string[] {
  const found = fs.existsSync(dir) ? fs.readdirSync(dir) : [];
  const paths = found
    .filter((name) => /\.[0-9a-f]{8}$/.test(name) && names.some((one) => `.${one}` === name.slice(0, -9)))
    .map((name) => join(dir, name))
    .filter((path) => {
      const status = fs.lstatSync(path, { throwIfNoEntry: false });
      return status?.isFile() && status.mtimeMs <= Date.now() - ageMs;
    });
  for (const path of paths) fs.rmSync(path, { force: true });
  return paths;
}

/** Writes a file whole, or not at all. Returns whether it had to be written. */
export async function place(path: string, content: string | Buffer, mode: number): Promise<boolean> {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  const bytes = Buffer.from(content);
  const isAlike = status?.isFile() && (status.mode & 0o7777) === mode && status.size === bytes.length;
  if (isAlike && fs.readFileSync(path).equals(bytes)) return false;
  await replace(path, mode, (part) => fs.writeFileSync(part, bytes, { mode }));
  return true;
}

/** The same with the content of another file, which never is in memory as a whole. */
export async function copy(from: string, path: string, mode: number): Promise<boolean> {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  if (status?.isFile() && (status.mode & 0o7777) === mode && areEqual(from, path)) return false;
  await replace(path, mode, (part) => fs.copyFileSync(from, part, fs.constants.COPYFILE_FICLONE));
  return true;
}

/** Makes a directory, and those that it is in. */
export async function requireDirectory(dir: string, mode: number): Promise<void> {
  try {
    await makeDirectories(machineDisk, dir, mode);
  } catch (error) {
    throw refusal("make", dir, error);
  }
}

async function replace(path: string, mode: number, write: (part: string) => void): Promise<void> {
  await requireDirectory(dirname(path), 0o755);
  // By chance: in each container the process may have the number 1.
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}`);
  try {
    write(part);
    fs.chmodSync(part, mode); // whatever the umask
    const file = fs.openSync(part, "r");
    try {
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(part, path);
    await machineDisk.syncDirectory(dirname(path));
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw refusal("write", path, error);
  }
}

const PIECE = 1 << 20;

export function areEqual(one: string, other: string): boolean {
  if (fs.statSync(one).size !== fs.statSync(other).size) return false;
  const files = [fs.openSync(one, "r"), fs.openSync(other, "r")] as const;
  const [first, second] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)];
  try {
    for (;;) {
      const count = fs.readSync(files[0], first);
      if (fs.readSync(files[1], second) !== count) return false;
      if (count === 0) return true;
      if (!first.subarray(0, count).equals(second.subarray(0, count))) return false;
    }
  } finally {
    for (const file of files) fs.closeSync(file);
  }
}

export function exists(path: string): boolean {
  return fs.existsSync(path);
}

/** The text of a file that has been named. */
export function readNamed(path: string): string {
  try {
    return readRegularText(path);
  } catch (error) {
    throw refusal("read", path, error);
  }
}

/** A file's text; undefined if there is none. */
export function readText(path: string): string | undefined {
  try {
    return readRegularText(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw refusal("read", path, error);
  }
}

/** Parses JSON so that JSON.stringify writes each number as it was: integers above 2^53 stay what they are. */
export function parseExactly(text: string): unknown {
  type Exact = { rawJSON(source: string): unknown };
  return JSON.parse(text, ((_key: string, value: unknown, context: { source: string }) =>
    typeof value === "number" ? (JSON as unknown as Exact).rawJSON(context.source) : value) as never);
}

/** Reads a JSON object, its numbers as `parse` has them; undefined if the text is none. */
export function objectIn(
  text: string,
  parse: (text: string) => unknown = parseExactly,
): Record<string, unknown> | undefined {
  try {
    const value = parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A number as `parseExactly` has it has no prototype. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
