// This machine as a node of a cluster: an API server, and pods whose sandboxes are namespaces here.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "@kubernetes/client-node";
import { ApiServer, type Request } from "../support/apiserver.ts";
import { argsOf, NETWORKS, type Sandbox } from "../support/site.ts";
import { bridgePorts, type Delegates, environment, Namespaces, OWN } from "./attach.ts";
import { type KubeconfigForm, writeKubeconfigs } from "./kubeconfigs.ts";
import { type Command, unaccounted } from "./measure.ts";

/** A meta-plugin, and how it reaches the API server. */
export interface MetaPlugin {
  name: string;
  path: string;
  kubeconfig: string;
  /** More of its conf. */
  more?: object;
}

/** A default network and two that the pod's annotation names. */
export const NETWORK_COUNT = 3;
const NAMESPACE = "default";
/** Peers and daemons need others than Plexus for a pod; rights are not what is measured. */
const ALL_RIGHTS = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "bench" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ kind: "ServiceAccount", name: "plexus", namespace: "kube-system" }],
};

export class KubernetesNode {
  /** The networks of each pod. */
  readonly pod: Delegates;
  readonly api: ApiServer;
  private namespaces: Namespaces[] = [];
  private pods: Sandbox[] = [];
  private created = 0;

  private constructor(api: ApiServer, pod: Delegates) {
    this.api = api;
    this.pod = pod;
  }

  static async open(pod: Delegates): Promise<KubernetesNode> {
    const node = new KubernetesNode(await unaccounted(() => ApiServer.start()), pod);
    try {
      const [first, ...others] = pod.confs as { name: string }[];
      mkdirSync(node.confDir);
      writeFileSync(node.clusterNetwork, JSON.stringify(first), { mode: 0o600 });
      await node.api.admin.create(ALL_RIGHTS as KubernetesObject);
      for (const conf of others) {
        await node.api.admin.create({
          apiVersion: "k8s.cni.cncf.io/v1",
          kind: "NetworkAttachmentDefinition",
          metadata: { name: conf.name, namespace: NAMESPACE },
          spec: { config: JSON.stringify(conf) },
        } as KubernetesObject);
      }
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.remove();
    await this.api.stop();
  }

  /** Paths of kubeconfigs of Plexus's service account, by what is different about each. */
  kubeconfigs(): Promise<Record<KubeconfigForm, string>> {
    return writeKubeconfigs(this.api, this.confDir);
  }

  /** Pods that no call has been made for, with an empty namespace each. */
  async sandboxes(count: number): Promise<Sandbox[]> {
    const namespaces = new Namespaces(count, `p${this.created}-`);
    this.namespaces.push(namespaces);
    const made: Sandbox[] = [];
    for (let index = 0; index < count; index++) {
      const name = `bench-${this.created++}`;
      const networks = (this.pod.confs as { name: string }[]).slice(1).map((conf) => conf.name);
      const body = {
        metadata: { name, annotations: { [NETWORKS]: networks.join(",") } },
        spec: { nodeName: "node", containers: [{ name: "c", image: "none" }] },
      };
      const { metadata } = await this.api.core.createNamespacedPod({ namespace: NAMESPACE, body });
      const container = { id: `${OWN}-${name}`, netns: namespaces.take() };
      made.push({ namespace: NAMESPACE, name, uid: metadata?.uid ?? "", container });
    }
    this.pods.push(...made);
    return made;
  }

  /** Removes the sandboxes, and their pods. */
  async remove(): Promise<void> {
    for (const namespaces of this.namespaces.splice(0)) namespaces.remove();
    for (const { namespace, name } of this.pods.splice(0)) {
      await this.api.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    }
  }

  /** What a runtime executes. Every key of the conf is Multus's own. */
  command(verb: string, { name, path, kubeconfig, more }: MetaPlugin, sandbox: Sandbox): Command {
    const { plugins } = this.pod;
    const conf = {
      cniVersion: "1.0.0",
      name: "multus-cni-network",
      type: "multus",
      binDir: plugins,
      cniDir: `${this.stateDir}/${name.replace(/\W+/g, "-")}`,
      confDir: this.confDir,
      clusterNetwork: this.clusterNetwork,
      kubeconfig,
      ...more,
    };
    const { id, netns } = sandbox.container;
    const env = { ...environment(verb, id, netns, "eth0", plugins), CNI_ARGS: argsOf(sandbox) };
    return { path, env, stdin: JSON.stringify(conf) };
  }

  /** The same pod's delegates, called one after the other with nothing around them; the last one first for a DEL. */
  delegateCommands(verb: string, { container }: Sandbox): Command[] {
    const { confs, plugins } = this.pod;
    const commands = confs.map((conf, index): Command => {
      const ifname = index === 0 ? "eth0" : `net${index}`;
      const env = environment(verb, container.id, container.netns, ifname, plugins);
      return { path: `${plugins}/bridge`, env, stdin: JSON.stringify(conf) };
    });
    return verb === "DEL" ? commands.reverse() : commands;
  }

  /** What `ask` has asked of the API server. */
  async requests(ask: () => void): Promise<Request[]> {
    const before = this.api.requests().length;
    ask();
    await sleep(500); // the log is written after the answer
    return this.api.requests().slice(before);
  }

  /** Files of state, addresses given out, interfaces on the bridges. */
  leftovers(): string[] {
    const files = [this.stateDir, `${this.pod.dir}/addresses`]
      .filter(existsSync)
      .flatMap((dir) =>
        readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
      );
    const names = files
      .map(({ name }) => name)
      .filter((name) => !/^(lock|last_reserved_ip\.\d+)$/.test(name));
    return [...names, ...bridgePorts(NETWORK_COUNT)];
  }

  get confDir(): string {
    return `${this.pod.dir}/confs`;
  }

  private get stateDir(): string {
    return `${this.pod.dir}/pods`;
  }

  private get clusterNetwork(): string {
    return `${this.confDir}/10-default.conf`;
  }
}
