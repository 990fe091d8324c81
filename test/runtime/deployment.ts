// Plexus as it is deployed: the image that `npm run image` makes, and the manifests of deploy/, applied by kubectl. The test
// has neither a DaemonSet controller, nor a scheduler, nor the admission of service accounts: it makes what they make for a
// node, the DaemonSet's pod with its token.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { V1Container, V1DaemonSet, V1Pod, V1PodSpec } from "@kubernetes/client-node";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import type { ApiServer } from "../support/apiserver.ts";
import { Release, type Values } from "../support/helm.ts";
import { kustomized } from "../support/kustomize.ts";
import { until } from "../support/until.ts";
import type { Node } from "./node.ts";

const execute = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const IMAGE = path("build/image.tar");
const NAMESPACE = "kube-system";
const TOKEN = { name: "kube-api-access", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" };
const AUTHORITY = "kube-root-ca.crt";

/** How Plexus comes into a cluster, and goes. */
export interface Means {
  /** The names of its DaemonSets. */
  readonly daemonSets: readonly string[];
  apply(api: ApiServer): Promise<void>;
  delete(api: ApiServer): Promise<void>;
}

/** `kubectl apply -k` and `kubectl delete -k` of a directory of deploy/. */
export function kustomization(overlay: string): Means {
  const dir = path(`deploy/${overlay}`);
  const kubectl = async (api: ApiServer, command: string) => {
    const options = ["--kubeconfig", api.kubeconfig("admin"), "--cache-dir", join(api.dir, "kubectl")];
    await execute(ensureKubectl(), [...options, command, "-k", dir]);
  };
  const manifests = kustomized(dir).filter(({ kind }) => kind === "DaemonSet");
  return {
    daemonSets: manifests.map(({ metadata }) => metadata.name),
    apply: (api) => kubectl(api, "apply"),
    delete: (api) => kubectl(api, "delete"),
  };
}

/** `helm install` and `helm uninstall` of deploy/chart with these values, in the mode thin. */
export function chart(values: Values): Means {
  const release = (api: ApiServer) => new Release(path("deploy/chart"), api.kubeconfig("admin"), api.dir);
  return {
    daemonSets: ["plexus"],
    async apply(api) {
      // Rights that a test's server has from its start: Helm takes no object over that is not its own.
      for (const object of kustomized(path("deploy/thin")))
        await api.admin.delete(object).catch(() => undefined);
      release(api).install(values);
    },
    delete: async (api) => release(api).uninstall(),
  };
}

export class Deployment {
  private readonly api: ApiServer;
  private readonly node: Node;
  private readonly means: Means;
  private pods: string[] = [];

  constructor(api: ApiServer, node: Node, means: Means) {
    this.api = api;
    this.node = node;
    this.means = means;
  }

  /** Gives the node the image, and the cluster what its pods' tokens need. */
  async prepare(): Promise<void> {
    await this.node.import(IMAGE);
    await publishAuthority(this.api);
  }

  /** Applies the manifests, and waits until Plexus is on the node. */
  async apply(): Promise<void> {
    await this.means.apply(this.api);
    await this.start();
  }

  /** Replaces the DaemonSets' pods, as an update does. */
  async roll(): Promise<void> {
    await this.end();
    await this.start();
  }

  /** Deletes what was applied. */
  async delete(): Promise<void> {
    await this.means.delete(this.api);
    await this.end();
  }

  /**
   * Waits until the DaemonSets' pods are ready. Kubelets before 1.21 may say so at the pod's next sync only, up to 90 s after its
   * startup probe has succeeded: kubernetes/kubernetes#95140.
   */
  async ready(): Promise<void> {
    for (const name of this.pods) {
      const isReady = async (tell: (text: string) => void) => {
        const { status } = await this.api.core.readNamespacedPod({ name, namespace: NAMESPACE });
        const containers = status?.containerStatuses ?? [];
        tell(JSON.stringify(containers.map(({ name, ready, state }) => ({ name, ready, state }))));
        return containers.length > 0 && containers.every(({ ready }) => ready);
      };
      await until(`the pod ${name} is ready`, isReady, 150);
    }
  }

  private async start(): Promise<void> {
    this.pods = await Promise.all(this.means.daemonSets.map((name) => this.create(name)));
    await this.ready();
    // `kubectl rollout status` goes by that too.
    if (!this.node.files("/etc/cni/net.d").includes("00-plexus.conflist"))
      throw new Error(`${this.pods.join(", ")} are ready, and their node has no conf of Plexus`);
  }

  /** Makes the pod of a DaemonSet. Returns its name. */
  private async create(name: string): Promise<string> {
    const daemonSet = (await this.api.admin.read({
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name, namespace: NAMESPACE },
    })) as V1DaemonSet;
    const body = podOf(daemonSet, this.node.name);
    await this.api.core.createNamespacedPod({ namespace: NAMESPACE, body });
    return body.metadata?.name ?? "";
  }

  private async end(): Promise<void> {
    const namespace = NAMESPACE;
    await Promise.all(this.pods.map((name) => this.api.core.deleteNamespacedPod({ name, namespace })));
    await this.node.gone(this.pods, { namespace });
  }
}

/** Gives the cluster the ConfigMap that each pod's token comes with. */
export async function publishAuthority(api: ApiServer): Promise<void> {
  const data = { "ca.crt": fs.readFileSync(api.authority.cert, "utf8") };
  const body = { metadata: { name: AUTHORITY }, data };
  await api.core.createNamespacedConfigMap({ namespace: NAMESPACE, body });
}

/**
 * Returns a readiness probe that asks what the start-up probe asks. Kubelets before 1.21 say that a container without one is ready at
 * the pod's next sync only, up to 90 s later: kubernetes/kubernetes#95140.
 */
function saidAtOnce({ readinessProbe, startupProbe }: V1Container): Partial<V1Container> {
  if (!startupProbe || readinessProbe || kubernetesMinor("kubelet") >= 21) return {};
  return { readinessProbe: { ...startupProbe, periodSeconds: 5, failureThreshold: 3 } };
}

/** A DaemonSet's pod on a node, with the token that the admission of service accounts would have put into it. */
export function podOf({ metadata, spec }: V1DaemonSet, nodeName: string): V1Pod {
  const template = spec?.template;
  const { containers = [], volumes = [], ...pod } = template?.spec ?? ({} as Partial<V1PodSpec>);
  const hasToken = pod.automountServiceAccountToken !== false;
  const mount = { ...TOKEN, readOnly: true };
  const sources = [
    { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
    { configMap: { name: AUTHORITY, items: [{ key: "ca.crt", path: "ca.crt" }] } },
    { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...template?.metadata,
      name: `${metadata?.name}-${randomBytes(3).toString("hex")}`,
      namespace: metadata?.namespace ?? "",
    },
    spec: {
      ...pod,
      nodeName,
      containers: containers.map((one) => ({
        ...one,
        ...saidAtOnce(one),
        volumeMounts: [...(one.volumeMounts ?? []), ...(hasToken ? [mount] : [])],
      })),
      volumes: [...volumes, ...(hasToken ? [{ name: TOKEN.name, projected: { sources } }] : [])],
    },
  };
}
