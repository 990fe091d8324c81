// What the kubelet has given to a pod: from its pod-resources API, or, where there is no such socket, from the file in
// which its device manager remembers it. The order, and the limits, are Multus's.
import type { Pod } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import { lazy } from "../lazy.ts";
import { checkpointDevices } from "./checkpoint.ts";
import type { PodResources } from "./resources.ts";

/** Where the kubelet has its files; `timeout` in milliseconds. */
export interface Kubelet {
  socket: string;
  checkpoint: string;
  timeout: number;
}

export const KUBELET: Kubelet = {
  socket: "/var/lib/kubelet/pod-resources/kubelet.sock",
  checkpoint: "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
  timeout: 10_000,
};

/** Rejects with a Fault: code 11 where the kubelet gives no answer, 6 and 5 where its file is of no use. */
export async function podResources(host: Host, pod: Pod, kubelet: Kubelet): Promise<PodResources> {
  const { socket, checkpoint } = kubelet;
  if (await host.exists(socket)) return askKubelet(pod, kubelet);
  const text = await host.read(checkpoint);
  if (text !== undefined) return { devices: checkpointDevices(text, checkpoint, pod.uid), claims: new Map() };
  throw new Fault(
    Code.ioFailure,
    `the devices of pod ${pod.namespace}/${pod.name} are not to be found: there is neither ${socket} nor ` +
      `${checkpoint}; the kubelet must run on this node, with /var/lib/kubelet as its root directory`,
  );
}

async function askKubelet(pod: Pod, { socket, timeout }: Kubelet): Promise<PodResources> {
  const { podResources } = lazy("podresources");
  try {
    return await podResources(socket, pod, timeout);
  } catch (error) {
    throw new Fault(
      Code.tryAgainLater,
      `the kubelet was asked for the devices of pod ${pod.namespace}/${pod.name} on ${socket}, with a limit of ` +
        `${timeout / 1000} s: ${(error as Error).message}`,
    );
  }
}
