// A node whose pods Plexus attaches, and the networks that they select.
import * as fs from "node:fs";
import { join } from "node:path";
import type { KubernetesObject, V1Pod } from "@kubernetes/client-node";
import { expect } from "vitest";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import { RIGHTS, serverOf, writeMultus } from "../support/multus-node.ts";
import { until } from "../support/until.ts";
import { Deployment, type Means } from "./deployment.ts";
import { Node, type PodOptions } from "./node.ts";

export const NETWORKS = "k8s.v1.cni.cncf.io/networks";
export const RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName";
const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";
/** Where confs are that a NetworkAttachmentDefinition may name. */
export const CONF_DIR = "/etc/cni/multus/net.d";
const STATE = "/var/lib/cni/multus";
const PLEXUS_CONF = "/etc/cni/net.d/00-plexus.conflist";

type Conf = Record<string, unknown>;

/** One element of the network-status annotation, as far as tests look at it. */
interface Status {
  name: string;
  interface: string;
  ips?: string[];
}

const STARTS = "/run/plexus-starts";
const METRICS_PORT = 9410;

export class Site {
  readonly api: ApiServer;
  readonly node: Node;
  /** Undefined if nothing is deployed: the node is Multus's. */
  readonly deployment: Deployment | undefined;

  private constructor(api: ApiServer, node: Node, means: Means | undefined) {
    this.api = api;
    this.node = node;
    this.deployment = means && new Deployment(api, node, means);
  }

  /**
   * A cluster of one node, whose default network is `podnet`, a bridge of 10.244.0.0/24 with a default route.
   *
   * @param means how Plexus is deployed there; without any, it is not, and the node is Multus's
   */
  static async open(means?: Means): Promise<Site> {
    ensurePackages(["curl", "iputils-ping"]);
    const api = await ApiServer.start();
    try {
      const node = await Node.start(api, (one) => equip(one, api, means !== undefined));
      const site = new Site(api, node, means);
      try {
        await site.deployment?.prepare();
        await site.deployment?.apply();
        return site;
      } catch (error) {
        await site.node.stop();
        throw error;
      }
    } catch (error) {
      await api.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.node.stop();
    await this.api.stop();
  }

  /** Creates a NetworkAttachmentDefinition; without a conf, one that names a file. */
  async nad(name: string, conf?: Conf, annotations: Record<string, string> = {}): Promise<void> {
    await this.api.admin.create({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name, namespace: "default", annotations },
      spec: conf ? { config: JSON.stringify(conf) } : {},
    } as KubernetesObject);
  }

  /** Creates a pod that selects networks, and waits until it runs. */
  async pod(name: string, networks?: string | object[], spec: PodOptions["spec"] = {}): Promise<V1Pod> {
    const text = typeof networks === "object" ? JSON.stringify(networks) : networks;
    await this.node.create(name, { annotations: text === undefined ? {} : { [NETWORKS]: text }, spec });
    return this.running(name);
  }

  /** The pod, once it runs; if it does not, the error has its events. */
  async running(name: string): Promise<V1Pod> {
    try {
      const [pod] = await this.node.running([name]);
      if (pod) return pod;
      throw new Error(`${name} is not there`);
    } catch (error) {
      const { items } = await this.api.core.listNamespacedEvent({ namespace: "default" });
      const events = items.filter(({ involvedObject }) => involvedObject.name === name);
      const lines = events.map(({ reason, message }) => `${reason}: ${message}`);
      throw new Error([(error as Error).message, ...lines].join("\n"), { cause: error });
    }
  }

  status(pod: V1Pod): Status[] {
    return JSON.parse(pod.metadata?.annotations?.[NETWORK_STATUS] ?? "[]") as Status[];
  }

  async remove(...pods: V1Pod[]): Promise<void> {
    await this.node.remove(pods.map(({ metadata }) => metadata?.name ?? ""));
    await this.expectNothingLeft();
  }

