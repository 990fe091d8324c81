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
import { Fault } from "../fault.ts";
import type { Log } from "../log/log.ts";
import { leaveCgroup } from "./cgroup.ts";
import { collectGarbage } from "./memory.ts";
import { ResidentServer } from "./server.ts";
import { type Serving, Telling } from "./telling.ts";

/** How long calls may still run after SIGTERM. */
const DRAIN_MS = 20_000;

export interface ResidentOptions extends Serving {
  /** Seconds without a call, after which it ends; 0 for never. */
  idleSeconds: number;
  /** Take the socket over from a process that answers on it? */
  replace: boolean;
  /** Has a shim started it, which has made the socket? */
  isStartedByShim: boolean;
}

export interface DaemonOptions extends Serving {
  nodeName: string;
  /** Path, or "" for the service account of the pod that it runs in. */
  kubeconfig: string;
}

/** Serves until it is idle, another process has its socket, or it is asked to end by SIGTERM or SIGINT. */
export async function runResident(options: ResidentOptions): Promise<void> {
  const { socket, version, slots, connections, idleSeconds, replace, isStartedByShim: isInherited } = options;
  const telling = new Telling(options);
  const { observer } = telling;
  telling.starts("resident", { idle: idleSeconds });
  const warn = (message: string) => observer.warned(message);
  const ports = portsTo(clusters(warn));
  const idle = idleSeconds * 1000;
  const server = await telling.during(() =>
    ResidentServer.open({ socket, version, idle, slots, connections, ports, isInherited, observer }, replace),
  );
  if (!server) return telling.ends("another process serves");
  // Calls need not wait for that.
  if (isInherited) leaveCgroup().catch((error: unknown) => warn(Fault.of(error).message));
  telling.serves(server, ports.core);
  telling.isReady();
  const isAsked = await Promise.race([server.over.then(() => false), telling.asked.then(() => true)]);
  if (!isAsked) telling.isEnding("there was no call for long, or another process has the socket");
  await server.close(isAsked ? DRAIN_MS : undefined);
  await telling.ends("all calls have ended");
}

/** Knows the cluster beforehand, and serves until it is asked to end by SIGTERM or SIGINT. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { socket, version, slots, connections, nodeName, kubeconfig } = options;
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = process.env;
  if (kubeconfig === "" && (host === "" || port === "")) {
    throw new Error(
      "cannot follow the cluster: there is no service account here; run it in a pod that has one, or give --kubeconfig",
    );
  }
  const telling = new Telling(options);
  const { observer } = telling;
  telling.starts("daemon", { node: nodeName, kubeconfig: kubeconfig || undefined });
  const warn = (message: string) => observer.warned(message);
  const connect = async () => (kubeconfig === "" ? inCluster(host, port) : readKubeconfig(kubeconfig, warn));
  const watched = new WatchedCluster({ ...accessBy(connect, process.env), nodeName, warn });
  const ports = portsTo(() => watched.cluster);
  const server = await telling.during(() =>
    ResidentServer.open({ socket, version, idle: 0, slots, connections, ports, observer }, true),
  );
  if (!server) return;
  telling.serves(server, ports.core, watched);
  void telling.tellWhenFollowed(watched);
  const isOver = await Promise.race([server.over.then(() => true), telling.asked.then(() => false)]);
  if (isOver) {
    const why = `somebody has replaced or removed ${socket}, so no call comes here any more`;
    warn(`${why}; this process ends`);
    telling.isEnding(why);
  }
  await server.close(DRAIN_MS);
  watched.stop();
  await telling.ends("all calls have ended");
  process.exit(isOver ? 1 : 0); // connections to the API server, and to whoever reads metrics, are of no use any more
}

function portsTo(cluster: Ports["cluster"]) {
  return { core: new Core(wasm(), collectGarbage), clock: systemClock, builtIns: BUILT_INS, cluster };
}

/** One connection to each cluster, for all calls; anew if its kubeconfig, or who may read it, has changed. */
function clusters(tell: (message: string) => void): Ports["cluster"] {
  const open = new Map<string, { cluster: Cluster | undefined; stop(): void; changed: number; log: Log }>();
  return ({ kubeconfig }, _env, log) => {
    const changed = kubeconfig === "" ? 0 : (statSync(kubeconfig, { throwIfNoEntry: false })?.ctimeMs ?? 0);
    const before = open.get(kubeconfig);
    if (before?.changed === changed) {
      before.log = log; // the log of an earlier call ended with it
      return before.cluster;
    }
    before?.stop();
    // The call may have ended, and its conf may want no log.
    const warn = (message: string) => {
      tell(message);
      open.get(kubeconfig)?.log.write("error", message);
    };
    const following = () =>
      new FollowingCluster({ ...accessBy(() => readKubeconfig(kubeconfig, warn), process.env), warn });
    const inPod = () => ({ cluster: openCluster("", process.env, warn), stop: () => undefined });
    const one = kubeconfig === "" ? inPod() : following();
    open.set(kubeconfig, { cluster: one.cluster, stop: () => one.stop(), changed, log });
    return one.cluster;
  };
}
