// Notes which programs of others the tiers have worked with, for docs/support.md.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DIR = fileURLToPath(new URL("../../build/ran", import.meta.url));

/**
 * Notes them for a tier, with the versions that they say they have.
 *
 * @param programs name for people -> path; with what it is asked by, unless that is `--version`
 */
export function noteParts(
  tier: string,
  programs: Record<string, string | [path: string, ask: string]>,
): void {
  const versions = Object.entries(programs).map(([name, program]) => {
    const [path, ask] = typeof program === "string" ? [program, "--version"] : program;
    const { stdout } = spawnSync(path, [ask], { encoding: "utf8" });
    return [name, /\d+\.\d+[\w.+~-]*/.exec(stdout ?? "")?.[0] ?? "unknown"];
  });
  const parts = {
    Linux: release().split("-")[0],
    architecture: process.arch,
    ...Object.fromEntries(versions),
  };
  fs.mkdirSync(DIR, { recursive: true });
  fs.writeFileSync(join(DIR, `${tier}.json`), `${JSON.stringify(parts)}\n`);
}
