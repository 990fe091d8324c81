// A process that a runtime's call has started is in the runtime's control group, and would end with its service, or be
// counted and limited with it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** There is systemd if this is there. Source: sd_booted(3) */
const SYSTEMD = "/run/systemd/system";
/** How long systemd may take; it is busy while a machine boots. */
const TIMEOUT_MS = 60_000;
/** What a scope is to have. Source: org.freedesktop.systemd1(5), systemd.resource-control(5) */
const PROPERTIES = [
  ["Description", "s", "Plexus, resident process"],
  ["Slice", "s", "system.slice"],
  ["CollectMode", "s", "inactive-or-failed"],
  ["CPUAccounting", "b", "true"],
  ["MemoryAccounting", "b", "true"],
  ["TasksAccounting", "b", "true"],
];

/** Moves this process into a scope of its own; if there is no systemd, or it refuses, out of the runtime's control group. */
export async function leaveCgroup(): Promise<void> {
  if (!existsSync(SYSTEMD) || !(await enterScope(`plexus-resident-${process.pid}.scope`))) enterRoot();
}

/** Asks systemd for a scope with this process in it. */
async function enterScope(name: string): Promise<boolean> {
  const manager = [
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
  ];
  const pids = ["PIDs", "au", "1", String(process.pid)];
  const properties = [String(PROPERTIES.length + 1), ...PROPERTIES.flat(), ...pids];
  const scope = ["StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", ...properties, "0"];
  const { execFile } = process.getBuiltinModule("node:child_process");
  return new Promise((resolve) => {
    const args = ["--quiet", "call", ...manager, ...scope];
    execFile("busctl", args, { timeout: TIMEOUT_MS }, (error) => resolve(error === null));
  });
}

/** Moves this process to the root of each hierarchy of control groups, as far as it may. */
function enterRoot(): void {
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
