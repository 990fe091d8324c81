// Stands for the IPAM plugin whereabouts, as executable: addresses of IPv4 ranges, counted in IPPools, which are objects of the
// cluster. It does not look for ranges that overlap, and elects no leader: the API server refuses what is written to an old version.
// Source: whereabouts 0.9, pkg/storage/kubernetes/ipam.go, pkg/api/whereabouts.cni.cncf.io/v1alpha1/types.go.
import * as fs from "node:fs";
import {
  ApiException,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
} from "@kubernetes/client-node";

/** Where its DaemonSet leaves it; the pools are in the namespace that its context has. */
const KUBECONFIG = "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig";
const NAMESPACE = "kube-system";
const POOL = { apiVersion: "whereabouts.cni.cncf.io/v1alpha1", kind: "IPPool" } as const;
const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"];

interface Ipam {
  range: string;
  range_start?: string;
  range_end?: string;
  gateway?: string;
}

/** Who has an address. */
interface Allocation {
  id: string;
  podref: string;
  ifname: string;
}

interface Pool extends KubernetesObject {
  /** The addresses' owners by their distance from the first address of the range. */
  spec: { range: string; allocations: Record<string, Allocation> };
}

const { CNI_COMMAND, CNI_CONTAINERID = "", CNI_IFNAME = "", CNI_ARGS = "" } = process.env;

try {
  const answered = await answer();
  if (answered) console.log(JSON.stringify(answered));
} catch (error) {
  const { message } = error as Error;
  console.log(JSON.stringify({ cniVersion: "1.0.0", code: 999, msg: `whereabouts: ${message}` }));
  process.exitCode = 1;
}

/** Nothing is what a DEL is answered with. */
async function answer(): Promise<object | undefined> {
  if (CNI_COMMAND === "VERSION") return { cniVersion: "1.0.0", supportedVersions: VERSIONS };
  const { cniVersion, ipam } = JSON.parse(fs.readFileSync(0, "utf8")) as { cniVersion: string; ipam: Ipam };
  if (CNI_COMMAND === "ADD") return { cniVersion, ips: [await take(ipam)], dns: {} };
  if (CNI_COMMAND !== "DEL") throw new Error(`does not do ${CNI_COMMAND}`);
  await change(ipam, ({ spec }) => {
    for (const [offset, { id, ifname }] of Object.entries(spec.allocations))
      if (id === CNI_CONTAINERID && ifname === CNI_IFNAME) delete spec.allocations[offset];
  });
  return undefined;
}

/** Takes the first address that nobody has. */
async function take(ipam: Ipam): Promise<object> {
  const [base, length] = rangeOf(ipam);
  const first = ipam.range_start === undefined ? base + 1 : numberOf(ipam.range_start);
  const last = ipam.range_end === undefined ? base + 2 ** (32 - length) - 2 : numberOf(ipam.range_end);
  const args = Object.fromEntries(CNI_ARGS.split(";").map((arg) => arg.split("=", 2)));
  const podref = `${args.K8S_POD_NAMESPACE}/${args.K8S_POD_NAME}`;
  let taken = first;
  await change(ipam, ({ spec }) => {
    taken = first;
    while (`${taken - base}` in spec.allocations) taken++;
    if (taken > last) throw new Error(`Could not allocate IP in range: ip: ${ipam.range}`);
    spec.allocations[taken - base] = { id: CNI_CONTAINERID, podref, ifname: CNI_IFNAME };
  });
  const address = [24, 16, 8, 0].map((shift) => (taken >>> shift) & 255).join(".");
  return { address: `${address}/${length}`, ...(ipam.gateway && { gateway: ipam.gateway }) };
}

/** Reads the range's pool, makes it where it is not there, and writes it, as often as somebody else has been quicker. */
async function change(ipam: Ipam, edit: (pool: Pool) => void): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(KUBECONFIG);
  const api = KubernetesObjectApi.makeApiClient(config);
  const metadata = { name: ipam.range.replace("/", "-"), namespace: NAMESPACE };
  for (;;) {
    try {
      const pool = await api.read<Pool>({ ...POOL, metadata }).catch((error) => {
        if (!isAnswer(error, 404)) throw error;
        return api.create<Pool>({ ...POOL, metadata, spec: { range: ipam.range, allocations: {} } });
      });
      edit(pool);
      await api.replace(pool);
      return;
    } catch (error) {
      if (!isAnswer(error, 409)) throw error;
    }
  }
}

function isAnswer(error: unknown, code: number): boolean {
  return error instanceof ApiException && error.code === code;
}

/** Its first address, as a number, and the length of its prefix. */
function rangeOf({ range }: Ipam): [base: number, length: number] {
  const [address = "", length] = range.split("/");
  return [numberOf(address), Number(length)];
}

function numberOf(address: string): number {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4) throw new Error(`${address} is not an address of IPv4`);
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
