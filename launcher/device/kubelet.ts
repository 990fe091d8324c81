// The devices that the kubelet has given to a pod: from its pod-resources API, or, if there is no such socket, from the file in
// which its device manager remembers it. The order, and the limits, are Multus's.
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

/** Rejects with a Fault: code 11 if the kubelet gives no answer, 6 and 5 if its file is of no use. */
export async function podResources(host: Host, pod: Pod, kubelet: Kubelet): Promise<PodResources> {
  const { socket, checkpoint } = kubelet;
  if (await host.exists(socket)) return askKubelet(host, pod, kubelet);
  const text = await host.read(checkpoint);
  if (text !== undefined) return { devices: checkpointDevices(text, checkpoint, pod.uid), claims: new Map() };
  throw new Fault(
    Code.ioFailure,
    `cannot determine the devices of pod ${pod.namespace}/${pod.name}: there is neither ${socket} nor ` +
      `${checkpoint}; set \`kubeletRoot\` in the conf to the kubelet's root directory, and see that it runs`,
  );
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
