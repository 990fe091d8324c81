// Hot-plug: pods whose networks have changed get them while they run; what a runtime gave up is undone.
//
// How it works: the watch tells of a pod whose annotations are others than before; when there is an executor, or another one, all
// sandboxes are looked at once, as anything may have happened meanwhile. A pod has one job at a time, whose turn is its container's:
// however often it is edited meanwhile, one more follows. A job that fails is tried again, later each time, and the pod's user is
// told once of each reason. The executor is asked for all sandboxes once for all pods that wait. Sandboxes that are gone, or whose DEL has failed, are deleted as the runtime would, one at a time.
import { type Call, podOf } from "../attach/call.ts";
import { recordFailed } from "../attach/events.ts";
import { clearOrphans } from "../attach/orphans.ts";
import { findPod } from "../attach/pod.ts";
import type { Work } from "../attach/verbs.ts";
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import type { Sandbox } from "../host/host.ts";
import { replug } from "./replug.ts";

/** Pods at once: the executor does eight jobs, and the runtime's calls want the node too. */
const AT_ONCE = 4;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 300_000;
/** So often a job may be one that is to be tried again before that is worth a line, and an event. */
const PATIENCE = 3;
/** How often leftovers are looked for. */
const HEAL_EVERY_MS = 60_000;
/** A runtime deletes a sandbox again every 10 s or so: so long it goes first. */
const GIVEN_UP_MS = 120_000;

/** What does jobs on the node: launcher/resident/executor.ts. */
export interface Hands {
  readonly isThere: boolean;
  sandboxes(): Promise<Sandbox[]>;
  work(sandbox: Sandbox, verb: "ADD" | "DEL" | "GC", work?: Work): Promise<void>;
}

export interface HotPlugOptions {
  hands: Hands;
  clock: Clock;
  /** Is the pod one that runs, in a network of its own? */
  isRunning(namespace: string, name: string): boolean;
  warn(message: string): void;
  /** How often leftovers are looked for, in milliseconds. */
  healEveryMs?: number;
  /** After how long a sandbox counts as given up. */
  givenUpMs?: number;
}

/** A pod, or a sandbox, that something is to be done for. */
interface Task {
  isRunning: boolean;
  /** When it was queued, or changed while it waited: by `HotPlug.order`. */
  order: number;
  /** Has it changed since it was begun? */
  again: boolean;
  failures: number;
  /** What its user was told. */
  told: string | undefined;
  /** May its network-status say something else than what is attached? */
  isUntold: boolean;
}

export class HotPlug {
  private readonly options: HotPlugOptions;
  private readonly tasks = new Map<string, Task>();
  private readonly waiting: string[] = [];
  private running = 0;
  /** How many executors there have been. */
  private executors = 0;
  private order = 0;
  /** The last answer of the executor: it is for all that were queued before it was asked. */
  private listed: { order: number; sandboxes: Promise<Sandbox[]> } | undefined;
  private readonly end = new AbortController();
  /** Since when a sandbox has been seen as given up, and when to try again. */
  private readonly left = new Map<string, { sinceMs: number; failures: number; nextMs: number }>();

  constructor(options: HotPlugOptions) {
    this.options = options;
  }

  /** Heals until `stop`. Never rejects. */
  async run(): Promise<void> {
    const { clock, healEveryMs = HEAL_EVERY_MS } = this.options;
    for (;;) {
      await clock.sleep(healEveryMs, this.end.signal).catch(() => undefined);
      if (this.end.signal.aborted) return;
      await this.heal().catch((error: unknown) => this.warn("leftovers stay", error));
    }
  }

  stop(): void {
    this.end.abort();
  }

  /**
   * A pod is another one than it was: `namespace/name`.
   *
   * @param isUntold nobody knows whether its network-status says what is attached: the daemon, or the executor, is another one
   */
  changed(pod: string, isUntold = false): void {
    if (!this.options.hands.isThere) return; // when there is an executor, all are looked at
    const task = this.tasks.get(pod) ?? {
      isRunning: false,
      order: 0,
      again: false,
      failures: 0,
      told: undefined,
      isUntold,
    };
    this.tasks.set(pod, task);
    task.failures = 0;
    task.isUntold ||= isUntold;
    task.again = true;
    this.queue(pod, task);
  }

  /** There is an executor, or another one. It is asked until it has answered: nobody else says what was missed. Never rejects. */
  async connected(): Promise<void> {
    const { clock, hands } = this.options;
    const mine = ++this.executors;
    for (let failures = 0; hands.isThere && mine === this.executors; failures++) {
      try {
        for (const sandbox of await hands.sandboxes()) {
          const pod = keyOf(sandbox);
          if (pod !== undefined && sandbox.life === "attached") this.changed(pod, true);
        }
        return;
      } catch (error) {
        this.warn("the executor does not say which sandboxes there are", error);
      }
      await clock.sleep(waitMs(failures), this.end.signal).catch(() => undefined);
      if (this.end.signal.aborted) return;
    }
  }

  private queue(pod: string, task: Task): void {
    if (task.isRunning) return;
    task.order = ++this.order;
    if (this.waiting.includes(pod)) return;
    this.waiting.push(pod);
    this.next();
  }

  private next(): void {
    while (this.running < AT_ONCE) {
      const pod = this.waiting.shift();
      const task = pod === undefined ? undefined : this.tasks.get(pod);
      if (pod === undefined) return;
      if (task) void this.replug(pod, task);
    }
  }

