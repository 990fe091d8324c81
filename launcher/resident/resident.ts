// `plexus resident` and `plexus daemon`: processes that carry out calls for shims.
import { statSync } from "node:fs";
import { Core } from "../../packages/core/index.ts";
import type { Ports } from "../attach/verbs.ts";
import { BUILT_INS } from "../builtins.ts";
import { systemClock } from "../clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { inCluster } from "../cluster/connection.ts";
import { FollowingCluster } from "../cluster/following.ts";
import { readKubeconfig } from "../cluster/kubeconfig.ts";
import { accessBy, openCluster } from "../cluster/open.ts";
import { WatchedCluster } from "../cluster/watch.ts";
import { wasm } from "../core/wasm.ts";
import { Fault } from "../fault.ts";
import { HotPlug } from "../hotplug/loop.ts";
import { leaveCgroup } from "./cgroup.ts";
import { Delegating } from "./delegating.ts";
import { collectGarbage } from "./memory.ts";
import { MultusSocket } from "./multus.ts";
import { ResidentServer } from "./server.ts";
import { type Serving, Telling } from "./telling.ts";
import { Warnings } from "./warnings.ts";

/** How long calls may still run after SIGTERM. */
const DRAIN_MS = 20_000;
/** And after another process has taken over: no runtime waits for a call for so long. */
const LONGEST_DRAIN_MS = 600_000;

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
  /** Seconds, after which it looks again for what the runtime has left, if there is an executor. */
  healSeconds: number;
  /** Where clients of Multus's daemon are served; "" for nowhere. */
  multusSocket: string;
}

/** Serves until it is idle, another process has its socket, or it is asked to end by SIGTERM or SIGINT. */
export async function runResident(options: ResidentOptions): Promise<void> {
  const { socket, version, slots, connections, idleSeconds, replace, isStartedByShim: isInherited } = options;
  const { describesClaims } = options;
  const telling = new Telling(options);
  const { observer } = telling;
  telling.starts("resident", { idle: idleSeconds });
  const warn = (message: string) => observer.warned(message);
  const ports = portsTo(clusters(warn));
  const idle = idleSeconds * 1000;
  const server = await telling.during(() =>
    ResidentServer.open(
      { socket, version, idle, slots, connections, ports, isInherited, observer, describesClaims },
      replace,
    ),
  );
  if (!server) return telling.ends("another process serves");
  // Calls need not wait for that.
  if (isInherited) leaveCgroup().catch((error: unknown) => warn(Fault.of(error).message));
  telling.serves(server, ports.core);
  telling.isReady();
  const isOver = await ended(server, telling, LONGEST_DRAIN_MS);
  if (isOver) telling.isEnding("there was no call for long, or another process has the socket");
  await server.close();
  await telling.ends("all calls have ended");
}

/**
 * Resolves when the server is over, or is asked to end: true if nobody has asked. The calls that run then are left to `plexus`
 * some time later; if it is asked while they run, sooner.
 *
 * @param limitMs for the calls if nobody has asked
 */
async function ended(server: ResidentServer, telling: Telling, limitMs: number): Promise<boolean> {
  const isAsked = telling.asked.then(() => {
    server.leaveAfter(DRAIN_MS);
    return false;
  });
  const isOver = await Promise.race([server.over.then(() => true), isAsked]);
  if (isOver) server.leaveAfter(limitMs);
  return isOver;
}

/** Knows the cluster beforehand, and serves until it is asked to end by SIGTERM or SIGINT. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { socket, version, slots, connections, nodeName, kubeconfig, describesClaims } = options;
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
    ResidentServer.open(
      { socket, version, idle: 0, slots, connections, ports, observer, describesClaims },
      true,
    ),
  );
  if (!server) return;
  telling.serves(server, ports.core, watched);
  const hotPlug = plugging(server, watched, options.healSeconds, warn);
  const multus = servingMultus(server, options.multusSocket, warn);
  void telling.tellWhenFollowed(watched);
  const isOver = await ended(server, telling, DRAIN_MS);
  if (isOver) {
    const why = `somebody has replaced or removed ${socket}, so no call comes here any more`;
    warn(`${why}; this process ends`);
    telling.isEnding(why);
  }
  hotPlug.stop();
  multus?.close();
  await server.close();
  watched.stop();
  await telling.ends("all calls have ended");
  process.exit(isOver ? 1 : 0); // connections to the API server, and to whoever reads metrics, are of no use any more
}

/** Does something only if there is an executor: `plexus-shim --serve`. */
function plugging(
  { executor }: ResidentServer,
  watched: WatchedCluster,
  healSeconds: number,
  warn: (message: string) => void,
): HotPlug {
  const isRunning = (namespace: string, name: string) => watched.isRunning(namespace, name);
  const [healEveryMs, givenUpMs] = [healSeconds * 1000, healSeconds * 2000];
  const hotPlug = new HotPlug({
    hands: executor,
    clock: systemClock,
    isRunning,
    warn,
    healEveryMs,
    givenUpMs,
  });
  executor.connected = () => void hotPlug.connected();
  watched.changed = (pod, isNew) => hotPlug.changed(pod, isNew);
  void hotPlug.run();
  return hotPlug;
}

/** Serves /delegate, if that is wanted: the executor does what clients ask for. */
function servingMultus(
  { executor }: ResidentServer,
  path: string,
  warn: (message: string) => void,
): MultusSocket | undefined {
  if (path === "") return undefined;
  const multus = new MultusSocket({ path, clock: systemClock, delegating: new Delegating(executor), warn });
  void multus.serve();
  return multus;
}

function portsTo(cluster: Ports["cluster"]) {
  let loaded: Core | undefined;
  const linter = () => {
    loaded ??= new Core(wasm("lint.wasm"), { replacing: collectGarbage });
    return loaded;
  };
  return {
    core: new Core(wasm(), { replacing: collectGarbage }),
    clock: systemClock,
    builtIns: BUILT_INS,
    cluster,
    linter,
  };
}

/**
 * One connection to each cluster, for all calls; anew if its kubeconfig, or who may read it, has changed. Connections renew
 * themselves, but what is known is of the cluster that the kubeconfig named then, and so are the rights that were refused.
 *
 * @param tell takes warnings, beside the log of the last call: that may have ended, and its conf may want no log
 */
function clusters(tell: (message: string) => void): Ports["cluster"] {
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
    const warn = (message: string) => {
      tell(message);
      warnings.warn(message);
    };
    const following = () =>
      new FollowingCluster({ ...accessBy(() => readKubeconfig(kubeconfig, warn), process.env), warn });
    const inPod = () => ({ cluster: openCluster("", process.env, warn), stop: () => undefined });
    const one = kubeconfig === "" ? inPod() : following();
    open.set(kubeconfig, { cluster: one.cluster, stop: () => one.stop(), changed });
    return one.cluster;
  };
}
