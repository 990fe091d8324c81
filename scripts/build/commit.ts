// Which commit is built.
import { spawnSync } from "node:child_process";

/** The commit of a checkout, with `+changes` if its files differ from that; `unknown` if it is not one of git's. */
export function commitOf(root: string): string {
  const git = (...args: string[]) => {
    const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
    return status === 0 ? stdout.trim() : undefined;
  };
  const commit = git("rev-parse", "--verify", "HEAD");
  if (commit === undefined) return "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}+changes`;
}
