// Whose each file in the state directory is: the container's whose call has written it. Nobody else may touch it.
import { basename } from "node:path";
import type { Disk } from "./disk.ts";
import { ORPHANS_DIR, orphansOf } from "./leftovers.ts";
import { CNI_DIR, type Machine } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";

export interface FileOwner {
  containerId: string;
  /** The interface name that the runtime gave; of a scratch file, in which several can be, that of its last writer. */
  ifname: string;
}

export class Ownership {
  private readonly owners = new Map<string, FileOwner>();
  private readonly calls = new Map<Process, RuntimeCall>();

  constructor(
    private readonly machine: Machine,
    disk: Disk,
  ) {
    disk.touched = (process, path, from) => this.touched(process, path, from);
  }

  /** A process carries out a call. */
  carriesOut(process: Process, call: RuntimeCall): void {
    this.calls.set(process, call);
    process.onEnd(() => this.calls.delete(process));
  }

  /** The files that a call for this attachment has written, and that are still there, and are not of others too. */
  filesOf(containerId: string, ifname: string): string[] {
    return [...this.owners].flatMap(([path, owner]) => {
      if (owner.containerId !== containerId || !this.machine.disk.exists(path)) return [];
      if (path.startsWith(ORPHANS_DIR) || this.isOfOrphan(path)) return []; // they stay until a GC has detached them
      const scratch = `${CNI_DIR}/${containerId}`;
      if (path === scratch) return this.scratch(path, ifname);
      // What a writer that was killed has left goes with the container's last attachment.
      if (isTemporary(path)) return this.machine.disk.exists(scratch) ? [] : path;
      return owner.ifname === ifname ? path : [];
    });
  }

  /** Who has a VF is on record until it is given back. */
  private isOfOrphan(path: string): boolean {
    if (!path.startsWith(`${CNI_DIR}/sriov/`) || isTemporary(path)) return false;
    const { containerId, ifname } = JSON.parse(this.machine.disk.peek(path) ?? "{}") as Partial<FileOwner>;
    return orphansOf(this.machine).has(`${containerId} ${ifname}`);
  }

  /** A scratch file counts as long as it has something of the attachment, or nothing of any. */
  private scratch(path: string, ifname: string): string[] {
    try {
      const entries = JSON.parse(this.machine.disk.peek(path) ?? "") as { runtimeIfName?: string }[];
      const isForeign = entries.length > 0 && entries.every(({ runtimeIfName }) => runtimeIfName !== ifname);
      return isForeign ? [] : [path];
    } catch {
      return [path];
    }
  }

  private touched(process: Process, path: string, from: string | undefined): void {
    const call = this.calls.get(process);
    if (call === undefined || !path.startsWith(`${CNI_DIR}/`)) return;
    // GC takes out of a scratch file what it has undone.
    if (call.verb === "GC" && this.machine.disk.exists(path)) return;
    if (isOfNobody(path, this.machine.running)) {
      this.owners.delete(path);
      return;
    }
    const before = this.owners.get(path);
    // A VF whose owner is gone may be taken back: who has it is another question (Invariants.deviceTouched).
    const isAllocation = path.startsWith(`${CNI_DIR}/sriov/`);
    if (before && !isAllocation)
      this.machine.touches(call, { ...before, ifname: this.ifnameFor(call, path, before) }, path);
    if (from !== undefined) this.owners.delete(from);
    if (this.machine.disk.exists(path))
      this.owners.set(path, { containerId: call.containerId, ifname: call.ifname });
    else this.owners.delete(path);
  }

  /** A scratch file is of all calls for its container, and so are temporary ones. */
  private ifnameFor(call: RuntimeCall, path: string, { ifname }: FileOwner): string {
    const isOfOne = path.startsWith(`${CNI_DIR}/results/`) || path.startsWith(ORPHANS_DIR);
    return isOfOne && !isTemporary(path) ? ifname : call.ifname;
  }
}

/** Whoever meets a temporary file removes it, if its writer is gone: its name says who that is. */
function isOfNobody(path: string, running: ReadonlySet<number>): boolean {
  const writer = /^\.plexus-(\d+)-/.exec(basename(path))?.[1];
  return writer !== undefined && !running.has(Number(writer));
}

function isTemporary(path: string): boolean {
  return basename(path).startsWith(".");
}
