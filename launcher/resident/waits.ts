// The ports of a call in a resident process: what waits there for others than the node does so without a slot, and what
// many calls want to know at the same time is asked once.

import type { Clock } from "../clock.ts";
import type { Cluster, TimeLimit } from "../cluster/cluster.ts";
import type { Host } from "../host/host.ts";
import type { Turn } from "./admission.ts";

/** Waits for the API server without a slot, and no longer than the runtime waits for the call. */
export function clusterInTurn(cluster: Cluster, turn: Turn): Cluster {
  const within = (limit?: TimeLimit) => ({ ...limit, signal: turn.ended });
  return {
    startConnecting: () => turn.waitFor(cluster.startConnecting()),
    pod: (namespace, name, uid, limit) => turn.waitFor(cluster.pod(namespace, name, uid, within(limit))),
    nad: (namespace, name, limit) => turn.waitFor(cluster.nad(namespace, name, within(limit))),
    claim: (namespace, name, limit) => turn.waitFor(cluster.claim(namespace, name, within(limit))),
    published: (driver, nodeName, limit) => turn.waitFor(cluster.published(driver, nodeName, within(limit))),
    // Mostly it is the last that a call does.
    annotate: (pod, annotations, limit) =>
      turn.waitFor(cluster.annotate(pod, annotations, within(limit)), { resumes: false }),
    recordEvent: (pod, event, limit) => cluster.recordEvent(pod, event, limit),
  };
}

/** Executes with a slot only: the call may have given its own back. */
export function hostInTurn(host: Host, turn: Turn): Host {
  const inTurn =
    <Given extends unknown[], T>(work: (...given: Given) => Promise<T>) =>
    (...given: Given) =>
      turn.execute(() => work(...given));
  return {
    ...host,
    execute: inTurn(host.execute),
    configure: inTurn(host.configure),
    showLink: inTurn(host.showLink),
    moveRdma: inTurn(host.moveRdma),
  };
}

/** A "no" counts for so long: less than anyone waits before asking again. */
const COUNTS_MS = 90;
/** For so long one waits for the answer to another's question. */
const PATIENCE_MS = 1000;

/** Whether files exist that many calls wait for: one of them asks for all. */
export class Awaited {
  private readonly clock: Clock;
  private readonly asked = new Map<string, Promise<boolean>>();
  private readonly missing = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A host for which the file `path` is such a one. */
  host(host: Host, path: string): Host {
    if (path === "") return host;
    return { ...host, exists: (one) => (one === path ? this.exists(host, path) : host.exists(one)) };
  }

  private async exists(host: Host, path: string): Promise<boolean> {
    const asked = this.asked.get(path);
    if (asked) return this.told(asked, () => host.exists(path));
    const since = this.missing.get(path);
    if (since !== undefined && this.clock.now() - since < COUNTS_MS) return false;
    const answer = host.exists(path);
    this.asked.set(path, answer);
    try {
      const exists = await answer;
      if (exists) this.missing.delete(path);
      else this.missing.set(path, this.clock.now());
      return exists;
    } finally {
      this.asked.delete(path);
    }
  }

  /** Who asks may be gone before it is told, or stopped: then each asks for itself. */
  private async told(asked: Promise<boolean>, ask: () => Promise<boolean>): Promise<boolean> {
    const over = new AbortController();
    const late = this.clock.sleep(PATIENCE_MS, over.signal).then(ask);
    late.catch(() => undefined);
    try {
      return await Promise.race([asked.catch(ask), late]);
    } finally {
      over.abort();
    }
  }
}
