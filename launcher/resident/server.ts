// The resident process: shims connect to its socket, each for one call of a runtime.
import * as fs from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { carryOut, type Ports } from "../attach/verbs.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { Fault } from "../fault.ts";
import { machineDisk, makeDirectories } from "../host/disk.ts";
import { Earlier } from "../host/earlier.ts";
import type { Host } from "../host/host.ts";
import { type Received, Shim } from "../host/remote.ts";
import type { Said } from "../log/log.ts";
import { Admission, ENDED, type Turn } from "./admission.ts";
import { Executor, type Job } from "./executor.ts";
import { giveBackMemory } from "./memory.ts";
import { CallNotes, type Observer } from "./observer.ts";
import { ClaimOutbox, EventOutbox } from "./outbox.ts";
import { Recent } from "./recent.ts";
import { answers, inodeOf, listenForRoot } from "./socket.ts";
import { Together } from "./together.ts";
import { clusterInTurn, hostInTurn } from "./waits.ts";

/** How often a shim is told that its call is not forgotten; it waits for ten times as long. */
const ALIVE_EVERY_MS = 1000;
/** How long connections are still accepted that were made while the socket was this process's: closing it resets them. */
const BACKLOG_MS = 100;
/** What a shim hands to the process that it starts: the socket, and the lock that is held until the process serves. */
const [SOCKET_FD, LOCK_FD] = [3, 4];
/** How long a shim may take to go when its call is left to `plexus`: the kubelet kills the daemon 10 s after that. */
const LEFT_WITHIN_MS = 5000;
/** Connections that wait until they are accepted; the kernel may have a lower limit. */
const BACKLOG = 1024;
/** How long events may still be sent at the end. */
const LAST_EVENTS_MS = 2000;
/** How often the log says that there are too many shims. */
const REFUSALS_TOLD_EVERY_MS = 60_000;
/** Seconds: no runtime ends a job whose plugin hangs. */
const LONGEST_PLUGIN_OF_JOB = 60;
/** After this long without a call, memory is given back. */
const QUIET_MS = 3000;

export interface ServerOptions {
  /** The path of the socket. */
  socket: string;
  /** Calls that work at once: see admission.ts. */
  slots: number;
  /** Shims at once: each further one becomes `plexus`. */
  connections: number;
  /** Milliseconds without a call, after which the process ends; 0 for never. */
  idle: number;
  version: string;
  /** Does the socket listen already, as this process's descriptor? The shim has made it: launcher/shim/start.c. */
  isInherited?: boolean;
  /** Do ResourceClaims say what their devices are? */
  describesClaims?: boolean;
  ports: Pick<Ports, "core" | "clock" | "builtIns" | "cluster" | "linter">;
  observer: Observer;
}

/** A call that has come in. */
interface Coming {
  shim: Shim;
  received: Received;
  /** When it was connected, by performance.now(). */
  began: number;
  gone: AbortSignal;
}

export class ResidentServer {
  readonly admission: Admission;
  /** Does what is to be done between calls. */
  readonly executor: Executor;
  readonly outbox: EventOutbox;
  readonly claims: ClaimOutbox;
  private readonly together: Together;
  private readonly recent: Recent;
  private readonly earlier = new Earlier();
  private readonly options: ServerOptions;
  private readonly server: Server;
  private readonly shims = new Set<Shim>();
  private readonly timer: NodeJS.Timeout;
  /** Shims that were too many so far. */
  refused = 0;
  private lastRefusal = Number.NEGATIVE_INFINITY;
  private lastCall = performance.now();
  private inode: bigint | undefined;
  private end: () => void = () => undefined;
  /** Resolves when there has been no call for the idle time, or another process has the socket. */
  readonly over = new Promise<void>((resolve) => {
    this.end = resolve;
  });

  private constructor(options: ServerOptions) {
    this.options = options;
    const { clock } = options.ports;
    this.admission = new Admission(options.slots, clock);
    const warn = (message: string) => options.observer.warned(message);
    this.executor = new Executor(warn);
    this.outbox = new EventOutbox(clock, warn);
    this.claims = new ClaimOutbox(clock, warn);
    this.together = new Together(clock);
    this.recent = new Recent(clock);
    this.server = createServer((socket) => void this.serve(socket));
    this.server.maxConnections = options.connections;
    this.server.on("drop", () => this.refuse());
    this.timer = setInterval(() => this.tick(), ALIVE_EVERY_MS);
  }

