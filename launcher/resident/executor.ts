// The executor of the node, if there is one: `plexus-shim --serve`, which does jobs between the runtime's calls.
//
// How it works: an executor is asked to begin a job, and begins a shim, which comes as a connection of its own with the job's
// number. That is served as a call, in its container's turn. A call of the runtime for the same container goes first: the job is
// hung up on, and the call's turn comes when the executor has said that the job's shim has ended, with all that it executed.
import { randomInt } from "node:crypto";
import type { Work } from "../attach/verbs.ts";
import { Code, Fault } from "../fault.ts";
import type { Sandbox } from "../host/host.ts";
import type { Received, Shim } from "../host/remote.ts";
import type { Hands } from "../hotplug/loop.ts";

/** Numbers of jobs are above those of requests: an executor gets few of these. */
const FIRST_JOB = 1 << 20;
const LAST_JOB = 2 ** 31;

export type JobVerb = "ADD" | "DEL" | "GC";

/** A connection to an executor. */
export type Line = Pick<Shim, "gone" | "alive" | "hangUp" | "sandboxes" | "begin">;

/** A job that has been begun. */
export interface Job {
  readonly verb: JobVerb;
  readonly sandbox: Sandbox;
  /** Absent if it is what the verb says. */
  readonly work: Work | undefined;
  /** Resolves when its shim has ended. */
  readonly ended: Promise<unknown>;
  /** Its shim, once that has come. */
  shim?: Pick<Shim, "hangUp">;
  /** What came of it: undefined until it has been answered. */
  answer?: { fault: Fault | undefined };
  /** Has a call of the runtime gone first? */
  isInterrupted?: boolean;
}

export class Executor implements Hands {
  /** Is told when there is one, or another one. */
  connected: () => void = () => undefined;
  private shim: Line | undefined;
  private readonly jobs = new Map<number, Job>();

  get isThere(): boolean {
    return this.shim !== undefined;
  }

  /** Takes an executor that has announced itself, in the place of the one before. */
  take(shim: Line): void {
    this.shim?.hangUp();
    this.shim = shim;
    shim.gone.then(() => {
      if (this.shim === shim) this.shim = undefined;
    });
    this.connected();
  }

  alive(): void {
    this.shim?.alive();
  }

  /** Hangs up: nothing is begun any more. */
  leave(): void {
    this.shim?.hangUp();
    this.shim = undefined;
  }

  sandboxes(): Promise<Sandbox[]> {
    return this.presentExecutor().sandboxes();
  }

  /**
   * Does a job. Rejects with the Fault that it ended with; with code 11 if it was interrupted, or not answered.
   *
   * @param work what is done, if it is not what the verb says
   */
  async work(sandbox: Sandbox, verb: JobVerb, work?: Work): Promise<void> {
    const number = randomInt(FIRST_JOB, LAST_JOB);
    const begun = this.presentExecutor().begin(sandbox.name, verb, number);
    const job: Job = { verb, sandbox, work, ended: begun.catch(() => undefined) };
    this.jobs.set(number, job);
    try {
      const exitCode = await begun;
      if (job.answer?.fault) throw job.answer.fault;
      if (job.answer) return;
      const why = job.isInterrupted
        ? "a call of the runtime goes first"
        : `its shim has exited with ${exitCode}`;
      throw new Fault(Code.tryAgainLater, `${verb} of sandbox ${sandbox.name} has not been done: ${why}`);
    } finally {
      this.jobs.delete(number);
    }
  }

  /** Returns the job that a shim says it is; undefined if it is none, such as one of an earlier daemon. */
  jobOf({ job: number = 0, env }: Received): Job | undefined {
    const job = this.jobs.get(number);
    const { CNI_COMMAND, CNI_CONTAINERID, CNI_IFNAME } = env;
    if (!job || job.shim || CNI_COMMAND !== job.verb) return undefined;
    const { env: own } = job.sandbox;
    const isSame = CNI_CONTAINERID === own.CNI_CONTAINERID && CNI_IFNAME === own.CNI_IFNAME;
    return job.verb === "GC" || isSame ? job : undefined;
  }

  /** Ends the jobs that a call of the runtime would wait for. */
  interruptFor({ CNI_COMMAND: verb = "", CNI_CONTAINERID: containerId = "" }: Received["env"]): void {
    for (const job of this.jobs.values()) {
      const isSame = job.verb === "GC" ? verb === "GC" : job.sandbox.env.CNI_CONTAINERID === containerId;
      if (!isSame || !["ADD", "DEL", "GC"].includes(verb)) continue;
      job.isInterrupted = true;
      job.shim?.hangUp();
    }
  }

  private presentExecutor(): Line {
    if (this.shim) return this.shim;
    throw new Fault(
      Code.tryAgainLater,
      "there is no executor on this node; see that plexus-shim --serve runs",
    );
  }
}
