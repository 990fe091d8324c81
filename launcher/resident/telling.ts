// What a resident process tells of itself: that it starts, is ready and ends, in its log; and its metrics and health.

import type { Core } from "../../packages/core/index.ts";
import { systemClock } from "../clock.ts";
import type { WatchedCluster } from "../cluster/watch.ts";
import { lazy } from "../lazy.ts";
import { ProcessLog, type ProcessLogOptions } from "../log/process.ts";
import type { Details } from "../log/record.ts";
import { thisBuild } from "../version.ts";
import type { Endpoint } from "./endpoint.ts";
import { loggingTo } from "./logging.ts";
import { Observers } from "./observer.ts";
import { REASONS } from "./reasons.ts";
import type { ResidentServer } from "./server.ts";
import { Tally } from "./tally.ts";

/** How long lines of the log may still be taken at the end. */
const LAST_LINES_MS = 500;
/** How often it is looked whether the cluster is followed by now. */
const LOOK_AGAIN_MS = 100;

/** What `plexus resident` and `plexus daemon` have in common. */
export interface Serving {
  socket: string;
  version: string;
  /** Calls that work at once. */
  slots: number;
  /** Shims at once. */
  connections: number;
  /** Do ResourceClaims say what their devices are? */
  describesClaims: boolean;
  /** Where metrics and health are served; undefined for nowhere. */
  metrics: Endpoint | undefined;
  log: ProcessLogOptions;
}

export class Telling {
  readonly observer = new Observers();
  /** Resolves when the process is asked to end, by SIGTERM or SIGINT. */
  readonly asked: Promise<void>;
  private readonly options: Serving;
  private readonly log: ProcessLog;
  private readonly over = new AbortController();
  private endsBecause: string | undefined;

  constructor(options: Serving) {
    this.options = options;
    this.log = new ProcessLog(options.log);
    this.observer.all.push(loggingTo(this.log));
    this.asked = new Promise((resolve) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const)
        process.once(signal, () => {
          this.isEnding(`it has got ${signal}`);
          resolve();
        });
    });
  }

  starts(what: "resident" | "daemon", more: Details): void {
    const { socket, version, slots, connections, metrics } = this.options;
    const at =
      metrics && `${metrics.host.includes(":") ? `[${metrics.host}]` : metrics.host}:${metrics.port}`;
    const { pid } = process;
    this.log.write("info", `plexus ${what} starts`, {
      version,
      pid,
      socket,
      slots,
      connections,
      metrics: at,
      ...more,
    });
  }

  /** Does what has to be done before it can serve. A failure is in the log, too. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.log.write("error", "cannot serve", { error: (error as Error).message });
      await this.ends("it cannot serve");
      throw error;
    }
  }

  /** It serves calls: metrics and health are there from now on, if they are wanted. */
  serves(server: ResidentServer, core: Core, watched?: WatchedCluster): void {
    const { metrics, connections, slots, socket } = this.options;
    if (metrics === undefined) return;
    const { admission, claims, outbox } = server;
    const sources = {
      build: thisBuild(),
      reasons: REASONS,
      tally: new Tally(socket),
      known: watched?.kinds ?? [],
      problem: async () => this.endsBecause ?? watched?.problem(),
      running: () => admission.running,
      waiting: () => admission.waiting,
      slots,
      connected: () => server.connections,
      connections,
      refused: () => server.refused,
      dropped: () => this.log.dropped,
      events: () => outbox.fates,
      claims: () => claims.fates,
      isAlive: () => core.isAlive(),
    };
    const warn = (message: string) => this.observer.warned(message);
    this.observer.all.push(lazy("metrics").serveMetrics(metrics, sources, { clock: systemClock, warn }));
  }

  isReady(more: Details = {}): void {
    this.log.write("info", "is ready", { seconds: Math.round(process.uptime() * 1000) / 1000, ...more });
  }

  /** Says that it is ready as soon as the cluster is followed. Until then calls are served too, by asking. */
  async tellWhenFollowed({ kinds }: WatchedCluster): Promise<void> {
    const { signal } = this.over;
    while (!kinds.every((kind) => kind.isFollowed())) {
      await systemClock.sleep(LOOK_AGAIN_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
    this.isReady(Object.fromEntries(kinds.map(({ kind, count }) => [`${kind}s`, count])));
  }

  /** From now on it is not ready, so that nobody counts on it: calls that run go on. */
  isEnding(why: string): void {
    if (this.endsBecause !== undefined) return;
    this.endsBecause = `this process ends: ${why}`;
    this.over.abort();
    this.log.write("info", "ends when its calls have", { reason: why });
  }

  /** Says so, and gives the log some time. */
  async ends(why: string): Promise<void> {
    this.over.abort();
    this.log.write("info", "has ended", { reason: why });
    await Promise.race([this.log.flush(), systemClock.sleep(LAST_LINES_MS)]);
  }
}
