// A node's own control groups: one in each hierarchy of this machine, which kubelet makes those of its pods in.
import * as fs from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

/** The hierarchies of control groups, or the only one. */
const CGROUPS = "/sys/fs/cgroup";

/** Makes the control groups of the node of that name. */
export function makeCgroups(name: string): void {
  for (const cgroup of cgroups(name)) fs.mkdirSync(cgroup, { recursive: true });
}

/** Are there control groups of that name? */
export function hasCgroups(name: string): boolean {
  return cgroups(name).some((path) => fs.existsSync(path));
}

/**
 * Removes them, and those that are in them, when the last process in one has ended: one that was killed takes its time. If others may
 * use the name too, what is in use stays.
 */
export async function removeCgroups(name: string, { isShared = false } = {}): Promise<void> {
  await until(`the control groups ${name} are removed`, () => {
    removeAll(name, isShared);
    return true;
  });
}

function removeAll(name: string, isShared: boolean): void {
  for (const cgroup of cgroups(name).filter((path) => fs.existsSync(path))) {
    const below = fs.readdirSync(cgroup, { recursive: true, withFileTypes: true });
    const groups = below
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const group of [cgroup, ...groups].sort().reverse()) remove(group, isShared); // the innermost first
  }
}

function remove(group: string, isShared: boolean): void {
  try {
    fs.rmdirSync(group);
  } catch (error) {
    const isOfOthers = ["EBUSY", "ENOTEMPTY", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "");
    if (!isShared || !isOfOthers) throw error;
  }
}

function cgroups(name: string): string[] {
  const single = fs.existsSync(join(CGROUPS, "cgroup.controllers"));
  return (single ? ["."] : fs.readdirSync(CGROUPS)).map((hierarchy) => join(CGROUPS, hierarchy, name));
}
