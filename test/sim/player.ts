// The history is played: its steps, one after the other, on the node; the runtime makes the calls. In the end all is well, and
// every container is deleted.
import type { Core } from "../../packages/core/index.ts";
import { Convergence } from "./convergence.ts";
import { STAYING } from "./edits.ts";
import { Gate } from "./gate.ts";
import type { Action, Beside, History } from "./history.ts";
import { Invariants } from "./invariants.ts";
import { BIN_DIR, CNI_DIR, type Machine } from "./machine.ts";
import type { PluginStart, RuntimeCall } from "./network.ts";
import { runOneShot } from "./oneshot.ts";
import { Order } from "./order.ts";
import { Ownership } from "./ownership.ts";
import { Pods } from "./pods.ts";
import type { Process } from "./process.ts";
import { Resident } from "./resident.ts";
import { type Container, Runtime } from "./runtime.ts";
import { type ContainerSetup, confOf, elementsOf, everyonesNetworks, isVfShared } from "./setup.ts";

/** Where the kubelet keeps it: launcher/device/kubelet.ts. */
const CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
/** How often the runtime sends a DEL at the end, when nothing is wrong any more but confs that are refused. */
const LAST_DELS = 21;

export class Player {
  hasEnded = false;
  readonly runtime: Runtime;
  private readonly invariants: Invariants;
  private readonly pods: Pods;
  private readonly resident: Resident | undefined;
  private readonly convergence: Convergence;
  /** What each container's calls wait for: those before. */
  private readonly queues = new Map<string, Promise<void>>();

  constructor(
    core: Core,
    private readonly machine: Machine,
    private readonly history: History,
    isTraced: boolean,
  ) {
    const { setup } = history;
    this.pods = new Pods(machine.internet.server, machine.timeline, setup);
    machine.disk.put(CHECKPOINT, this.pods.checkpoint());
    const ownership = new Ownership(machine, machine.disk);
    this.invariants = new Invariants(machine, setup, this.pods, ownership);
    this.convergence = new Convergence({ machine, pods: this.pods, setup }, history.seed);
    const order = new Order(machine, setup);
    // Who wants a VF that another one has, is refused.
    if (isVfShared(setup)) machine.troubles.isLasting = true;
    machine.deviceTouched = (call, address, what) => this.invariants.deviceTouched(call, address, what);
    machine.pluginStarted = (call, start) => {
      order.started(call, start);
      this.plugged(call, start);
    };
    const conf = {
      cniVersion: "1.1.0",
      name: "node",
      type: "plexus",
      cniDir: CNI_DIR,
      binDir: BIN_DIR,
      attach: setup.attach,
      delegateTimeoutSeconds: setup.delegateTimeoutSeconds,
      logLevel: isTraced ? "verbose" : "panic",
      logToStderr: isTraced,
      delegates: everyonesNetworks(setup).map((network) => confOf(setup, network)),
    };
    const program = {
      core,
      machine,
      kubernetes: setup.kubernetes,
      isDaemon: setup.mode === "daemon",
      // As CRI-O sends it: `null`, if there is no valid attachment.
      confFor: ({ valid }: { valid?: unknown[] }) =>
        JSON.stringify(
          valid === undefined
            ? conf
            : { ...conf, "cni.dev/valid-attachments": valid.length > 0 ? valid : null },
        ),
    };
    const jobBegan = (shim: Process, call: RuntimeCall) => ownership.carriesOut(shim, call);
    const resident =
      setup.mode === "one-shot"
        ? undefined
        : new Resident({ ...program, jobBegan: setup.hotPlug ? jobBegan : undefined });
    const carryOut = (process: Process, call: RuntimeCall) => {
      ownership.carriesOut(process, call);
      return resident ? resident.call(process, call) : runOneShot(program, process, call);
    };
    const argsFor = (container: ContainerSetup) => this.pods.argsFor(container);
    this.resident = resident;
    this.runtime = new Runtime(machine, { carryOut, argsFor, observer: this.invariants }, setup.containers);
  }

  async play(): Promise<void> {
    for (const step of this.history.steps) {
      await this.machine.timeline.sleep(step.waitMs);
      this.begin(step);
    }
    await this.ended();
    await this.finish();
    this.hasEnded = true;
  }

  private begin(action: Action): void {
    const { machine, runtime } = this;
    switch (action.do) {
      case "ADD":
      case "DEL":
      case "CHECK": {
        const container = this.container(action.container);
        this.queue(container, async () => {
          // The spec: no second ADD of what is attached.
          const verb = action.do === "ADD" && container.known === "attached" ? "CHECK" : action.do;
          await runtime.call(verb, container, action);
        });
        return;
      }
      case "GC":
      case "STATUS": {
        // A runtime collects garbage when it does nothing else.
        const before = [...this.queues.values()];
        const done = Promise.all(before).then(() => runtime.call(action.do, this.container(0), action));
        for (const container of runtime.containers) this.queue(container, async () => void (await done));
        return;
      }
      case "beside":
        this.beside(action.calls, action.turns);
        return;
      case "end namespace":
        this.queue(this.container(action.container), async () => {
          const container = this.container(action.container);
          machine.removeNamespace(container.netns);
          this.invariants.released(container.id);
          runtime.lostNamespace(container.netns);
        });
        return;
      case "reboot":
        machine.reboot(action.powerLoss);
        this.invariants.released();
        runtime.rebooted();
        return;
      case "plugin":
        machine.mischief.push({ ...action });
        return;
      case "remove plugin":
        machine.uninstall(action.type, action.forMs);
        return;
      case "disk":
        machine.breakDisk(action.fault, action.forMs);
        return;
      case "resident process":
        if (action.what === "dies") this.resident?.kill();
        if (action.what === "starts") this.resident?.start();
        if (action.what === "is refused" && this.resident) this.resident.refusals++;
        return;
      case "executor":
        if (action.what === "dies") this.resident?.hands?.kill();
        else this.resident?.hands?.start();
        return;
      case "remove link":
        this.removeLink(this.container(action.container).netns, action.ifname);
        return;
      case "API server":
        machine.breakInternet(action.outage, action.times, action.forMs);
        return;
      default:
        this.change(action);
    }
  }

