// The resident process and the shims that it serves: what docs/protocol.md says of them, frame by frame as messages between
// two processes. Either can die at any of its steps.
import { type Answer, carryOut, type Ports } from "../../launcher/attach/verbs.ts";
import type { Cluster } from "../../launcher/cluster/cluster.ts";
import { FollowingCluster } from "../../launcher/cluster/following.ts";
import { WatchedCluster } from "../../launcher/cluster/watch.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import type { CommandOptions } from "../../launcher/host/execute.ts";
import { filesOn } from "../../launcher/host/files.ts";
import { type ExecuteOptions, type Host, LeftToNode } from "../../launcher/host/host.ts";
import { networkBy } from "../../launcher/host/iproute.ts";
import { Admission, ENDED, type Turn } from "../../launcher/resident/admission.ts";
import { Executor } from "../../launcher/resident/executor.ts";
import { EventOutbox } from "../../launcher/resident/outbox.ts";
import { Recent } from "../../launcher/resident/recent.ts";
import { Together } from "../../launcher/resident/together.ts";
import { clusterInTurn, hostInTurn } from "../../launcher/resident/waits.ts";
import { execute } from "./execute.ts";
import { NodeExecutor, plugging, Sandboxes } from "./hands.ts";
import type { RuntimeCall } from "./network.ts";
import { endOutliving, environmentOf, type Program, portsOf, runOneShot } from "./oneshot.ts";
import type { Process } from "./process.ts";
import { ProcessDisk } from "./systemcalls.ts";

/** A frame's way through the socket. */
const FRAME_MS = 0.3;
/** Calls at once: one ADD and one DEL, so that some wait. */
const SLOTS = 2;
/** Of a mark: it is done for a call that is left to `plexus`, too. */
const RELEASE = "remove a mark";

/** A resident process while it runs. */
interface Running {
  process: Process;
  admission: Admission;
  outbox: EventOutbox;
  together: Together;
  recent: Recent;
  cluster: Cluster | undefined;
  executor: Executor;
}

/** The resident process, as often as it is started. */
export class Resident {
  /** Undefined while none runs. */
  private running: Running | undefined;
  /** So many requests the shim refuses, as its rights do not allow them. */
  refusals = 0;

  /** With hot-plug. */
  readonly hands: NodeExecutor | undefined;
  private readonly sandboxes: Sandboxes | undefined;

  constructor(private readonly program: Program) {
    this.start();
    if (!program.jobBegan) return;
    const { machine } = program;
    const sandboxes = new Sandboxes(machine);
    this.sandboxes = sandboxes;
    this.hands = new NodeExecutor({
      machine,
      sandboxes,
      daemon: () => this.running,
      carryOut: (shim, call, job) => this.job(shim, call, job),
    });
  }

  start(): void {
    if (this.running?.process.alive) return;
    const process = this.program.machine.start("resident");
    const executor = new Executor();
    this.running = {
      process,
      admission: new Admission(SLOTS, process.clock),
      outbox: new EventOutbox(process.clock, (message) => process.trace(message)),
      together: new Together(process.clock),
      recent: new Recent(process.clock),
      cluster: this.clusterFor(process, executor),
      executor,
    };
  }

  /** Known beforehand: by a daemon at once, else as soon as a pod has said which node this is. */
  private clusterFor(process: Process, executor: Executor): Cluster | undefined {
    const { isDaemon, kubernetes, machine } = this.program;
    if (!kubernetes) return undefined;
    const access = machine.internet.accessOf(process);
    const options = { ...access, warn: (message: string) => process.trace(message) };
    const known = isDaemon
      ? new WatchedCluster({ ...options, nodeName: "node" })
      : new FollowingCluster(options);
    process.onEnd(() => known.stop());
    if (this.program.jobBegan && known instanceof WatchedCluster) plugging(process, executor, known);
    return known.cluster;
  }

  kill(): void {
    this.running?.process.trace("is killed");
    this.running?.process.end();
  }

  /** Carries a call out for the runtime, which has executed the shim. Never resolves if that dies. */
  async call(shim: Process, call: RuntimeCall): Promise<Answer> {
    this.sandboxes?.begins(shim, call);
    await endOutliving(this.program, shim, call);
    const host = new ShimHost(this, this.program, shim, call);
    const answer = await this.ask(shim, call, host);
    if (answer?.exitCode === 0 && call.verb === "DEL") this.sandboxes?.deleted(call);
    if (answer !== undefined) return answer;
    await host.end();
    await this.sandboxes?.areHandedOn(shim, call);
    shim.trace("becomes plexus");
    call.isBegunAnew = true;
    return runOneShot(this.program, shim, call);
  }

