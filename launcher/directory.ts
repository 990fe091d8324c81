import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** Makes a directory and its parents. (Node's own `recursive` never ends where a parent can have none, as in /proc.) */
export function makeDirectory(dir: string, mode: number): void {
  try {
    mkdirSync(dir, mode);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dir === dirname(dir)) throw error;
    makeDirectory(dirname(dir), mode);
    mkdirSync(dir, mode);
  }
}