  /** Two calls at once, when all before them have ended. The runtime knows of those that it adds, and not of others any more. */
  private beside(calls: readonly [Beside, Beside], turns: readonly number[]): void {
    const { machine, runtime } = this;
    const make = async ({ verb, container }: Beside) => {
      const answer = await runtime.call(verb, this.container(container));
      return answer?.exitCode === 0 ? undefined : `${verb} ${container}: ${answer?.stdout.trim()}`;
    };
    const done = Promise.all(this.queues.values()).then(async () => {
      if (calls.some(({ verb }) => verb === "GC")) runtime.forget();
      for (const { verb, container } of calls) if (verb === "ADD") this.container(container).known = "unsure";
      machine.gate = new Gate(runtime.calls + 1, turns);
      const failed = await Promise.all(calls.map(make));
      runtime.switched = machine.gate.switched;
      machine.gate = undefined;
      for (const [index, why] of failed.entries()) {
        const mayFail = calls[index]?.mayFail && failed.some((one) => one === undefined);
        if (why !== undefined && !mayFail) machine.violated("fails-beside", why);
      }
    });
    for (const container of runtime.containers) this.queue(container, () => done);
  }

  /** Changes what Kubernetes has. */
  private change(action: Action): void {
    const { server } = this.machine.internet;
    const { setup } = this.history;
    this.machine.trace?.(JSON.stringify(action));
    switch (action.do) {
      case "select":
        this.pods.select(this.container(action.container), action.selects);
        return;
      case "edit":
        if (elementsOf(action.annotation)?.every(({ name }) => name !== "none") !== true)
          this.machine.troubles.isLasting = true;
        this.pods.edit(this.container(action.container), action.annotation);
        return;
      case "complete pod":
        this.pods.complete(this.container(action.container));
        return;
      case "delete pod":
        this.pods.delete(this.container(action.container));
        return;
      case "replace pod":
        this.machine.troubles.isLasting = true;
        this.pods.replace(this.container(action.container));
        return;
      case "change NAD": {
        const network = setup.networks[action.network];
        if (network === undefined) return;
        const config = JSON.stringify(confOf(setup, { ...network, kind: action.kind }));
        server.specify("network-attachment-definitions", network.name, { config });
        return;
      }
      case "delete NAD":
        this.machine.troubles.isLasting = true;
        server.delete("network-attachment-definitions", setup.networks[action.network]?.name ?? "");
        return;
      case "create NAD": {
        const network = setup.networks[action.network];
        if (network && !server.get("network-attachment-definitions", network.name))
          this.pods.createNad(network);
      }
    }
  }

  private container(index: number): Container {
    return this.runtime.containers[index] as Container;
  }

  private queue(container: Container, work: () => Promise<void>): void {
    const before = this.queues.get(container.id) ?? Promise.resolve();
    this.queues.set(container.id, before.then(work));
  }

  private async ended(): Promise<void> {
    await Promise.all(this.queues.values());
  }

  /** Nothing is wrong any more: now every container can be deleted, and nothing is left. */
  private async finish(): Promise<void> {
    const { invariants, machine, runtime } = this;
    if (this.history.setup.hotPlug) {
      machine.mend();
      this.resident?.start();
      this.resident?.hands?.start();
      await this.convergence.check(runtime.containers);
    }
    machine.trace?.("nothing goes wrong from here on");
    machine.heal();
    invariants.filesAreWhole();
    let isDeleted = true;
    for (const container of runtime.containers) {
      if (container.known !== "nothing") isDeleted = (await this.delete(container)) && isDeleted;
    }
    for (const { netns } of runtime.containers) machine.removeNamespace(netns);
    await runtime.call("GC", this.container(0));
    if (isDeleted) invariants.nothingAtAll();
  }

  /** Somebody removes a link by hand. */
  private removeLink(netns: string, ifname: string): void {
    const { machine } = this;
    if (!machine.network.namespaces.get(netns)?.links.delete(ifname)) return;
    machine.trace?.(`${ifname} in ${netns} is removed by hand`);
    machine.handmade.set(netns, (machine.handmade.get(netns) ?? new Set()).add(ifname));
    machine.troubles.node();
  }

  /** No job touches the pod's own network, nor what each annotation of the pod asks for. */
  private plugged({ containerId, id, ifname, verb }: RuntimeCall, start: PluginStart): void {
    const container = this.runtime.containers.find((one) => one.id === containerId);
    if (id > 0 || verb !== "ADD" || container?.known !== "attached") return;
    this.convergence.jobs++;
    if (start.ifname !== ifname && start.ifname !== STAYING) return;
    this.machine.violated("touched-needlessly", `job #${id}: ${start.verb} of ${start.ifname}`);
  }

  /** Deletes a container; false if that does not succeed, however often it is tried. */
  private async delete(container: Container): Promise<boolean> {
    let said = "";
    for (let tries = 0; tries < LAST_DELS; tries++) {
      const answer = await this.runtime.call("DEL", container);
      if (answer?.exitCode === 0) return true;
      said = answer?.stdout.trim() ?? "killed";
    }
    this.machine.violated("del-fails", `DEL ${container.id}: ${said}`);
    return false;
  }
}
