// Stands for the controllers of a cluster of one node: the scheduler, DaemonSets, and the deletion of namespaces.
import { createHash } from "node:crypto";
import {
  AppsV1Api,
  KubeConfig,
  type KubernetesObject,
  type V1DaemonSet,
  type V1Pod,
} from "@kubernetes/client-node";
import { podOf } from "../runtime/deployment.ts";
import type { ApiServer } from "../support/apiserver.ts";
import { Rounds } from "./rounds.ts";

const HASH = "controller-revision-hash";

export class FakeControllers {
  private readonly api: ApiServer;
  private readonly apps: AppsV1Api;
  private readonly node: string;
  private readonly rounds: Rounds;

  constructor(api: ApiServer, node: string) {
    this.api = api;
    this.node = node;
    const config = new KubeConfig();
    config.loadFromFile(api.kubeconfig("admin"));
    this.apps = config.makeApiClient(AppsV1Api);
    this.rounds = new Rounds(() => this.round());
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async round(): Promise<void> {
    const [{ items: pods }, { items: sets }, { items: namespaces }] = await Promise.all([
      this.api.core.listPodForAllNamespaces(),
      this.apps.listDaemonSetForAllNamespaces(),
      this.api.core.listNamespace(),
    ]);
    await Promise.all([
      ...pods.filter(({ spec }) => !spec?.nodeName).map((pod) => this.bind(pod)),
      ...sets.map((set) => this.reconcile(set, pods)),
      ...pods.filter((pod) => isOrphan(pod, sets)).map((pod) => this.delete(pod)),
      ...namespaces
        .filter(({ metadata }) => metadata?.deletionTimestamp)
        .map(({ metadata }) => this.empty(metadata?.name ?? "")),
    ]);
  }

  private async bind({ metadata }: V1Pod): Promise<void> {
    const { name = "", namespace = "" } = metadata ?? {};
    const target = { apiVersion: "v1", kind: "Node", name: this.node };
    const body = { metadata: { name, namespace }, target };
    await this.api.core.createNamespacedPodBinding({ name, namespace, body });
  }

  /** One pod of its present template on the node; an earlier one goes first. */
  private async reconcile(set: V1DaemonSet, pods: V1Pod[]): Promise<void> {
    const { name = "", namespace = "", uid = "", generation = 0 } = set.metadata ?? {};
    const hash = createHash("sha256").update(JSON.stringify(set.spec?.template)).digest("hex").slice(0, 8);
    const own = pods.filter((pod) => ownerOf(pod) === uid);
    const updated = own.filter(({ metadata }) => metadata?.labels?.[HASH] === hash);
    await Promise.all(own.filter((pod) => !updated.includes(pod)).map((pod) => this.delete(pod)));
    if (own.length === 0) {
      const body = podOf(set, this.node);
      const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name, uid, controller: true };
      body.metadata = {
        ...body.metadata,
        labels: { ...body.metadata?.labels, [HASH]: hash },
        ownerReferences: [owner],
      };
      await this.api.core.createNamespacedPod({ namespace, body });
    }
    const ready = updated.filter(isReady).length;
    const status = {
      observedGeneration: generation,
      desiredNumberScheduled: 1,
      currentNumberScheduled: own.length,
      updatedNumberScheduled: updated.length,
      numberAvailable: ready,
      numberReady: ready,
      numberMisscheduled: 0,
    };
    if (JSON.stringify({ ...set.status, ...status }) === JSON.stringify(set.status)) return;
    const body = { ...set, status };
    await this.apps.replaceNamespacedDaemonSetStatus({ name, namespace, body });
  }

  private async delete({ metadata }: V1Pod): Promise<void> {
    if (metadata?.deletionTimestamp) return;
    const { name = "", namespace = "" } = metadata ?? {};
    await this.api.core.deleteNamespacedPod({ name, namespace });
  }

  /** Deletes what is in a namespace that is to go, and lets it go then. */
  private async empty(name: string): Promise<void> {
    const { items: pods } = await this.api.core.listNamespacedPod({ namespace: name });
    const { items: networks } = await this.api.admin.list<KubernetesObject>(
      "k8s.cni.cncf.io/v1",
      "NetworkAttachmentDefinition",
      name,
    );
    await Promise.all(pods.map((pod) => this.delete(pod)));
    await Promise.all(networks.map((network) => this.api.admin.delete(network)));
    if (pods.length + networks.length > 0) return;
    const body = await this.api.core.readNamespace({ name });
    await this.api.core.replaceNamespaceFinalize({ name, body: { ...body, spec: { finalizers: [] } } });
  }
}

function ownerOf({ metadata }: V1Pod): string | undefined {
  return metadata?.ownerReferences?.find(({ kind }) => kind === "DaemonSet")?.uid;
}

function isOrphan(pod: V1Pod, sets: V1DaemonSet[]): boolean {
  const owner = ownerOf(pod);
  return owner !== undefined && !sets.some(({ metadata }) => metadata?.uid === owner);
}

function isReady({ status, metadata }: V1Pod): boolean {
  const isTrue = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  return isTrue === true && !metadata?.deletionTimestamp;
}
