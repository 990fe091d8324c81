// The cluster of a node in production: which API server, and how it is reached.
import { systemClock } from "../clock.ts";
import type { Cluster } from "./cluster.ts";
import { type Connection, inCluster } from "./connection.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { restCluster } from "./rest.ts";
import type { ApiAccess } from "./transport.ts";

/**
 * Makes the cluster of a conf's `kubeconfig`; without one, as Multus, that of the pod this process runs in. Nothing is
 * read or connected before the first question, which rejects with what goes wrong.
 *
 * @param kubeconfig path, or ""
 * @param env has the API server's address in a pod, and may name a proxy
 * @param warn takes a message about what should be mended, but stops nothing
 * @returns undefined if there is neither
 */
export function openCluster(
  kubeconfig: string,
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): Cluster | undefined {
  if (kubeconfig !== "") return restCluster(accessBy(() => readKubeconfig(kubeconfig, warn), env));
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host && port) return restCluster(accessBy(async () => inCluster(host, port), env));
  return undefined;
}

/**
 * Makes the access to a real API server, in real time.
 *
 * @param connect says how the server is reached; asked each time the access is opened
 * @param env may name a proxy
 */
export function accessBy(connect: () => Promise<Connection>, env: NodeJS.ProcessEnv): ApiAccess {
  return {
    async open() {
      const connection = await connect();
      const { openHttp } = await import("./http.ts"); // it loads node:net
      return openHttp(connection, env);
    },
    clock: systemClock,
    random: Math.random,
  };
}
