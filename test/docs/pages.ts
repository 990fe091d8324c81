// The pages that are tried, and what of them cannot be executed here, with the reason: the report repeats it.
import * as fs from "node:fs";
import { join } from "node:path";
import { equipMultus } from "../runtime/site.ts";
import { type Cluster, type Place, ROOT } from "./cluster.ts";
import { FakeKubeVirt } from "./fake-kubevirt.ts";
import { installWhereabouts } from "./whereabouts.ts";

/** Ends what a page was prepared with. */
type End = () => Promise<void>;

export interface Page {
  /** Below docs/. */
  path: string;
  /**
   * `first`: what it has done stays for the others; `beside`: at the same time as others; `alone`: one after the other, after those,
   * as it changes what pods of others meet.
   */
  when: "first" | "beside" | "alone";
  /** Why none of its blocks is executed: a key of REASONS. */
  unexecuted?: string;
  /** May its blocks be executed although `unexecuted` is given? Asked when the cluster runs. */
  isPossible?: (cluster: Cluster) => Promise<boolean>;
  /** What is a fake while it is executed; undefined if nothing is. The report says it of each block. */
  fake?: string;
  /** Makes what the page takes for granted. */
  prepare?: (cluster: Cluster) => Promise<End | undefined>;
}

/** Why a block is not executed: its word `unexecuted=KEY` says which. */
export const REASONS: Record<string, string> = {
  checkout: "CI begins with `npm ci`, and what this tier needs is made by `npm run image`",
  registry: "the tests' node has no registry",
  ipvlan: "the kernel of the tests' node has no ipvlan",
  vfs: "the tests' node has no NIC with VFs; the VM of tier sriov does the same by the plugin's own verbs",
  dpdk: "the tests' node has no device for vfio-pci; the VM of tier sriov binds one, and sends by dpdk-testpmd",
  rdma: "the tests' node has no RDMA device",
};

export const PAGES: readonly Page[] = [
  { path: "quickstart.md", when: "first" },
  { path: "how-to/flannel-second.md", when: "beside" },
  { path: "how-to/macvlan.md", when: "beside" },
  { path: "how-to/dhcp.md", when: "beside" },
  { path: "how-to/dual-stack.md", when: "beside" },
  { path: "how-to/default-network.md", when: "beside" },
  { path: "how-to/default-route.md", when: "beside" },
  { path: "how-to/port-mapping.md", when: "beside" },
  {
    path: "how-to/whereabouts.md",
    when: "beside",
    prepare: hasWhereabouts,
    fake: "whereabouts is a fake, which keeps addresses in IPPools as the real one does",
  },
  { path: "how-to/sriov.md", when: "beside", unexecuted: "vfs" },
  { path: "how-to/dpdk.md", when: "beside", unexecuted: "dpdk" },
  { path: "how-to/rdma.md", when: "beside", unexecuted: "rdma" },
  {
    path: "how-to/kubevirt.md",
    when: "beside",
    prepare: hasKubeVirt,
    fake: "KubeVirt is a fake, which makes the launcher's pod with its annotation; no machine runs in it",
  },
  // Not beside the pages with macvlan, which cannot share eth1 with it.
  { path: "how-to/ipvlan.md", when: "alone", unexecuted: "ipvlan", isPossible: hasIpvlan },
  { path: "how-to/namespace-isolation.md", when: "alone" },
  { path: "how-to/hot-plug.md", when: "alone" },
  { path: "how-to/air-gapped.md", when: "alone" },
  { path: "how-to/upgrade.md", when: "alone", prepare: hasAnEarlierVersion },
  { path: "how-to/uninstall.md", when: "alone" },
  {
    path: "how-to/from-multus.md",
    when: "alone",
    prepare: isOfMultus,
    ...(process.env.MULTUS_DIR
      ? {}
      : { fake: "Multus is a fake: Plexus under Multus's name, as MULTUS_DIR is not given" }),
  },
];

/** All pages that have to be tried. */
export function pagesThatAre(): string[] {
  const howTos = fs.readdirSync(join(ROOT, "docs/how-to")).map((name) => `how-to/${name}`);
  return ["quickstart.md", ...howTos].sort();
}

/** The cluster runs an image of another version: the same one under another name. */
async function hasAnEarlierVersion(cluster: Cluster): Promise<undefined> {
  const { version } = JSON.parse(fs.readFileSync(join(ROOT, "package.json"), "utf8"));
  const tag = `ctr --namespace k8s.io images tag --force localhost/plexus:${version} localhost/plexus:0.0.9`;
  await must(cluster, "node", tag);
  const plexus = "kubectl --namespace kube-system";
  await must(cluster, "workstation", `${plexus} set image daemonset/plexus install=localhost/plexus:0.0.9`);
  await must(cluster, "workstation", `${plexus} rollout status daemonset plexus`);
}

async function hasWhereabouts(cluster: Cluster): Promise<End> {
  await installWhereabouts(cluster);
  return () => must(cluster, "node", "rm -r /opt/cni/bin/whereabouts /etc/cni/net.d/whereabouts.d");
}

async function hasKubeVirt({ api }: Cluster): Promise<End> {
  const kubevirt = await FakeKubeVirt.start(api);
  return () => kubevirt.stop();
}

/**
 * The node is that of a thin Multus, as its installer leaves it. Without MULTUS_DIR its executable is Plexus, under Multus's name
 * (test/runtime/site.ts).
 */
async function isOfMultus(cluster: Cluster): Promise<undefined> {
  await must(cluster, "workstation", `kubectl apply -k ${join(ROOT, "deploy/crd")}`);
  await equipMultus(cluster.node, cluster.api);
}

/** Has the node's kernel ipvlan? A link says so: a module may be loaded for it, or built in. On a dummy link, as eth1 has a macvlan. */
async function hasIpvlan(cluster: Cluster): Promise<boolean> {
  const script = [
    "ip link add probe0 type dummy",
    "ip link add link probe0 name probe1 type ipvlan mode l2; code=$?",
    "ip link delete probe0",
    "exit $code",
  ].join("; ");
  return (await cluster.run("node", "/", script)).exitCode === 0;
}

async function must(cluster: Cluster, place: Place, command: string): Promise<void> {
  const { exitCode, output } = await cluster.run(place, "/", command);
  if (exitCode !== 0) throw new Error(`${command}: ${output}`);
}
