// The executor of the node in memory, and what shims note of sandboxes for it: launcher/shim/executor.c and sandboxes.c. It
// and the jobs that it begins can die at any of their steps.
import type { WatchedCluster } from "../../launcher/cluster/watch.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import type { Sandbox } from "../../launcher/host/host.ts";
import { HotPlug } from "../../launcher/hotplug/loop.ts";
import type { Executor, JobVerb, Line } from "../../launcher/resident/executor.ts";
import type { Machine } from "./machine.ts";
import type { Namespace, Network, RuntimeCall } from "./network.ts";
import { environmentOf } from "./oneshot.ts";
import type { Process } from "./process.ts";

const FRAME_MS = 0.3;
/** How long an executor waits until it looks for a daemon again. */
const AGAIN_MS = 1_000;
/** launcher/shim/sandboxes.c */
const HANDED_ON_WITHIN_MS = 5_000;
const LOOK_MS = 5;

/** What a shim has noted; gone with its boot. */
interface Noted {
  call: RuntimeCall;
  netns: Namespace | undefined;
  isEnded: boolean;
  lock: Process;
}

export class Sandboxes {
  private readonly noted = new Map<string, Noted>();
  private boot: Network;

  constructor(private readonly machine: Machine) {
    this.boot = machine.network;
  }

  /** A call of the runtime begins: it has the sandbox from now on, unless a job still has it. */
  begins(shim: Process, call: RuntimeCall): void {
    const name = nameOf(call);
    if (call.verb === "ADD") {
      const netns = this.machine.network.namespaces.get(call.netns);
      this.all().set(name, { call, netns, isEnded: false, lock: shim });
    }
    const found = this.all().get(name);
    if (call.verb !== "DEL" || !found) return;
    found.isEnded = true;
    if (!found.lock.alive) found.lock = shim;
  }

  /** The call becomes `plexus`: a job that still has the sandbox is waited for. */
  async areHandedOn(shim: Process, call: RuntimeCall): Promise<void> {
    const found = call.verb === "DEL" ? this.all().get(nameOf(call)) : undefined;
    for (let waited = 0; found && waited < HANDED_ON_WITHIN_MS; waited += LOOK_MS) {
      if (found.lock === shim || !found.lock.alive) break;
      await shim.clock.sleep(LOOK_MS);
    }
    if (found && !found.lock.alive) found.lock = shim;
  }

  deleted(call: RuntimeCall): void {
    if (this.all().get(nameOf(call))?.isEnded) this.all().delete(nameOf(call));
  }

  /** @returns false if somebody has it, it is not there, or a DEL has begun, and it is locked for something else */
  lock(shim: Process, name: string, deletes: boolean): boolean {
    const found = this.all().get(name);
    if (!found || found.lock.alive || (found.isEnded && !deletes)) return false;
    found.lock = shim;
    found.isEnded = deletes;
    return true;
  }

  call(name: string): RuntimeCall | undefined {
    const found = this.all().get(name);
    if (!found) return undefined;
    return { ...found.call, netns: this.isHere(found) ? found.call.netns : "" };
  }

  list(): Sandbox[] {
    return [...this.all()].map(([name, found]) => {
      const { CNI_COMMAND: _, ...env } = environmentOf({ ...found.call, verb: "ADD" });
      const life = this.isHere(found) ? "attached" : "gone";
      return { name, life: found.isEnded ? "ended" : life, env };
    });
  }

  private isHere({ call, netns }: Noted): boolean {
    return netns !== undefined && this.machine.network.namespaces.get(call.netns) === netns;
  }

  private all(): Map<string, Noted> {
    if (this.boot !== this.machine.network) this.noted.clear();
    this.boot = this.machine.network;
    return this.noted;
  }
}

function nameOf({ containerId, ifname }: RuntimeCall): string {
  return `${containerId}@${ifname}`;
}

/** A daemon while it runs. */
export interface Daemon {
  process: Process;
  executor: Executor;
}

interface Given {
  machine: Machine;
  sandboxes: Sandboxes;
  /** The daemon that listens by now. */
  daemon(): Daemon | undefined;
  /** Carries a job out. Returns its shim's exit code. */
  carryOut(shim: Process, call: RuntimeCall, job: number): Promise<number>;
}

