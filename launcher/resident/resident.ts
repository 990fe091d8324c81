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
import type { Log } from "../log/log.ts";
import { leaveCgroup } from "./cgroup.ts";
import type { Endpoint } from "./endpoint.ts";
import { collectGarbage } from "./memory.ts";
import { type Observer, ResidentServer } from "./server.ts";

/** How long calls may still run after SIGTERM. */
const DRAIN_MS = 20_000;

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
  const limitMs = await Promise.race([server.over, asked().then(() => DRAIN_MS)]);
  await server.close(limitMs ?? undefined);
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
  const isOver = await Promise.race([server.over.then(() => true), asked().then(() => false)]);
  if (isOver)
    warn(`somebody has replaced or removed ${socket}, so no call comes here any more; this process ends`);
  await server.close(DRAIN_MS);
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

/** One connection to each cluster, for all calls; anew if its kubeconfig, or who may read it, has changed. */
function clusters(): Ports["cluster"] {
  const open = new Map<string, { cluster: Cluster | undefined; stop(): void; changed: number; log: Log }>();
  return ({ kubeconfig }, _env, log) => {
    const changed = kubeconfig === "" ? 0 : (statSync(kubeconfig, { throwIfNoEntry: false })?.ctimeMs ?? 0);
    const before = open.get(kubeconfig);
    if (before?.changed === changed) {
      before.log = log; // the log of an earlier call ended with it
      return before.cluster;
    }
    before?.stop();
    const warn = (message: string) => open.get(kubeconfig)?.log.write("error", message);
    const following = () =>
      new FollowingCluster({ ...accessBy(() => readKubeconfig(kubeconfig, warn), process.env), warn });
    const inPod = () => ({ cluster: openCluster("", process.env, warn), stop: () => undefined });
    const one = kubeconfig === "" ? inPod() : following();
    open.set(kubeconfig, { cluster: one.cluster, stop: () => one.stop(), changed, log });
    return one.cluster;
  };
}
