// The devices that the kubelet has given to a pod: from its pod-resources API, or, if there is no such socket, from the file in
// which its device manager remembers it. The order, and the limits, are Multus's. A job of the executor's reads the file wherever
// the socket is: through the shim nobody speaks gRPC. Devices of ResourceClaims are not in it; the API server knows them.
import type { Pod } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import { type Host, LeftToNode } from "../host/host.ts";
import { lazy } from "../lazy.ts";
import { checkpointDevices } from "./checkpoint.ts";
import type { PodResources } from "./resources.ts";

/** The kubelet's files, and how long it may take to answer. */
export interface Kubelet {
  socket: string;
  checkpoint: string;
  limitMs: number;
}

const LIMIT_MS = 10_000;

/** @param root its root directory */
export function kubeletAt(root: string): Kubelet {
  return {
    socket: `${root}/pod-resources/kubelet.sock`,
    checkpoint: `${root}/device-plugins/kubelet_internal_checkpoint`,
    limitMs: LIMIT_MS,
  };
}

const LIST = "/v1.PodResourcesLister/List";

/**
 * Rejects with a Fault: code 11 if the kubelet gives no answer, 6 and 5 if its file is of no use; with LeftToNode if the shim does
 * neither.
 */
export async function podResources(host: Host, pod: Pod, kubelet: Kubelet): Promise<PodResources> {
  const { socket, checkpoint } = kubelet;
  let missing = `there is neither ${socket} nor ${checkpoint}`;
  try {
    if (await host.exists(socket)) return await askKubelet(host, pod, kubelet);
  } catch (error) {
    if (!isJobs(error)) throw error;
    missing = `there is no ${checkpoint}, and ${socket} is not asked while the pod runs`;
  }
  const text = await readCheckpoint(host, pod, checkpoint);
  if (text !== undefined) return { devices: checkpointDevices(text, checkpoint, pod.uid), claims: new Map() };
  throw new Fault(
    Code.ioFailure,
    `cannot determine the devices of pod ${pod.namespace}/${pod.name}: ${missing}; ` +
      "set `kubeletRoot` in the conf to the kubelet's root directory, and see that it runs",
  );
}

/** Is it what the shim does not do for a job? Of a call of the runtime nothing more is done: `plexus` does it. */
function isJobs(error: unknown): boolean {
  return error instanceof LeftToNode && error.isForGood;
}

async function readCheckpoint(host: Host, pod: Pod, checkpoint: string): Promise<string | undefined> {
  try {
    return await host.read(checkpoint);
  } catch (error) {
    if (!isJobs(error)) throw error;
    throw new LeftToNode(
      `cannot determine the devices of pod ${pod.namespace}/${pod.name} while it runs: the shim may not read ${checkpoint}; add the ` +
        "line `kubelet DIRECTORY`, with the kubelet's root directory, to plexus-shim.conf, or create the pod anew",
      true,
    );
  }
}

async function askKubelet(host: Host, pod: Pod, { socket, limitMs }: Kubelet): Promise<PodResources> {
  try {
    const answer = await host.grpc(socket, LIST, limitMs);
    return lazy("podresources").resourcesIn(answer, pod);
  } catch (error) {
    if (error instanceof LeftToNode) throw error;
    throw new Fault(
      Code.tryAgainLater,
      `cannot ask the kubelet for the devices of pod ${pod.namespace}/${pod.name} on ${socket} within ` +
        `${limitMs / 1000} s: ${(error as Error).message}; see that it runs`,
    );
  }
}
