// What must hold, whatever happens: asked after each call that was answered, and at the end of a history.
import type { Answer } from "../../launcher/attach/verbs.ts";
import { checkAttached } from "./attached.ts";
import { ORPHANS_DIR, report, reportFiles, resources } from "./leftovers.ts";
import { CNI_DIR, type Machine } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Ownership } from "./ownership.ts";
import type { Pods } from "./pods.ts";
import type { Container } from "./runtime.ts";
import { isOfVfs, type Setup, vfOf, type Wanted } from "./setup.ts";

/** So long a call may take that no plugin and no disk disturbs, however the API server answers. */
const LIMITS_MS: Record<RuntimeCall["verb"], number> = {
  ADD: 120_000,
  DEL: 15_000,
  CHECK: 15_000,
  GC: 15_000,
  STATUS: 15_000,
};

/**
 * So long it may wait for its turn then: a DEL for other DELs, while they work; nothing but an ADD for an ADD, whatever that
 * waits for.
 */
const WAITS_MS: Record<RuntimeCall["verb"], number> = {
  ADD: 120_000,
  DEL: 1_000,
  CHECK: 50,
  GC: 1_000,
  STATUS: 50,
};

/** How the node was when a call began. */
interface Begun {
  ms: number;
  undoing: number;
  attaching: number;
  /** What the runtime knew of the container. */
  known: Container["known"];
}

export class Invariants {
  private readonly begun = new Map<number, Begun>();
  /** The containers that have VFs, by their addresses. */
  private readonly holders = new Map<string, { containerId: string; ifname: string }>();

  constructor(
    private readonly machine: Machine,
    private readonly setup: Setup,
    private readonly pods: Pods,
    private readonly ownership: Ownership,
  ) {}

  began(call: RuntimeCall, { known }: Container): void {
    if (call.verb === "DEL") this.released(call.containerId);
    const { disk, timeline, troubles } = this.machine;
    const { attaching, undoing } = troubles;
    // On a disk that fails already, everything is disturbed.
    const isWell = disk.fault === undefined && !this.machine.isIncomplete;
    this.begun.set(call.id, {
      ms: timeline.now(),
      undoing: isWell ? undoing : -1,
      attaching: this.canAttach(call) ? attaching : -1,
      known,
    });
  }

  /** A call was answered: is all as the answer says? */
  answered(call: RuntimeCall, container: Container, answer: Answer): void {
    this.checkAnswer(call, answer);
    const { containerId, ifname, verb } = call;
    const when = `after ${verb} ${containerId} ${ifname} #${call.id}`;
    const isDone = answer.exitCode === 0;
    const since = this.begun.get(call.id)?.ms ?? 0;
    if (verb === "DEL" && isDone) {
      const left = resources(this.machine, containerId, ifname);
      report(this.machine, "left-after-del", when, left);
      reportFiles(this.machine, "left-after-del", when, this.ownership.filesOf(containerId, ifname));
    }
    if (verb === "ADD" && isDone)
      this.taken(call, container, checkAttached(this.own(), call, container, since));
    if (verb === "DEL" && isDone) this.checkRestored(when, vfOf(this.setup, container));
    if (!isDone) this.checkFailure(call, container, answer);
    if (this.isUndisturbed(call)) this.checkTime(call, since);
  }

  /** A container has no VF any more: it is being deleted, or its network namespace is gone. Without a name: all. */
  released(containerId?: string): void {
    for (const [address, owner] of this.holders) {
      if (containerId === undefined || owner.containerId === containerId) this.holders.delete(address);
    }
  }

  /** Nobody touches a VF that a container has, but calls for that container. */
  deviceTouched(call: RuntimeCall, address: string, what: string): void {
    const owner = this.holders.get(address);
    if (owner) this.machine.touches(call, owner, `VF ${address}: ${what}`);
  }

  /** The runtime gave up: nothing of Plexus may take that long, unless a plugin does. */
  lost(call: RuntimeCall): void {
    if (!this.isUndisturbed(call)) return;
    // One that hangs without a limit keeps its call's slot, until the runtime gives that call up.
    if (this.machine.hasSlowPlugin && this.setup.mode !== "one-shot") return;
    this.machine.violated("call-does-not-end", `${call.verb} ${call.containerId} ${call.ifname}`);
  }

  /** When all containers are deleted, nothing is left of any. */
  nothingAtAll(): void {
    report(this.machine, "left-at-the-end", "at the end", resources(this.machine));
    // An attachment whose plugin refuses to delete it stays an orphan.
    const files = this.machine.disk.files(CNI_DIR);
    const left = files.filter((path) => !path.startsWith(ORPHANS_DIR) || !this.machine.hasRefused);
    reportFiles(this.machine, "left-at-the-end", "at the end", left);
    for (const address of this.machine.devices?.changed() ?? []) this.checkRestored("at the end", address);
    for (const name of this.pods.strangersWithStatus()) {
      this.machine.violated(
        "foreign-status",
        `${name} has the network-status of a pod that had its name before`,
      );
    }
  }