/** `plexus-shim --serve`, as often as it is started. */
export class NodeExecutor {
  private process: Process | undefined;
  private jobs = 0;

  constructor(private readonly given: Given) {
    this.start();
  }

  start(): void {
    if (this.process?.alive) return;
    this.process = this.given.machine.start("executor");
    void this.serve(this.process);
  }

  kill(): void {
    this.process?.end();
  }

  private async serve(process: Process): Promise<void> {
    for (;;) {
      const daemon = await process.step("looks for a daemon", FRAME_MS, () => this.given.daemon());
      if (daemon?.process.alive) await this.connect(process, daemon);
      await process.clock.sleep(AGAIN_MS);
    }
  }

  /** Resolves when the connection has ended. */
  private connect(process: Process, daemon: Daemon): Promise<void> {
    return new Promise((resolve) => {
      let isOver = false;
      const over = () => {
        isOver = true;
        resolve();
      };
      daemon.process.onEnd(() => void process.step("loses the daemon", FRAME_MS, over));
      const lost: ((fault: Fault) => void)[] = [];
      const gone = new Promise<void>((isGone) => {
        process.onEnd(() => {
          void daemon.process.step("loses the executor", FRAME_MS, () => {
            isGone();
            for (const reject of lost) reject(new Fault(Code.tryAgainLater, "the executor is gone"));
          });
        });
      });
      const ask = <T>(what: string, work: () => Promise<T>) =>
        new Promise<T>((answer, reject) => {
          lost.push(reject);
          void daemon.process.step(`asks the executor for ${what}`, FRAME_MS, () => {
            if (!process.alive) return;
            const told = (then: () => void) => void daemon.process.step(`is told: ${what}`, FRAME_MS, then);
            void process
              .step(what, FRAME_MS, () => undefined)
              .then(work)
              .then(
                (result) => told(() => answer(result)),
                (error) => told(() => reject(error)),
              );
          });
        });
      const line: Line = {
        gone,
        alive: () => undefined,
        hangUp: () => void process.step("is hung up on", FRAME_MS, over),
        sandboxes: () => ask("the sandboxes", async () => this.given.sandboxes.list()),
        begin: (name, verb, job) =>
          ask(`${verb} of ${name}`, () => this.begin(process, name, verb as JobVerb, job)),
      };
      void daemon.process.step("accepts the executor", FRAME_MS, () => {
        if (process.alive && !isOver) daemon.executor.take(line);
      });
    });
  }

  /** Begins a job. Resolves with its exit code when it has ended, with all that it executed. */
  private async begin(process: Process, name: string, verb: JobVerb, job: number): Promise<number> {
    const { machine, sandboxes } = this.given;
    const noted = sandboxes.call(name);
    if (!noted) throw new Fault(Code.internal, "the executor refused it: there is no such sandbox");
    const valid = sandboxes
      .list()
      .filter(({ life }) => life === "attached")
      .map(({ env }) => ({ containerID: env.CNI_CONTAINERID ?? "", ifname: env.CNI_IFNAME ?? "" }));
    const call = { ...noted, id: --this.jobs, verb, isBegunAnew: false, waitedMs: 0, valid };
    const shim = machine.start(`job ${verb} ${name} #${call.id}`);
    const withdraw = process.onEnd(() => shim.end());
    return new Promise((resolve) => {
      let exitCode = 1;
      shim.onEnd(() => {
        withdraw();
        void process.step(`reaps job #${call.id}`, FRAME_MS, () => resolve(exitCode));
      });
      const work = async () => {
        const isOurs = await shim.step(
          "locks the sandbox",
          FRAME_MS,
          () => verb === "GC" || sandboxes.lock(shim, name, verb === "DEL"),
        );
        if (isOurs) exitCode = await this.given.carryOut(shim, call, job);
        shim.end();
      };
      void work();
    });
  }
}

/** As a daemon does: launcher/resident/resident.ts. */
export function plugging(process: Process, executor: Executor, watched: WatchedCluster): void {
  const hotPlug = new HotPlug({
    hands: executor,
    clock: process.clock,
    isRunning: (namespace, name) => watched.isRunning(namespace, name),
    warn: (message) => process.trace(message),
  });
  executor.connected = () => void hotPlug.connected();
  watched.changed = (pod, isNew) => hotPlug.changed(pod, isNew);
  void hotPlug.run();
}
