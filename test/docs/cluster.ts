// The cluster that the pages of docs/ are tried on: an API server, and a node with a default network, a second NIC and Flannel.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject } from "@kubernetes/client-node";
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensureFlannel } from "../../scripts/provide/flannel.ts";
import { ensureHelm } from "../../scripts/provide/helm.ts";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import { publishAuthority } from "../runtime/deployment.ts";
import { Node } from "../runtime/node.ts";
import { bridge } from "../runtime/site.ts";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import type { Daemon } from "../support/daemon.ts";
import { SLOWNESS } from "../support/pace.ts";
import { FakeControllers } from "./fake-controllers.ts";
import { LAN } from "./lan.ts";
import { type Ground, type Place, ROOT } from "./page.ts";
import { type Ended, execute, typed } from "./terminal.ts";

const NETWORK = { version: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition" };

/** As flanneld leaves it. */
const FLANNEL_SUBNET = `FLANNEL_NETWORK=10.42.0.0/16
FLANNEL_SUBNET=10.42.7.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
`;
const FLANNEL_CONF = `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "flannel",
      "delegate": {
        "hairpinMode": true,
        "isDefaultGateway": true
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
`;

export class Cluster implements Ground {
  readonly api: ApiServer;
  readonly node: Node;
  /** For pages' directories, and for a directory of commands. */
  private readonly dir = fs.mkdtempSync(join(tmpdir(), "plexus-docs-"));
  private readonly controllers: FakeControllers;
  private readonly kubeconfigs: Record<Place, string>;
  private readonly tools = ensureContainerd(kubernetesMinor("kubelet"));
  private dhcpServer: Daemon | undefined;

  private constructor(api: ApiServer, node: Node) {
    this.api = api;
    this.node = node;
    this.controllers = new FakeControllers(api, node.name);
    this.kubeconfigs = {
      workstation: api.kubeconfig("admin"),
      node: api.kubeconfig("admin", { url: node.apiUrl }),
    };
    fs.mkdirSync(join(this.dir, "bin"));
    const commands = { kubectl: ensureKubectl(), helm: ensureHelm(), plexus: binary };
    for (const [name, path] of Object.entries(commands)) fs.symlinkSync(path, join(this.dir, "bin", name));
  }

  /** Starts it, with nothing of Plexus on it. */
  static async open(): Promise<Cluster> {
    const api = await ApiServer.start("none");
    try {
      await publishAuthority(api);
      const cluster = new Cluster(api, await Node.start(api, equip));
      cluster.dhcpServer = cluster.node.machine.daemon("udhcpd", [
        ...[
          "ip",
          "netns",
          "exec",
          "lan",
          join(cluster.tools, "busybox"),
          "udhcpd",
          "-f",
          "/run/lan/udhcpd.conf",
        ],
      ]);
      return cluster;
    } catch (error) {
      await api.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.controllers.stop();
    await this.dhcpServer?.stop("SIGKILL");
    await this.node.stop();
    await this.api.stop();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** Makes a directory for a page to be tried in, in which a checkout's `build` and `deploy` are. */
  directory(page: string): string {
    const dir = join(this.dir, page.replaceAll("/", "-"));
    fs.mkdirSync(dir);
    for (const name of ["build", "deploy"]) fs.symlinkSync(join(ROOT, name), join(dir, name));
    return dir;
  }

  /**
   * Executes a command as its reader would: as the cluster's administrator, or as root on the node. On a slow machine its `--timeout`
   * is longer.
   */
  async run(place: Place, dir: string, command: string): Promise<Ended> {
    const path = [join(this.dir, "bin"), this.tools];
    const terminal = { dir, path, kubeconfig: this.kubeconfigs[place], slowness: SLOWNESS };
    const all = typed(terminal, command);
    return execute(place === "node" ? this.node.machine.entered(all) : all);
  }

  /** What a page might leave behind: pods and networks, and what the node has of pods. */
  async inventory(): Promise<string[]> {
    const { items: pods } = await this.api.core.listPodForAllNamespaces();
    const networks = await this.api.admin
      .list<KubernetesObject>(NETWORK.version, NETWORK.kind)
      .catch(() => ({ items: [] }));
    const { items: namespaces } = await this.api.core.listNamespace();
    const objects = [...pods, ...networks.items, ...namespaces].map(
      ({ kind, metadata }) => `${kind ?? ""} ${metadata?.namespace ?? ""}/${metadata?.name}`,
    );
    const files = ["/var/lib/cni/multus", "/var/lib/cni/flannel", "/etc/cni/net.d"];
    const addresses = this.node
      .files("/var/lib/cni/networks")
      .filter((name) => /\/[0-9a-f.:]*\d$/.test(name));
    return [
      ...objects,
      ...files.flatMap((dir) => this.node.files(dir).map((name) => join(dir, name))),
      ...addresses,
    ].sort();
  }
}

async function equip(node: Node): Promise<void> {
  const podnet = bridge("podnet", 0, { routes: [{ dst: "0.0.0.0/0" }] });
  node.write("/etc/cni/net.d/10-podnet.conf", `${JSON.stringify(podnet, null, 2)}\n`);
  node.write("/etc/cni/net.d/20-flannel.conflist", FLANNEL_CONF);
  node.write("/run/flannel/subnet.env", FLANNEL_SUBNET);
  node.copy(ensureFlannel(), "/opt/cni/bin/flannel");
  await node.run("sh", "-ec", LAN);
}