  /**
   * Nothing is attached any more, and a GC, as a runtime sends it, takes what is left of calls: an ADD that fails leaves a file for its
   * DEL, which does not come to Plexus if that is taken away in between.
   */
  async expectNothingLeftBut(files: RegExp): Promise<void> {
    await this.expectNothingAttached();
    expect(this.node.files(STATE).filter((name) => !files.test(name))).toEqual([]);
    const list = JSON.parse(fs.readFileSync(this.node.machine.path(PLEXUS_CONF), "utf8"));
    const { name, plugins } = list;
    const conf = { ...plugins[0], name, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] };
    this.node.write("/run/gc.json", JSON.stringify(conf));
    const call = `CNI_COMMAND=GC CNI_PATH=/opt/cni/bin /opt/cni/bin/${plugins[0].type} < /run/gc.json >&2`;
    await this.node.run("sh", "-c", call); // what it says is in the error, if it fails
    expect(this.node.files(STATE)).toEqual([]);
  }

  /** No state, no address, no veth but those of pods that are still there: a test has removed all of its own. */
  async expectNothingLeft(): Promise<void> {
    await this.expectNothingAttached();
    expect(this.node.files(STATE)).toEqual([]);
  }

  private async expectNothingAttached(): Promise<void> {
    // The last namespace's removal ends a moment after the runtime has let go of it.
    await until("no pod's veth is left", async (tell) => {
      const links = await this.node.run("ip", "-brief", "link", "show", "type", "veth");
      const left = links.match(/^veth\S*/gm) ?? [];
      tell(`there are ${left.join(", ")}`);
      return left.length === 0;
    });
    expect(
      this.node.files("/var/lib/cni/networks").filter((name) => /\/\d+\.\d+\.\d+\.\d+$/.test(name)),
    ).toEqual([]);
  }

  /** The pod has these interfaces, each with an address that the pod's network-status has too. */
  async expectNetworks(pod: V1Pod, ...interfaces: string[]): Promise<void> {
    const now = await this.api.core.readNamespacedPod({
      name: pod.metadata?.name ?? "",
      namespace: pod.metadata?.namespace ?? "",
    });
    const status = this.status(now);
    expect(status.map((one) => one.interface)).toEqual(interfaces);
    for (const { interface: name, ips } of status) {
      const shown = await this.node.inside(pod, "ip", "-4", "address", "show", "dev", name);
      expect(shown).toContain(`${ips?.[0]}/24`);
    }
  }

  /** The resident processes on the node. */
  async residents(): Promise<number[]> {
    const found = await this.node.run("pgrep", "-f", "plexus resident --socket").catch(() => "");
    return found.split("\n").filter(Boolean).map(Number);
  }

  /** From now on `starts` has what `plexus` is executed as: `resident`, or the verb of a call. */
  noteStarts(): void {
    const script = `#!/bin/sh\necho "\${1:-$CNI_COMMAND}" >> ${STARTS}\nexec /opt/plexus "$@"\n`;
    this.node.write("/opt/cni/bin/plexus", script, 0o755);
  }

  starts(): string[] {
    const path = this.node.machine.path(STARTS);
    return fs.existsSync(path) ? fs.readFileSync(path, "utf8").trim().split("\n") : [];
  }

  /** What the daemon counts: the lines of its metrics that begin so. */
  async metrics(name: string): Promise<string[]> {
    const { status } = await this.api.core.readNode({ name: this.node.name });
    const address = status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
    const text = await this.node.run("curl", "--silent", `http://${address}:${METRICS_PORT}/metrics`);
    return text.split("\n").filter((line) => line.startsWith(name));
  }

  /** Does `from` reach that address? Throws with ping's own words if not. */
  async ping(from: V1Pod, address: string): Promise<void> {
    await this.node.inside(from, "ping", "-c", "1", "-W", "5", address);
  }
}

/** The conf of a bridge with addresses from 10.244.<number>.0/24. */
export function bridge(name: string, number: number, ipam: Conf = {}): Conf {
  const ranges = [[{ subnet: `10.244.${number}.0/24` }]];
  return {
    cniVersion: "1.0.0",
    name,
    type: "bridge",
    bridge: `br${number}`,
    isGateway: true,
    ipam: { type: "host-local", ranges, ...ipam },
  };
}

async function equip(node: Node, api: ApiServer, isPlain: boolean): Promise<void> {
  const podnet = JSON.stringify(bridge("podnet", 0, { routes: [{ dst: "0.0.0.0/0" }] }));
  node.write("/etc/cni/net.d/10-podnet.conf", podnet); // which the node has already
  node.copy(binary, "/opt/plexus"); // for an operator to call
  if (!isPlain) await equipMultus(node, api);
}

/**
 * As the thin Multus's installer leaves a node. MULTUS_DIR may name a directory with Multus's own executable; without it, that is
 * Plexus under its name.
 */
export async function equipMultus(node: Node, api: ApiServer): Promise<void> {
  const { MULTUS_DIR = "" } = process.env;
  node.copy(MULTUS_DIR === "" ? binary : join(MULTUS_DIR, "multus"), "/opt/cni/bin/multus");
  await api.apply(RIGHTS);
  const podnet = bridge("podnet", 0, { routes: [{ dst: "0.0.0.0/0" }] });
  writeMultus({
    release: "thin 4.3",
    root: node.machine.path("/"),
    confDir: "/etc/cni/net.d",
    kubeletDir: "/var/lib/kubelet",
    primary: { name: "10-podnet.conf", conf: podnet },
    server: await serverOf(api, node.apiUrl),
    socketDir: "/run/multus",
  });
}
