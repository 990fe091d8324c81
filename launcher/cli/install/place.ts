// Files of a node: each is written whole, under another name first, so that this works while a runtime reads or executes it.
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { machineDisk, makeDirectories } from "../../host/disk.ts";

/** Writes a file whole, or not at all. */
export async function place(path: string, content: string | Buffer, mode: number): Promise<void> {
  await makeDirectories(machineDisk, dirname(path), 0o755);
  const part = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    fs.writeFileSync(part, content, { mode });
    fs.chmodSync(part, mode); // whatever the umask
    const file = fs.openSync(part, "r");
    try {
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(part, path);
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw error;
  }
}

/** Reads a JSON object; undefined if the text is none. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