  /** @returns undefined if there is no resident process, it dies, or leaves the call to `plexus` */
  private async ask(shim: Process, call: RuntimeCall, host: ShimHost): Promise<Answer | undefined> {
    const server = await shim.step("connects", FRAME_MS, () => this.running);
    if (server === undefined || !server.process.alive) return undefined;
    const { process, admission } = server;
    return new Promise((resolve) => {
      const withdraw = process.onEnd(
        () => void shim.step("loses the resident process", FRAME_MS, () => resolve(undefined)),
      );
      const gone = new AbortController();
      shim.onEnd(() => void process.step("loses the shim", FRAME_MS, () => gone.abort()));
      const came = process.clock.now();
      const work = async (turn: Turn, jobsEnded: Promise<unknown>) => {
        await jobsEnded;
        host.resident = process;
        const before = process.clock.now() - came - turn.waitedMs;
        const answer = await carryOut(
          this.portsFor(server, host, shim, turn),
          environmentOf(call),
          Buffer.from(this.program.confFor(call)),
        );
        call.waitedMs = before + turn.waitedMs;
        await process.step("answers", FRAME_MS, () => undefined);
        withdraw();
        const isLeft = host.isRefused;
        void shim.step("is answered", FRAME_MS, () => resolve(isLeft ? undefined : answer));
      };
      const { verb, containerId } = call;
      void process.step(`accepts ${verb} ${containerId}`, FRAME_MS, () => {
        const coming = { verb, containerId, gone: gone.signal };
        const served = server.executor.beside(environmentOf(call), (jobsEnded) =>
          admission.run(coming, (turn) => work(turn, jobsEnded)),
        );
        const thrown = (error: unknown) => {
          throw error;
        };
        served.catch((error) => gone.signal.aborted || process.ground.timeline.after(0, () => thrown(error)));
      });
    });
  }

  /** Carries a job of the executor out: `admitJob` of launcher/resident/server.ts. Returns its shim's exit code. */
  private async job(shim: Process, call: RuntimeCall, number: number): Promise<number> {
    this.program.jobBegan?.(shim, call);
    await endOutliving(this.program, shim, call);
    const server = await shim.step("connects", FRAME_MS, () => this.running);
    if (!server?.process.alive) return 1;
    const { admission, executor, process } = server;
    const host = new ShimHost(this, this.program, shim, call);
    const env = environmentOf(call);
    const stdin = Buffer.from(this.program.confFor({}));
    return new Promise((resolve) => {
      const withdraw = process.onEnd(
        () => void shim.step("loses the resident process", FRAME_MS, () => resolve(1)),
      );
      const gone = new AbortController();
      shim.onEnd(() => void process.step("loses the shim of a job", FRAME_MS, () => gone.abort(ENDED)));
      const hangUp = () => {
        gone.abort(ENDED);
        void shim.step("is hung up on", FRAME_MS, () => resolve(1));
      };
      void process.step(`accepts job #${call.id}`, FRAME_MS, () => {
        const job = executor.jobOf({ job: number, env, stdin });
        if (!job) {
          hangUp();
          return;
        }
        job.shim = { hangUp };
        if (job.interrupted !== undefined) hangUp();
        const work = async (turn: Turn) => {
          host.resident = process;
          const ports = this.portsFor(server, host, shim, turn);
          const { exitCode, fault } = await carryOut(ports, env, stdin, job.work);
          if (!gone.signal.aborted) job.answer = { fault };
          await process.step("answers", FRAME_MS, () => undefined);
          withdraw();
          void shim.step("is answered", FRAME_MS, () => resolve(host.isRefused ? 1 : exitCode));
          await job.ended;
        };
        const { verb, containerId } = call;
        admission.run({ verb, containerId, gone: gone.signal }, work).catch(hangUp);
      });
    });
  }

  private portsFor(server: Running, host: ShimHost, shim: Process, turn: Turn): Ports {
    const { cluster, outbox, process, recent, together } = server;
    return {
      ...portsOf(this.program, process),
      host: () => hostInTurn(host.host, turn),
      stderr: (line: string) => shim.trace(line.trimEnd()),
      cluster: () => cluster && clusterInTurn(cluster, turn),
      aside: (wait) => turn.aside(wait),
      together: (question, look) => together.answer(question, look),
      recently: (question, ask) => recent.answer(question, ask),
      outbox,
    };
  }
}

/** The host of a call that a resident process decides: the shim executes it. */
class ShimHost {
  /** Who decides; set once the call's turn has come. */
  resident: Process | undefined;
  isRefused = false;
  private hasEnded = false;
  /** The shim does file operations one after the other. */
  private files: Promise<unknown> = Promise.resolve();
  private readonly children = new Set<Process>();
  private readonly marks = new Set<string>();
  private readonly own: ReturnType<typeof filesOn>;

  constructor(
    private readonly resource: Resident,
    private readonly program: Program,
    private readonly shim: Process,
    private readonly call: RuntimeCall,
  ) {
    this.own = filesOn(new ProcessDisk(program.machine, shim, call));
  }

