// A node for one test whose Plexus has an API server to ask: pods, NetworkAttachmentDefinitions, events.
import { randomBytes } from "node:crypto";
import type { KubernetesObject } from "@kubernetes/client-node";
import type { ApiServer } from "./apiserver.ts";
import { type Conf, type Container, Lab } from "./lab.ts";
import type { Outcome } from "./outcome.ts";
import { until } from "./until.ts";

export const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";
export const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";

/** One element of the network-status annotation. */
export interface Status {
  name: string;
  interface: string;
  ips?: string[];
  mac?: string;
  default?: boolean;
  gateway?: string[];
  "device-info"?: object;
}

/** A pod in the API server, and the container that stands for its sandbox. */
export interface Sandbox {
  namespace: string;
  name: string;
  uid: string;
  container: Container;
}

interface PodOptions {
  namespace?: string;
  annotations?: Record<string, string>;
  /** Beside the one container. */
  spec?: object;
}

export class Site {
  /** Plexus's. */
  kubeconfig: string;

  readonly lab: Lab;
  readonly api: ApiServer;
  /** A namespace of the test's own. */
  readonly namespace: string;
  /** The API server's, as the node reaches it. */
  readonly url: string;

  private constructor(lab: Lab, api: ApiServer, namespace: string, url: string) {
    this.lab = lab;
    this.api = api;
    this.namespace = namespace;
    this.url = url;
    this.kubeconfig = api.kubeconfig("plexus", { url });
  }

  static async open(api: ApiServer): Promise<Site> {
    const lab = await Lab.open();
    const url = await lab.prepare((netns) => api.reach(netns, "uplink"));
    const site = new Site(lab, api, `test-${randomBytes(4).toString("hex")}`, url);
    await site.createNamespace(site.namespace);
    return site;
  }

  close(): Promise<void> {
    return this.lab.close();
  }

  async createNamespace(name: string): Promise<void> {
    await this.api.admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }

  /** Plexus's conf: the cluster network is `podnet`, a bridge of 10.222.0.0/24, unless `more` says otherwise. */
  conf(more: Conf = {}): Conf {
    const kubeconfig = this.kubeconfig;
    return this.lab.conf([], { kubeconfig, clusterNetwork: this.podnet(), ...more });
  }

  /** The cluster network's conf file. */
  podnet(): string {
    return this.lab.file("10-podnet.conf", {
      ...this.lab.bridge("podnet", 0),
      ipam: { ...this.lab.hostLocal(0), routes: [{ dst: "0.0.0.0/0" }] },
    });
  }

  /** Creates a NetworkAttachmentDefinition. */
  async nad(
    name: string,
    config: Conf | string | undefined,
    { namespace = this.namespace, annotations = {} as Record<string, string> } = {},
  ): Promise<void> {
    const text = typeof config === "object" ? JSON.stringify(config) : config;
    await this.api.admin.create({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name, namespace, annotations },
      spec: text === undefined ? {} : { config: text },
    } as KubernetesObject);
  }

  /** Creates a pod that asks for networks, with a sandbox that has none yet. */
  async pod(networks?: string | object[], options: PodOptions = {}): Promise<Sandbox> {
    const { namespace = this.namespace, annotations = {}, spec = {} } = options;
    const name = `pod-${randomBytes(4).toString("hex")}`;
    const text = typeof networks === "object" ? JSON.stringify(networks) : networks;
    const created = await this.api.core.createNamespacedPod({
      namespace,
      body: {
        metadata: {
          name,
          annotations: { ...(text === undefined ? {} : { [NETWORKS]: text }), ...annotations },
        },
        spec: {
          nodeName: "node",
          containers: [{ name: "c", image: "none" }],
          ...spec,
        },
      },
    });
    const container = await this.lab.container();
    return { namespace, name, uid: created.metadata?.uid ?? "", container };
  }

  /** Executes Plexus for a pod's sandbox, as a runtime does. */
  run(verb: string, pod: Sandbox, conf: Conf = this.conf()): Promise<Outcome> {
    return this.lab.run(verb, conf, { container: pod.container, args: argsOf(pod) });
  }

  /** The pod's network-status. */
  async status({ name, namespace }: Sandbox): Promise<Status[]> {
    const pod = await this.api.core.readNamespacedPod({ name, namespace });
    return JSON.parse(pod.metadata?.annotations?.[NETWORK_STATUS] ?? "[]") as Status[];
  }

  /**
   * The pod's events, in the order in which they were told: type, reason, message. Waits until there are so many: a resident
   * process sends them when it has answered.
   */
  events({ name, namespace, uid }: Sandbox, count = 1): Promise<string[]> {
    return until(`pod ${name} has ${count} events`, async () => {
      const { items } = await this.api.core.listNamespacedEvent({ namespace });
      const events = items
        .filter(({ involvedObject }) => involvedObject.uid === uid)
        .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
      return events.length >= count && events;
    });
  }

  async deletePod({ name, namespace }: Sandbox): Promise<void> {
    await this.api.core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 });
  }
}

/** CNI_ARGS as containerd and CRI-O give them. */
export function argsOf({ namespace, name, uid, container }: Sandbox): string {
  return [
    "IgnoreUnknown=1",
    `K8S_POD_NAMESPACE=${namespace}`,
    `K8S_POD_NAME=${name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${container.id}`,
    `K8S_POD_UID=${uid}`,
  ].join(";");
}
