// `plexus resident` and `plexus daemon`: processes that carry out calls for shims.
import { statSync } from "node:fs";
import type { Ports } from "../attach/verbs.ts";
import { BUILT_INS } from "../builtins.ts";
import { systemClock } from "../clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { inCluster } from "../cluster/connection.ts";
import { FollowingCluster } from "../cluster/following.ts";
import { readKubeconfig } from "../cluster/kubeconfig.ts";
import { accessBy, openCluster } from "../cluster/open.ts";
import { WatchedCluster } from "../cluster/watch.ts";
import { Core } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import { lazy } from "../lazy.ts";
import { leaveCgroup } from "./cgroup.ts";
import type { Endpoint } from "./endpoint.ts";
import { collectGarbage } from "./memory.ts";
import { type Observer, ResidentServer } from "./server.ts";
import { Warnings } from "./warnings.ts";

/** How long calls may still run after SIGTERM. */
const DRAIN_MS = 20_000;
/** And after another process has taken over: no runtime waits for a call for so long. */
const LONGEST_DRAIN_MS = 600_000;

interface Common {
  socket: string;
  version: string;
  /** Calls that work at once. */
  slots: number;
}

export interface ResidentOptions extends Common {
  /** Seconds without a call, after which it ends; 0 for never. */
  idleSeconds: number;
  /** Take the socket over from a process that answers on it? */
  replace: boolean;
  /** Has a shim started it, which has made the socket? */
  isStartedByShim: boolean;
}

export interface DaemonOptions extends Common {
  nodeName: string;
  /** Path, or "" for the service account of the pod that it runs in. */
  kubeconfig: string;
  /** Where metrics and health are served; undefined for nowhere. */
  metrics: Endpoint | undefined;
}

/** Serves until it is idle, another process has its socket, or it is asked to end by SIGTERM or SIGINT. */
export async function runResident({
  socket,
  version,
  slots,
  idleSeconds,
  replace,
  isStartedByShim: isInherited,
}: ResidentOptions): Promise<void> {
  const ports = portsTo(clusters());
  const idle = idleSeconds * 1000;
  const options = { socket, version, idle, slots, ports, isInherited };
  const server = await ResidentServer.open(options, replace);
  if (!server) return;
  if (isInherited) leaveCgroup().catch((error: unknown) => console.error(error)); // calls need not wait for that
  await ended(server, LONGEST_DRAIN_MS);
  await server.close();
}

/**
 * Resolves when the server is over, or is asked to end: true if nobody has asked. The calls that run then are left to `plexus`
 * some time later; if it is asked while they run, sooner.
 *
 * @param limitMs for the calls if nobody has asked
 */
async function ended(server: ResidentServer, limitMs: number): Promise<boolean> {
  const isAsked = asked().then(() => {
    server.leaveAfter(DRAIN_MS);
    return false;
  });
  const isOver = await Promise.race([server.over.then(() => true), isAsked]);
  if (isOver) server.leaveAfter(limitMs);
  return isOver;
}

/** Knows the cluster beforehand, and serves until it is asked to end by SIGTERM or SIGINT. */
export async function runDaemon({
  socket,
  version,
  slots,
  nodeName,
  kubeconfig,
  metrics,
}: DaemonOptions): Promise<void> {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = process.env;
  if (kubeconfig === "" && (host === "" || port === "")) {
    throw new Error(
      "cannot follow the cluster: there is no service account here; run it in a pod that has one, or give --kubeconfig",
    );
  }
  const warn = (message: string) => console.error(message);
  const connect = async () => (kubeconfig === "" ? inCluster(host, port) : readKubeconfig(kubeconfig, warn));
  const watched = new WatchedCluster({ ...accessBy(connect, process.env), nodeName, warn });
  const observer = new LateObserver();
  const ports = portsTo(() => watched.cluster);
  const log = (line: string) => void process.stderr.write(line);
  const options = {
    socket,
    version,
    idle: 0,
    slots,
    ports,
    observer,
    log,
  };
  const server = await ResidentServer.open(options, true);
  if (!server) return;
  if (metrics) {
    const { serveMetrics } = lazy("metrics");
    const { admission, outbox } = server;
    const sources = {
      known: watched.kinds,
      problem: () => watched.problem(),
      running: () => admission.running,
      waiting: () => admission.waiting,
      events: () => outbox.fates,
      isAlive: () => ports.core.isAlive(),
    };
    observer.to = serveMetrics(metrics, sources, { clock: systemClock, warn });
  }
  const isOver = await ended(server, DRAIN_MS);
  if (isOver)
    warn(`somebody has replaced or removed ${socket}, so no call comes here any more; this process ends`);
  await server.close();
  watched.stop();
  process.exit(isOver ? 1 : 0); // connections to the API server, and to whoever reads metrics, are of no use any more
}

function portsTo(cluster: Ports["cluster"]) {
  return { core: new Core(wasm(), collectGarbage), clock: systemClock, builtIns: BUILT_INS, cluster };
}

/** Passes on to the observer that is there by then. */
class LateObserver implements Observer {
  to: Observer | undefined;

  ended(call: Parameters<Observer["ended"]>[0]): void {
    this.to?.ended(call);
  }

  executed(...execution: Parameters<Observer["executed"]>): void {
    this.to?.executed(...execution);
  }
}

function asked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

/**
 * One connection to each cluster, for all calls; anew if its kubeconfig, or who may read it, has changed. Connections renew
 * themselves, but what is known is of the cluster that the kubeconfig named then, and so are the rights that were refused.
 */
function clusters(): Ports["cluster"] {
  const open = new Map<string, { cluster: Cluster | undefined; stop(): void; changed: number }>();
  const told = new Map<string, Warnings>();
  return ({ kubeconfig }, _env, log) => {
    const changed = kubeconfig === "" ? 0 : (statSync(kubeconfig, { throwIfNoEntry: false })?.ctimeMs ?? 0);
    const warnings = told.get(kubeconfig) ?? new Warnings();
    told.set(kubeconfig, warnings);
    warnings.tell(log);
    const before = open.get(kubeconfig);
    if (before?.changed === changed) return before.cluster;
    before?.stop();
    const { warn } = warnings;
    const following = () =>
      new FollowingCluster({ ...accessBy(() => readKubeconfig(kubeconfig, warn), process.env), warn });
    const inPod = () => ({ cluster: openCluster("", process.env, warn), stop: () => undefined });
    const one = kubeconfig === "" ? inPod() : following();
    open.set(kubeconfig, { cluster: one.cluster, stop: () => one.stop(), changed });
    return one.cluster;
  };
}
