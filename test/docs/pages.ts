// The pages that are tried, and what of them cannot be executed here, with the reason: the report repeats it.
import * as fs from "node:fs";
import { join } from "node:path";
import { equipMultus } from "../runtime/site.ts";
import type { Cluster } from "./cluster.ts";
import { FakeKubeVirt } from "./fake-kubevirt.ts";
import { type Ground, type Place, ROOT, readPage } from "./page.ts";
import { installWhereabouts } from "./whereabouts.ts";

/** Ends what a page was prepared with. */
type End = () => Promise<void>;

export interface Page<On extends Ground> {
  /** Below docs/. */
  path: string;
  /** Why none of its blocks is executed: a key of REASONS. */
  unexecuted?: string;
  /** What is not real while it is executed; undefined if nothing is. The report says it of each block. */
  fake?: string;
  /** Makes what the page takes for granted. */
  prepare?: (ground: On) => Promise<End | undefined>;
}

/** A page that is tried on the cluster (cluster.ts). */
export interface ClusterPage extends Page<Cluster> {
  /**
   * `first`: what it has done stays for the others; `beside`: at the same time as others; `alone`: one after the other, after those,
   * as it changes what pods of others meet.
   */
  when: "first" | "beside" | "alone";
}

/** Why a block is not executed: its word `unexecuted=KEY` says which. */
export const REASONS: Record<string, string> = {
  checkout: "CI begins with `npm ci`, and what a tier needs is made before it",
  registry: "the tests' node has no registry",
  rdma: "no NIC that QEMU emulates has RDMA; the kernel's own RDMA over Ethernet (rxe) is no VF's device, and Linux 6.1 refuses to move it into a pod",
};

/** Those that are tried on the cluster. */
export const PAGES: readonly ClusterPage[] = [
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
  { path: "how-to/rdma.md", when: "beside", unexecuted: "rdma" },
  {
    path: "how-to/kubevirt.md",
    when: "beside",
    prepare: hasKubeVirt,
    fake: "KubeVirt is a fake, which makes the launcher's pod with its annotation; no machine runs in it",
  },
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

const VM = "the node is a VM, whose NIC is QEMU's igb";
const DEVICE_PLUGIN = "the SR-IOV device plugin is a fake, which has the VFs that the ConfigMap selects";
/** Those that are tried on a VM (test/sriov/node.ts), one after the other: they want ipvlan, which kernels may lack, or VFs. */
export const VM_PAGES: readonly Page<Ground>[] = [
  { path: "how-to/ipvlan.md", fake: VM },
  { path: "how-to/sriov.md", fake: `${VM}; ${DEVICE_PLUGIN}` },
  { path: "how-to/dpdk.md", prepare: hasVfs, fake: `${VM}; ${DEVICE_PLUGIN}` },
];

/** Those that are tried on a node without Kubernetes (podman-node.ts). */
export const PODMAN_PAGES: readonly Page<Ground>[] = [{ path: "how-to/one-node.md" }];

/** All of them. */
export const ALL: readonly Page<never>[] = [...PAGES, ...VM_PAGES, ...PODMAN_PAGES];

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

/** The node has VFs, as after the first step of sriov.md. */
async function hasVfs(ground: Ground): Promise<undefined> {
  const [step] = readPage("how-to/sriov.md");
  const { exitCode } = await ground.run("node", "/", "test -e /sys/class/net/ens1f0/device/virtfn0");
  if (exitCode !== 0) await must(ground, "node", step?.text ?? "");
}

async function must(ground: Ground, place: Place, command: string): Promise<void> {
  const { exitCode, output } = await ground.run(place, "/", command);
  if (exitCode !== 0) throw new Error(`${command}: ${output}`);
}
