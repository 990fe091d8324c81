// Which commit is built, and from when it is.
import { spawnSync } from "node:child_process";

/** The commit of a checkout, with `+changes` if its files differ from that; `unknown` if it is not one of git's. */
export function commitOf(root: string): string {
  const commit = git(root, "rev-parse", "--verify", "HEAD");
  if (commit === undefined) return "unknown";
  return git(root, "status", "--porcelain") === "" ? commit : `${commit}+changes`;
}

/** When it was committed, in seconds since 1970; 0 if that is unknown. */
export function timeOf(root: string): number {
  return Number(git(root, "log", "-1", "--format=%ct") ?? 0);
}

function git(cwd: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