  private async replug(pod: string, task: Task): Promise<void> {
    this.running++;
    task.isRunning = true;
    task.again = false;
    let fault: Fault | undefined;
    try {
      await this.replugAll(pod, task);
    } catch (error) {
      fault = Fault.of(error);
    }
    task.isRunning = false;
    this.running--;
    if (task.again) this.queue(pod, task);
    else if (fault) this.later(pod, task, fault);
    else this.tasks.delete(pod);
    if (this.waiting.length === 0) this.listed = undefined;
    this.next();
  }

  private async replugAll(pod: string, task: Task): Promise<void> {
    const { hands, isRunning } = this.options;
    const [namespace = "", name = ""] = pod.split("/");
    if (!isRunning(namespace, name)) return;
    const sandboxes = await this.sandboxesFor(task);
    const faults: Fault[] = [];
    for (const sandbox of sandboxes.filter((one) => one.life === "attached" && keyOf(one) === pod)) {
      // One that was left behind must not keep the pod's own from its networks.
      const done = hands.work(sandbox, "ADD", (call) => telling(call, task));
      await done.catch((error: unknown) => faults.push(Fault.of(error)));
    }
    const fault = Fault.all(faults);
    if (fault) throw fault;
  }

  private sandboxesFor({ order }: Task): Promise<Sandbox[]> {
    if (this.listed && this.listed.order >= order) return this.listed.sandboxes;
    const ask = () => {
      listed.order = this.order;
      return this.options.hands.sandboxes();
    };
    const listed = { order: Number.POSITIVE_INFINITY, sandboxes: Promise.resolve().then(ask) };
    this.listed = listed;
    return listed.sandboxes;
  }

  private later(pod: string, task: Task, fault: Fault): void {
    const { clock, hands } = this.options;
    if (!hands.isThere) {
      this.tasks.delete(pod);
      return;
    }
    // An ADD of the runtime has the sandbox, mostly.
    if (fault.code !== Code.tryAgainLater || task.failures >= PATIENCE)
      this.options.warn(`the networks of pod ${pod} are not as it asks: ${fault.message}`);
    const { order } = task;
    clock.sleep(waitMs(task.failures++), this.end.signal).then(
      () => {
        const isMeanwhileQueued = task.order !== order; // by an edit: what fails then has a wait of its own
        if (this.tasks.get(pod) === task && !isMeanwhileQueued) this.queue(pod, task);
      },
      () => undefined,
    );
  }

  /** Deletes sandboxes that the runtime has given up, and then tries orphans. */
  async heal(): Promise<void> {
    const { clock, givenUpMs = GIVEN_UP_MS, hands } = this.options;
    if (!hands.isThere) return;
    const over = (await hands.sandboxes()).filter(({ life }) => life !== "attached");
    for (const name of [...this.left.keys()])
      if (!over.some((one) => one.name === name)) this.left.delete(name);
    for (const sandbox of over) {
      const now = clock.now();
      const left = this.left.get(sandbox.name) ?? { sinceMs: now, failures: 0, nextMs: now + givenUpMs };
      this.left.set(sandbox.name, left);
      if (now < left.nextMs) continue;
      try {
        await hands.work(sandbox, "DEL");
      } catch (error) {
        left.nextMs = clock.now() + Math.min(givenUpMs * 2 ** left.failures, LONGEST_WAIT_MS * 6);
        left.failures++;
        this.warn(`sandbox ${sandbox.name} cannot be undone yet`, error);
      }
    }
    const sandboxes = await hands.sandboxes(); // others may have come meanwhile: what they have is no orphan
    const [any] = sandboxes.filter(({ life }) => life === "attached");
    if (any) await hands.work(any, "GC", (call) => clearOrphans(call, livingIn(sandboxes)));
  }

  private warn(what: string, error: unknown): void {
    this.options.warn(`${what}: ${Fault.of(error).message}`);
  }
}

/** How long something waits that has failed so often before. */
function waitMs(failures: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
}

/** Tells the pod's user once why it does not get what it asks for. */
async function telling(call: Call, task: Task): Promise<void> {
  try {
    const mayBeUntold = task.isUntold;
    task.isUntold = true; // until it has ended: it may be given up before it fails
    await replug(call, mayBeUntold);
    task.told = undefined;
    task.isUntold = false;
  } catch (error) {
    const fault = Fault.of(error);
    const isWorthIt = fault.code !== Code.tryAgainLater || task.failures >= PATIENCE;
    if (isWorthIt && task.told !== fault.message) {
      task.told = fault.message;
      const pod = await findPod(call).catch(() => undefined);
      if (pod) await recordFailed(call, pod, fault);
    }
    throw fault;
  }
}

/** As `namespace/name`; undefined if the sandbox is none of Kubernetes. */
function keyOf({ env }: Sandbox): string | undefined {
  const { namespace, name } = podOf(env.CNI_ARGS ?? "");
  return name === "" ? undefined : `${namespace}/${name}`;
}

function livingIn(sandboxes: readonly Sandbox[]) {
  return (containerId: string, ifname: string) =>
    sandboxes.some(
      ({ env, life }) =>
        life === "attached" && env.CNI_CONTAINERID === containerId && env.CNI_IFNAME === ifname,
    );
}
