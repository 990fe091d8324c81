// A process that a runtime's call has started is in the runtime's control group, and would end with its service.
import { readFileSync, writeFileSync } from "node:fs";

/** Moves this process to the root of each hierarchy of control groups, as far as it may. */
export function leaveCgroup(): void {
  const lines = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n");
  for (const line of lines) {
    const [, controllers = ""] = line.split(":");
    const hierarchy = controllers.replace(/^name=/, ""); // empty for version 2, which may be beside those of version 1
    try {
      const file = `/sys/fs/cgroup/${hierarchy}/cgroup.procs`;
      writeFileSync(file, String(process.pid), { flag: "r+" }); // the first directory may be no hierarchy
    } catch {
      // It is not mounted, or not to be written: then it ends with the runtime, and the next call starts another one.
    }
  }
}