  /** A file that has its name is whole; one of the result cache, once its ADD has succeeded (attached.ts sees to that). */
  filesAreWhole(): void {
    const { disk } = this.machine;
    for (const path of disk.files(CNI_DIR)) {
      if (path.includes("/.") || path.startsWith(`${CNI_DIR}/results/`)) continue;
      try {
        JSON.parse(disk.peek(path) ?? "");
      } catch {
        this.machine.violated("torn-file", path);
      }
    }
  }

  /** Two containers never have one VF. */
  private taken(call: RuntimeCall, container: Container, wanted: Wanted[]): void {
    const name = this.setup.networks.find(isOfVfs)?.name;
    if (name === undefined || !wanted.some(({ network }) => network === name)) return;
    const address = vfOf(this.setup, container);
    const other = this.holders.get(address);
    const isOther =
      other !== undefined && (other.containerId !== call.containerId || other.ifname !== call.ifname);
    if (isOther)
      this.machine.violated("vf-shared", `${address}: ${other.containerId} and ${call.containerId}`);
    this.holders.set(address, { containerId: call.containerId, ifname: call.ifname });
  }

  /** A VF that nobody has is as it was at boot. */
  private checkRestored(when: string, address: string): void {
    const { devices, disk } = this.machine;
    if (!devices?.changed().includes(address) || disk.exists(`${CNI_DIR}/sriov/${address}`)) return;
    this.machine.violated("vf-not-restored", `${when}: ${devices.difference(address)}`);
  }

  private own() {
    return { machine: this.machine, setup: this.setup, pods: this.pods };
  }

  private isUndisturbed({ id }: RuntimeCall): boolean {
    return this.begun.get(id)?.undoing === this.machine.troubles.undoing;
  }

  /** Is nothing there that could keep an ADD from succeeding? */
  private canAttach({ containerId }: RuntimeCall): boolean {
    const { machine } = this;
    if (machine.troubles.isLasting || machine.disk.fault !== undefined) return false;
    if (machine.internet.outage !== undefined && machine.isOutageFelt) return false;
    return (
      !machine.hasOrphans(containerId) && !resources(machine, containerId).some(({ isOrphan }) => isOrphan)
    );
  }

  /** A call may fail for a reason only; an ADD that fails has attached nothing. */
  private checkFailure(call: RuntimeCall, container: Container, { stdout }: Answer): void {
    const { machine } = this;
    const { containerId, ifname, verb } = call;
    const what = `${verb} ${containerId} ${ifname} #${call.id}`;
    const begun = this.begun.get(call.id);
    if (!this.isUndisturbed(call)) return;
    // Its scratch file stays, for the DEL that follows.
    if (verb === "ADD")
      report(machine, "left-after-failed-add", `after ${what}`, resources(machine, containerId, ifname));
    const isAttached = resources(machine, containerId, ifname).length > 0; // for a pod that is gone, nothing is
    const isCheckable = begun?.known === "attached" && container.known === "attached" && isAttached;
    const canAttach = begun?.attaching === machine.troubles.attaching && this.canAttach(call);
    const mayFail = {
      ADD: !canAttach,
      DEL: false,
      CHECK: !isCheckable || this.setup.hotPlug,
      GC: false,
      STATUS: !canAttach,
    };
    if (!mayFail[verb]) machine.violated("fails-needlessly", `${what}: ${stdout.trim()}`);
  }

  private checkTime(call: RuntimeCall, since: number): void {
    const took = this.machine.timeline.now() - since;
    const what = `${call.verb} ${call.containerId} took ${Math.round(took)} ms`;
    const waited = Math.round(call.waitedMs);
    const isExcused = this.machine.hasSlowPlugin || this.machine.gate !== undefined; // whom that holds keeps its slot too
    const isBesideJobs = this.setup.hotPlug && call.verb === "CHECK"; // it waits for one that works, or asks the API server
    if (took - (isExcused || isBesideJobs ? waited : 0) > LIMITS_MS[call.verb])
      this.machine.violated("too-slow", what);
    if (!isExcused && !isBesideJobs && waited > WAITS_MS[call.verb])
      this.machine.violated("waits-too-long", `${what}, ${waited} ms of it for its turn`);
  }

  private checkAnswer({ verb, containerId }: RuntimeCall, { exitCode, stdout }: Answer): void {
    const what = `${verb} ${containerId}: ${exitCode} ${stdout.trim()}`;
    if (exitCode === 0 && verb !== "ADD") {
      if (stdout !== "") this.machine.violated("odd-answer", what);
      return;
    }
    const { code, msg, cniVersion } = JSON.parse(stdout) as {
      code?: number;
      msg?: string;
      cniVersion?: string;
    };
    const isOdd = typeof cniVersion !== "string" || (exitCode !== 0 && (typeof code !== "number" || !msg));
    if (isOdd) this.machine.violated("odd-answer", what);
    if (/is not a function|of undefined|of null|is not iterable|is not defined/.test(msg ?? "")) {
      this.machine.violated("exception", what);
    }
  }
}