  /** Listens. Undefined if another process answers on the socket, and is not to be replaced. */
  static async open(options: ServerOptions, replace: boolean): Promise<ResidentServer | undefined> {
    const { socket, isInherited = false } = options;
    await makeDirectories(machineDisk, dirname(socket), 0o700);
    if (!isInherited && !replace && (await answers(socket))) return undefined;
    const server = new ResidentServer(options);
    try {
      await (isInherited ? server.inherit() : server.listen());
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Leaves the calls that run then to `plexus`. A shim that stands still is not waited for. */
  leaveAfter(ms: number): void {
    const leave = () => {
      for (const shim of this.shims) shim.fallBack("the resident process ends");
    };
    const hangUp = () => {
      for (const shim of this.shims) shim.hangUp();
    };
    setTimeout(leave, ms).unref();
    setTimeout(hangUp, ms + LEFT_WITHIN_MS).unref();
  }

  /** Takes no more calls, and waits for those that run. */
  async close(): Promise<void> {
    const { socket } = this.options;
    if (this.hasSocket()) fs.unlinkSync(socket);
    this.executor.leave();
    await this.options.ports.clock.sleep(BACKLOG_MS);
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    await closed;
    const told = Promise.all([this.outbox.empty(), this.claims.empty()]);
    await Promise.race([told, this.options.ports.clock.sleep(LAST_EVENTS_MS)]);
    clearInterval(this.timer);
  }

  private async listen(): Promise<void> {
    this.inode = await listenForRoot(this.server, this.options.socket, { backlog: BACKLOG });
  }

  /** Listens where a shim has begun to, and lets other shims know. */
  private async inherit(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen({ fd: SOCKET_FD, backlog: BACKLOG }, resolve);
    });
    this.inode = inodeNoted() ?? inodeOf(this.options.socket); // a daemon, which needs no lock, may have replaced it since
    fs.ftruncateSync(LOCK_FD);
    fs.writeSync(LOCK_FD, `${process.pid} 0\n`, 0);
    fs.closeSync(LOCK_FD);
  }

  /** Is the socket still this process's own? Another one may have taken over. */
  private hasSocket(): boolean {
    return this.inode !== undefined && inodeOf(this.options.socket) === this.inode;
  }

  /** Shims that are served now. */
  get connections(): number {
    return this.shims.size;
  }

  private async serve(socket: Socket): Promise<void> {
    const began = performance.now();
    const gone = new AbortController();
    const shim = new Shim(
      socket,
      (received) => {
        shim.accept(this.options.version, received ? undefined : []);
        if (!received) {
          this.shims.delete(shim); // it is there all the time
          this.executor.take(shim);
        } else if (received.job === undefined) this.admit({ shim, received, began, gone: gone.signal });
        else this.admitJob(shim, received, gone.signal);
      },
      this.earlier,
    );
    this.shims.add(shim);
    await shim.gone;
    gone.abort(ENDED);
    if (this.shims.delete(shim)) this.lastCall = performance.now();
  }

  private admit({ shim, received, began, gone }: Coming): void {
    const { CNI_COMMAND: verb = "", CNI_CONTAINERID: containerId = "" } = received.env;
    const call = new CallNotes(received.env, began);
    this.executor
      .beside(received.env, (jobsEnded) =>
        this.admission.run({ verb, containerId, gone }, async (turn) => {
          await jobsEnded;
          const waitedMs = turn.waitedMs;
          call.begins();
          await this.carryOut(shim, turn, call, received.stdin);
          call.waitedAgain(turn.waitedMs - waitedMs);
        }),
      )
      .catch((error: unknown) => {
        call.left = Fault.of(error).message;
        if (!gone.aborted) shim.fallBack(call.left);
      })
      .finally(() => this.options.observer.ended(call.ends(gone.aborted)));
  }

