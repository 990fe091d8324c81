// The pod a call is for, as the API server knows it.
import type { Pod } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import { type Call, podOf } from "./call.ts";

/** Who creates a pod, by kubelet's own annotation: `api`, or for static pods `file` and `http`. */
const CONFIG_SOURCE = "kubernetes.io/config.source";

/** Is the container a pod's, on a node with Kubernetes? */
export function isPod({ cluster, runtime }: Call): boolean {
  return cluster !== undefined && podOf(runtime.args).name !== "";
}

/** The pod, or undefined if it is gone. Throws if its name is another pod's by now. */
export async function findPod(call: Call): Promise<Pod | undefined> {
  const { namespace, name, uid } = podOf(call.runtime.args);
  const pod = await call.cluster?.pod(namespace, name, uid);
  if (!pod || uid === "" || uid === pod.uid || isStatic(pod)) return pod;
  throw new Fault(
    Code.tryAgainLater,
    `cannot attach pod ${namespace}/${name} of UID ${uid}: it was replaced by one with UID ${pod.uid}; its sandbox is about to ` +
      "be deleted",
  );
}

/** The API server has a mirror of a static pod, with a UID of its own. */
function isStatic({ annotations }: Pod): boolean {
  return (annotations[CONFIG_SOURCE] ?? "api") !== "api";
}
