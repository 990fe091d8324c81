// The host is the machine this process runs on.
import { lazy } from "../lazy.ts";
import { machineDisk } from "./disk.ts";
import { childProcess, execute, executeBeside } from "./execute.ts";
import { filesOn } from "./files.ts";
import type { Host } from "./host.ts";
import { networkBy } from "./iproute.ts";

const files = filesOn(machineDisk);

export const localHost: Host = {
  ...files,
  ...networkBy({ find: files.find, execute }),
  // /sys may be of another network namespace.
  links: async () => namesOf((await files.read("/proc/self/net/dev")) ?? ""),
  prepare: childProcess,
  execute,
  rotate: async (path, options) => (await import("./rotate.ts")).rotate(path, options), // it loads zlib
  grpc: (socket, method, limitMs) => lazy("grpc").callMethod(socket, method, limitMs),
};

/** Returns the names in /proc/net/dev, which has two lines of headings: proc_pid_net(5). */
function namesOf(table: string): string[] {
  return table
    .split("\n")
    .slice(2)
    .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);
}

/** The same, with delegates that are executed beside each other. */
export const parallelHost: Host = {
  ...localHost,
  ...networkBy({ find: files.find, execute: executeBeside }),
  execute: executeBeside,
};
