// The executor of the node, if there is one: `plexus-shim --serve`, which does jobs between the runtime's calls.
//
// How it works: an executor is asked to begin a job, and begins a shim, which comes as a connection of its own with the job's
// number. That is served as a call, in its container's turn. A call of the runtime for the same container goes first: the job is
// hung up on, and the call's turn comes when the executor has said that the job's shim has ended, with all that it executed.
// Jobs of one sandbox are begun one after the other, whoever wants them: the shim of a second one would find it locked.
// A GC of the runtime tells plugins which attachments there are, and they take away what all others have. So nothing is attached
// beside one: it ends all jobs, and no other is begun until it has ended. The runtime does the same with its own calls.
import { randomInt } from "node:crypto";
import type { Work } from "../attach/verbs.ts";
import { Code, Fault } from "../fault.ts";
import type { Sandbox } from "../host/host.ts";
import type { Received, Shim } from "../host/remote.ts";
import type { Hands } from "../hotplug/loop.ts";

/** Numbers of jobs are above those of requests: an executor gets few of these. */
const FIRST_JOB = 1 << 20;
const LAST_JOB = 2 ** 31;
/**
 * A job that takes longer is hung up on, whoever wants it: some wait behind it. So is an executor that does not answer. It is longer than each plugin of a job may take
 * (server.ts), and what was attached until then stays.
 */
const LONGEST_MS = 300_000;
/** How long the executor has to say that all jobs have ended, when the daemon ends. */
const ENDED_WITHIN_MS = 5000;
/** How often the log says that there are several executors. */
const RIVALS_TOLD_EVERY_MS = 60_000;

export type JobVerb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";

/** These are of no container: a sandbox lends them its CNI_PATH and its conf. */
const OF_NO_CONTAINER: readonly JobVerb[] = ["GC", "STATUS"];
/** The calls of a runtime that go before jobs. */
const CHANGING = ["ADD", "DEL", "GC"];

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
  /** Why it was hung up on, if it was. */
  interrupted?: string;
}

export class Executor implements Hands {
  /** Is told when there is one, or another one. */
  connected: () => void = () => undefined;
  private shim: Line | undefined;
  private readonly jobs = new Map<number, Job>();
  /** Name of a sandbox -> resolves when the last job that is wanted for it has ended. */
  private readonly last = new Map<string, Promise<unknown>>();
  /** The runtime's GCs: each resolves when it has ended. */
  private readonly collections = new Set<Promise<unknown>>();
  private rivalsToldMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly warn: (message: string) => void = () => undefined,
    private readonly longestMs = LONGEST_MS,
  ) {}

  get isThere(): boolean {
    return this.shim !== undefined;
  }

  /** Takes an executor that has announced itself, in the place of the one before. */
  take(shim: Line): void {
    if (this.shim) this.tellOfRivals();
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

  /**
   * Begins nothing any more, ends the jobs, and hangs up when they have ended. The next daemon does them anew; until then the runtime's
   * calls go another way, where nobody knows of them.
   */
  leave(): void {
    const { shim } = this;
    this.shim = undefined;
    const over = [...this.jobs.values()];
    for (const job of over) interrupt(job, "this daemon ends");
    const hangUp = () => shim?.hangUp();
    void Promise.all(over.map(({ ended }) => ended)).then(hangUp);
    setTimeout(hangUp, ENDED_WITHIN_MS).unref(); // it may never say so
  }

  /** Rejects with code 11 if there is no executor, or one that does not answer: that is hung up on, and comes anew if it can. */
  sandboxes(): Promise<Sandbox[]> {
    const shim = this.presentExecutor();
    const timer = setTimeout(() => shim.hangUp(), this.longestMs).unref();
    return shim.sandboxes().finally(() => clearTimeout(timer));
  }

  /**
   * Does a job. Rejects with the Fault that it ended with; with code 11 if it was interrupted, or not answered.
   *
   * @param work what is done, if it is not what the verb says
   * @param signal ends the job
   */
  async work(sandbox: Sandbox, verb: JobVerb, work?: Work, signal?: AbortSignal): Promise<void> {
    const { name } = sandbox;
    const before = this.last.get(name);
    const mine = (before ?? Promise.resolve()).then(() => this.workNow(sandbox, verb, work, signal));
    const ended = mine.catch(() => undefined);
    this.last.set(name, ended);
    void ended.then(() => this.last.get(name) === ended && this.last.delete(name));
    await mine;
  }

  private async workNow(sandbox: Sandbox, verb: JobVerb, work?: Work, signal?: AbortSignal): Promise<void> {
    while (this.collections.size > 0) await Promise.all(this.collections);
    if (signal?.aborted) throw notDone(sandbox, verb, "nobody waits for it any more");
    const number = randomInt(FIRST_JOB, LAST_JOB);
    const begun = this.presentExecutor().begin(sandbox.name, verb, number);
    const job: Job = { verb, sandbox, work, ended: begun.catch(() => undefined) };
    this.jobs.set(number, job);
    const end = () => interrupt(job, "it has taken too long");
    signal?.addEventListener("abort", end);
    const timer = setTimeout(end, this.longestMs).unref();
    try {
      const exitCode = await begun;
      if (job.answer?.fault) throw job.answer.fault;
      if (job.answer) return;
      throw notDone(sandbox, verb, job.interrupted ?? `its shim has exited with ${exitCode}`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
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
    return OF_NO_CONTAINER.includes(job.verb) || isSame ? job : undefined;
  }

  /**
   * Serves a call of the runtime, which goes first: the jobs that it would wait for end.
   *
   * @param serve does all of the call; it gets what the call waits for before it changes anything
   */
  beside<T>(env: Received["env"], serve: (jobsEnded: Promise<unknown>) => Promise<T>): Promise<T> {
    const over = [...this.jobs.values()].filter((job) => isInTheWay(job, env));
    for (const job of over) interrupt(job, "a call of the runtime goes first");
    if (env.CNI_COMMAND !== "GC") return serve(Promise.resolve()); // a container's jobs have its turn until they have ended
    const served = serve(Promise.all(over.map(({ ended }) => ended)));
    const collection = served.catch(() => undefined);
    this.collections.add(collection);
    void collection.then(() => this.collections.delete(collection));
    return served;
  }

  /** Each one comes back when the other one has taken its place, and neither gets far. */
  private tellOfRivals(): void {
    const now = performance.now();
    if (now - this.rivalsToldMs < RIVALS_TOLD_EVERY_MS) return;
    this.rivalsToldMs = now;
    this.warn(
      "another executor has taken the place of one that was still there; see that plexus-shim --serve runs once on this node, in the " +
        "pod of deploy/hotplug or as plexus-executor.service",
    );
  }

  private presentExecutor(): Line {
    if (this.shim) return this.shim;
    throw new Fault(
      Code.tryAgainLater,
      "there is no executor on this node; see that plexus-shim --serve runs",
    );
  }
}

function isInTheWay(job: Job, env: Received["env"]): boolean {
  const { CNI_COMMAND: verb = "", CNI_CONTAINERID: containerId = "" } = env;
  if (verb === "GC") return CHANGING.includes(job.verb);
  const isSame = !OF_NO_CONTAINER.includes(job.verb) && job.sandbox.env.CNI_CONTAINERID === containerId;
  return isSame && CHANGING.includes(verb);
}

function interrupt(job: Job, why: string): void {
  job.interrupted ??= why;
  job.shim?.hangUp();
}

function notDone({ name }: Sandbox, verb: JobVerb, why: string): Fault {
  return new Fault(Code.tryAgainLater, `${verb} of sandbox ${name} has not been done: ${why}`);
}