  /** The shim is going to do the call itself: ends what it executes, the file operation that it is at, and its marks. */
  async end(): Promise<void> {
    this.hasEnded = true;
    for (const child of this.children) child.end();
    await this.files.catch(() => undefined);
    for (const mark of this.marks) {
      // On a disk that cannot be written to it says so, and becomes `plexus` all the same: launcher/shim/writing.c.
      await this.own.remove(mark).catch((error: Error) => this.shim.trace(error.message));
    }
  }

  readonly host: Host = {
    prepare: () => undefined,
    rotate: async () => undefined,
    grpc: async () => {
      throw new Error("no history has a kubelet's socket");
    },
    execute: (path, options) => this.ask(`execute ${path}`, () => this.execute(path, options)),
    find: (...given) => this.file("find", () => this.own.find(...given)),
    read: (...given) => this.file("read", () => this.own.read(...given)),
    list: (...given) => this.file("list", () => this.own.list(...given)),
    isDirectory: (...given) => this.file("kind", () => this.own.isDirectory(...given)),
    exists: (...given) => this.file("kind", () => this.own.exists(...given)),
    size: (...given) => this.file("kind", () => this.own.size(...given)),
    write: (...given) => this.file("write", () => this.own.write(...given)),
    writeSoon: (...given) => this.file("write soon", () => this.own.writeSoon(...given)),
    settle: (...given) => this.file("settle", () => this.own.settle(...given)),
    create: (...given) => this.file("create", () => this.own.create(...given)),
    append: (...given) => this.file("append", () => this.own.append(...given)),
    readlink: (...given) => this.file("readlink", () => this.own.readlink(...given)),
    set: (...given) => this.file("set", () => this.own.set(...given)),
    remove: (path) => this.file(this.marks.has(path) ? RELEASE : "remove", () => this.own.remove(path)),
    clearTemporaries: (...given) => this.file("clear", () => this.own.clearTemporaries(...given)),
    mark: (path) => this.file("mark", () => this.mark(path)),
    sync: (...given) => this.file("sync", () => this.own.sync(...given)),
    ...this.network(),
  };

  /** The shim renders and executes what it is asked for: one request each. */
  private network() {
    const find = (name: string, dirs: string[]) => this.own.find(name, dirs);
    const own = networkBy({ find, execute: (path, options) => this.execute(path, options) });
    return {
      configure: (...given: Parameters<Host["configure"]>) =>
        this.ask("configure", () => own.configure(...given)),
      showLink: (...given: Parameters<Host["showLink"]>) => this.ask("show", () => own.showLink(...given)),
      sysctl: (...given: Parameters<Host["sysctl"]>) => this.ask("sysctl", () => own.sysctl(...given)),
      moveRdma: (...given: Parameters<Host["moveRdma"]>) =>
        this.ask("move rdma", () => own.moveRdma(...given)),
    };
  }

  private execute(path: string, options: ExecuteOptions | CommandOptions) {
    const { machine } = this.program;
    const started = (child: Process) => {
      if (this.hasEnded) child.end();
      this.children.add(child);
      child.onEnd(() => this.children.delete(child));
    };
    const executor = { machine, parent: this.shim, call: this.call, diesWithParent: true, started };
    return execute(executor, path, options);
  }

  private file<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.ask(what, () => {
      const before = this.files.catch(() => undefined);
      // If the resident process has died meanwhile, nobody is told of it.
      const done = before.then(() => (this.resident?.alive ? work() : (undefined as T)));
      this.files = done;
      return done;
    });
  }

  private async mark(path: string): Promise<string> {
    const mark = await this.own.mark(path);
    this.marks.add(mark);
    return mark;
  }

  /** A request to the shim, and its answer. */
  private ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { resident, shim } = this;
    if (resident === undefined) throw new Error("a host is used before its call has begun");
    if (this.isRefused && what !== RELEASE)
      return Promise.reject(new LeftToNode("the call is left to plexus"));
    return new Promise((resolve, reject) => {
      const gone = () => {
        const fault = new Fault(Code.tryAgainLater, "the runtime's call has ended before it was answered");
        void resident.step(`loses the shim at ${what}`, FRAME_MS, () => reject(fault));
      };
      const withdraw = shim.onEnd(gone);
      void resident.step(`asks for ${what}`, FRAME_MS, () => {
        if (!shim.alive) return;
        if (this.resource.refusals > 0) {
          this.resource.refusals--;
          this.isRefused = true;
          withdraw();
          reject(new LeftToNode(`the shim refused ${what}`));
          return;
        }
        const answered = (then: () => void) => {
          if (!shim.alive) return;
          withdraw();
          void resident.step(`is told of ${what}`, FRAME_MS, then);
        };
        work().then(
          (result) => answered(() => resolve(result)),
          (error) => answered(() => reject(error)),
        );
      });
    });
  }
}
