// Whether there is a Kubernetes to ask, and where.
import type { Cluster } from "./cluster.ts";
import { inCluster } from "./connection.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { restCluster } from "./rest.ts";

/**
 * The cluster of a conf's `kubeconfig`, or else the one whose pod this process runs in, as Multus has it; undefined where
 * there is neither. Nothing is read or connected before the first question; its errors are answers to that.
 *
 * @param kubeconfig path, or ""
 * @param warn is told of what should be mended but stops nothing
 */
export function openCluster(
  kubeconfig: string,
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): Cluster | undefined {
  if (kubeconfig !== "") return restCluster(() => readKubeconfig(kubeconfig, warn), env);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host && port) return restCluster(async () => inCluster(host, port), env);
  return undefined;
}
