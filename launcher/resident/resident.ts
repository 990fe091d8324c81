// `plexus resident` and `plexus daemon`: processes that carry out calls for shims.
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Cluster } from "../cluster/cluster.ts";
import { openCluster } from "../cluster/open.ts";
import { Core } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import { type Ended, ResidentServer } from "./server.ts";

export interface ResidentOptions {
  socket: string;
  /** Seconds without a call, after which it ends; 0 for never. */
  idleSeconds: number;
  /** Take the socket over from a process that answers on it? */
  replace: boolean;
  version: string;
  ended?(call: Ended): void;
}

/** Serves until it is idle, or asked to end by SIGTERM or SIGINT. */
export async function runResident({ idleSeconds, replace, ...options }: ResidentOptions): Promise<void> {
  const server = await ResidentServer.open(
    {
      ...options,
      idle: idleSeconds * 1000,
      limit: 4 * availableParallelism(),
      means: { core: new Core(wasm()), cluster: clusters() },
    },
    replace,
  );
  if (!server) return;
  const asked = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await Promise.race([server.idle, asked]);
  await server.close();
}

/** One connection to each cluster, for all calls; anew where its kubeconfig has been written anew. */
function clusters() {
  const open = new Map<string, { cluster: Cluster | undefined; written: number }>();
  return (
    { kubeconfig }: { kubeconfig: string },
    _env: unknown,
    log: { write(level: "error", text: string): void },
  ) => {
    const written = kubeconfig === "" ? 0 : (statSync(kubeconfig, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    const before = open.get(kubeconfig);
    if (before?.written === written) return before.cluster;
    const cluster = openCluster(kubeconfig, process.env, (message) => log.write("error", message));
    open.set(kubeconfig, { cluster, written });
    return cluster;
  };
}