  /** A job of the executor has the turn of its container until its shim has ended. It is not a call that anybody counts. */
  private admitJob(shim: Shim, received: Received, gone: AbortSignal): void {
    const { CNI_COMMAND: verb = "", CNI_CONTAINERID: containerId = "" } = received.env;
    const job = this.executor.jobOf(received);
    if (!job) {
      shim.hangUp();
      return;
    }
    job.shim = shim;
    shim.isAlone = job.work !== undefined;
    if (job.interrupted !== undefined) shim.hangUp();
    const call = new CallNotes(received.env, performance.now());
    this.admission
      .run({ verb, containerId, gone }, async (turn) => {
        const fault = await this.carryOut(shim, turn, call, received.stdin, job);
        if (!gone.aborted) job.answer = { fault };
        await job.ended;
      })
      .catch(() => shim.hangUp());
  }

  /** Returns why it has failed. */
  private async carryOut(
    shim: Shim,
    turn: Turn,
    call: CallNotes,
    stdin: Uint8Array,
    job?: Job,
  ): Promise<Fault | undefined> {
    const { observer } = this.options;
    const stderr = (line: string, said: Said) => {
      shim.say(line);
      observer.said(call, said);
    };
    const host = hostInTurn(this.timed(shim.host, call), turn);
    const later: (() => void)[] = [];
    let own: Cluster | undefined;
    const ports: Ports = {
      ...this.options.ports,
      host: () => host,
      cluster: (...given) => {
        own = this.options.ports.cluster(...given);
        return own && clusterInTurn(own, turn);
      },
      aside: (wait) => turn.aside(wait),
      together: (question, look) => this.together.answer(question, look),
      recently: (question, ask) => this.recent.answer(question, ask),
      outbox: {
        put: (...event) => later.push(() => this.outbox.put(...event)),
        ...(this.options.describesClaims
          ? { describe: (...given) => later.push(() => own && this.claims.put(own, ...given)) }
          : {}),
      },
      witness: {
        executed: (execution) => call.executed(execution),
        orphans: (...given) => observer.orphans(call, ...given),
      },
      ...(job ? { longestPlugin: LONGEST_PLUGIN_OF_JOB } : {}),
      stderr,
    };
    const { exitCode, stdout, fault } = await carryOut(ports, call.env, stdin, job?.work);
    call.left = shim.refusal;
    call.fault = fault;
    if (shim.refusal !== undefined) {
      shim.fallBack(shim.refusal); // it is plexus that tells the pod's user
      return fault;
    }
    shim.answer(exitCode, stdout);
    for (const tell of later) tell(); // nobody waits for these, so not even for their being written
    return fault;
  }

  private timed(host: Host, call: CallNotes): Host {
    const { observer } = this.options;
    const execute: Host["execute"] = async (path, options) => {
      const began = performance.now();
      try {
        return await host.execute(path, options);
      } finally {
        const { CNI_COMMAND: verb = "" } = options.env;
        const tookMs = performance.now() - began;
        call.pluginsMs += tookMs;
        observer.executed(basename(path), verb, tookMs / 1000);
      }
    };
    return { ...host, execute };
  }

  /** The kernel has closed the connection of a shim that is too many, which becomes `plexus`. */
  private refuse(): void {
    this.refused++;
    const now = performance.now();
    if (now - this.lastRefusal < REFUSALS_TOLD_EVERY_MS) return;
    this.lastRefusal = now;
    const { connections, observer } = this.options;
    observer.warned(
      `more than ${connections} shims at once: each further one becomes plexus, ${this.refused} so far`,
    );
  }

  private tick(): void {
    for (const shim of this.shims) shim.alive();
    this.executor.alive();
    if (!this.hasSocket()) this.end();
    if (this.shims.size > 0) return;
    const { idle } = this.options;
    const quiet = performance.now() - this.lastCall;
    if (quiet > QUIET_MS) giveBackMemory();
    if (idle > 0 && quiet > idle) this.end();
  }
}

/** Reads which socket the shim has made: the third number that it has noted in the lock. One of before an upgrade notes none. */
function inodeNoted(): bigint | undefined {
  const note = Buffer.alloc(80);
  const length = fs.readSync(LOCK_FD, note, 0, note.length, 0);
  const noted = note.toString("latin1", 0, length).trim().split(" ")[2];
  return noted === undefined ? undefined : BigInt(noted);
}
