// The pods of the containers, and the NetworkAttachmentDefinitions they select, in the API server; and what they were like.
import type { ApiObject, ApiServer } from "./apiserver.ts";
import {
  annotationFor,
  type ContainerSetup,
  confOf,
  everyonesNetworks,
  isOfVfs,
  type NetworkSetup,
  podName,
  type Setup,
  vfOf,
} from "./setup.ts";
import type { Timeline } from "./timeline.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";
const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";

const RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName";
const RESOURCE = "example.com/vf";

/** What a pod selected, from a time on; undefined where it was not there. */
interface Selected {
  sinceMs: number;
  annotation: string | undefined;
}

export class Pods {
  private readonly uids = new Map<string, string>();
  private readonly selected = new Map<string, Selected[]>();

  constructor(
    private readonly server: ApiServer,
    private readonly timeline: Timeline,
    private readonly setup: Setup,
  ) {
    if (!setup.kubernetes) return;
    for (const network of setup.networks.slice(everyonesNetworks(setup).length)) this.createNad(network);
    for (const container of setup.containers) this.uids.set(container.id, this.create(container));
  }

  createNad(network: NetworkSetup): void {
    const spec = { config: JSON.stringify(confOf(this.setup, network)) };
    const annotations = isOfVfs(network) ? { [RESOURCE_NAME]: RESOURCE } : {};
    this.server.create("network-attachment-definitions", network.name, { spec, annotations });
  }

  /** CNI_ARGS, as the kubelet's runtime gives them: of the pod that the container was made for. */
  argsFor(container: ContainerSetup): string {
    if (!this.setup.kubernetes) return "";
    const name = podName(container);
    const uid = this.uids.get(container.id);
    return `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=${name};K8S_POD_INFRA_CONTAINER_ID=${container.id};K8S_POD_UID=${uid}`;
  }

  /** The file in which the kubelet remembers which VFs its pods have. */
  checkpoint(): string {
    const entries = this.setup.containers.map((container) => ({
      PodUID: this.uids.get(container.id),
      ResourceName: RESOURCE,
      DeviceIDs: { "0": [vfOf(this.setup, container)] },
    }));
    return JSON.stringify({ Data: { PodDeviceEntries: entries } });
  }

  select(container: ContainerSetup, selects: number[]): void {
    this.edit(container, annotationFor(this.setup, selects));
  }

  edit(container: ContainerSetup, annotation: string): void {
    const pod = this.server.get("pods", podName(container));
    if (pod === undefined || pod.metadata.uid !== this.uids.get(container.id)) return; // it is not the container's
    this.note(container, annotation);
    this.server.annotate("pods", podName(container), { [NETWORKS]: annotation });
  }

  /** Has the container's own pod ask for a default network; undefined for the one that all have. */
  editDefault(container: ContainerSetup, network: string | undefined): void {
    if (!this.own(container)) return;
    const value = network === undefined ? null : `ns/${network}`;
    this.server.annotate("pods", podName(container), { [DEFAULT_NETWORK]: value });
  }

  /** The warnings that a container's pod has been told. */
  warningsOf(container: ContainerSetup): string[] {
    const own = this.server.told.filter(({ pod, type }) => pod === podName(container) && type === "Warning");
    return own.map(({ message }) => message);
  }

  delete(container: ContainerSetup): void {
    this.note(container, undefined);
    this.server.delete("pods", podName(container));
  }

  /** Another pod takes its name. */
  replace(container: ContainerSetup): void {
    this.delete(container);
    this.create(container);
    this.note(container, undefined); // the container's own is gone
  }

  /** The pod's annotations from a time on; undefined among them where it was gone. */
  annotationsSince({ id }: ContainerSetup, sinceMs: number): (string | undefined)[] {
    const all = this.selected.get(id) ?? [];
    const before = all.findLastIndex((one) => one.sinceMs < sinceMs);
    return all.slice(Math.max(before, 0)).map(({ annotation }) => annotation);
  }

  complete(container: ContainerSetup): void {
    if (this.own(container)) this.server.complete(podName(container));
  }

  /** The container's own pod: undefined where that is gone. */
  own(container: ContainerSetup): ApiObject | undefined {
    const pod = this.server.get("pods", podName(container));
    return pod?.metadata.uid === this.uids.get(container.id) ? pod : undefined;
  }

  annotationOf(container: ContainerSetup): string | undefined {
    return this.own(container)?.metadata.annotations?.[NETWORKS];
  }

  /** The network-status of the container's own pod: undefined where that is gone, or has none. */
  networkStatusOf(container: ContainerSetup): string | undefined {
    return this.own(container)?.metadata.annotations?.[NETWORK_STATUS];
  }

  /** The names of pods that are not a container's own, and have a network-status all the same. */
  strangersWithStatus(): string[] {
    return this.setup.containers.map(podName).filter((name, index) => {
      const pod = this.server.get("pods", name);
      const own = this.uids.get(this.setup.containers[index]?.id ?? "");
      return (
        pod !== undefined &&
        pod.metadata.uid !== own &&
        pod.metadata.annotations?.[NETWORK_STATUS] !== undefined
      );
    });
  }

  private create(container: ContainerSetup): string {
    const annotation = container.annotation ?? annotationFor(this.setup, container.selects);
    this.note(container, annotation);
    const { defaultNetwork, hostNetwork = false } = container;
    const annotations = {
      [NETWORKS]: annotation,
      ...(defaultNetwork === undefined ? {} : { [DEFAULT_NETWORK]: `ns/${defaultNetwork}` }),
    };
    const spec = { nodeName: "node", hostNetwork };
    return this.server.create("pods", podName(container), { annotations, spec });
  }

  private note({ id }: ContainerSetup, annotation: string | undefined): void {
    const before = this.selected.get(id) ?? [];
    this.selected.set(id, [...before, { sinceMs: this.timeline.now(), annotation }]);
  }
}
