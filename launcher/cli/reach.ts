// Which API server a command asks: the one that kubectl asks, or a node's.
import { readFileSync } from "node:fs";
import { inCluster } from "../cluster/connection.ts";
import { readKubeconfig } from "../cluster/kubeconfig.ts";
import { type AskedFor, type Chosen, chooseConnection } from "../cluster/kubectl.ts";

const NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/**
 * Says how the API server is reached: by --kubeconfig, KUBECONFIG or ~/.kube/config; by the node's conf of Plexus; or as
 * a pod.
 *
 * @param confKubeconfig returns the path that the node's conf names; undefined if there is none
 * @throws Error if there is no way, or what describes it cannot be used
 */
export async function reachCluster(
  asked: AskedFor,
  env: NodeJS.ProcessEnv,
  confKubeconfig: () => Promise<string | undefined> = async () => undefined,
): Promise<Chosen> {
  const chosen = await chooseConnection(asked, env);
  if (chosen) return chosen;
  const path = await confKubeconfig();
  if (path !== undefined) return { connection: await readKubeconfig(path, () => undefined), namespace: "" };
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host && port) return { connection: inCluster(host, port), namespace: mountedNamespace() };
  throw new Error(
    "there is no kubeconfig: neither KUBECONFIG nor ~/.kube/config names an API server; name one with --kubeconfig",
  );
}

function mountedNamespace(): string {
  try {
    return readFileSync(NAMESPACE_FILE, "utf8").trim();
  } catch {
    return ""; // a token alone is mounted
  }
}
