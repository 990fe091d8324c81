// Which files of the repository the site may show.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";

/**
 * Returns the files that git keeps, and no other: what somebody has put beside them, as a key, is not for a site. Undefined for a
 * directory that is not a checkout, as an unpacked release: what is in it beside the release is not known there.
 */
export function keptFiles(root: string): ReadonlySet<string> | undefined {
  // A release that is unpacked below somebody's checkout is not one.
  if (!fs.existsSync(join(root, ".git"))) return undefined;
  const { status, stdout, stderr } = spawnSync("git", ["ls-files", "--cached", "-z"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  if (status !== 0)
    throw new Error(`git ls-files: ${stderr?.trim() || "git is not there"}; mend the checkout`);
  return new Set(stdout.split("\0").filter((path) => path !== "" && fs.existsSync(join(root, path))));
}
