// The directories of a conf are absolute paths: a runtime may execute a plugin anywhere, and each call elsewhere.
import { Code, Fault } from "../fault.ts";
import type { Call } from "./call.ts";

const DIRECTORIES = ["confDir", "cniDir", "binDir", "kubeletRoot"] as const;

/**
 * Throws a Fault if one is relative: what an ADD would write, no DEL would find. A DEL and a GC do not ask: of such an ADD there is
 * nothing to undo, and what an older version has attached so is found only from where that was called.
 */
export function requireAbsolute({ settings }: Pick<Call, "settings">): void {
  const relative = DIRECTORIES.find((key) => !settings[key].startsWith("/"));
  if (relative === undefined) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `the conf: \`${relative}\` is ${JSON.stringify(settings[relative])}, which is not an absolute path: each call may be made in ` +
      "another directory; write it from / on",
  );
}
