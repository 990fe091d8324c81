// The node's SR-IOV devices, and who has them.
import type { Host } from "../host/host.ts";
import { Allocations } from "./allocation.ts";
import { type Device, physicalFunctions, readDevice, virtualFunctions } from "./device.ts";

/** A PF, with `vfs`, or a VF, with `vf` and `pf`. */
export interface ListedFunction {
  address: string;
  pf?: string;
  vf?: number;
  vfs?: { enabled: number; possible: number };
  netdev: string;
  driver: string;
  iommuGroup: string;
  rdma: string[];
  owner?: { containerId: string; ifname: string; network: string; netns: string };
}

/** Each PF, followed by its VFs. */
export async function listFunctions(host: Host, cniDir: string): Promise<ListedFunction[]> {
  const allocations = new Allocations(host, cniDir);
  const functions: ListedFunction[] = [];
  for (const address of await physicalFunctions(host)) {
    const vfs = await virtualFunctions(host, address);
    const total = Number(await host.read(`/sys/bus/pci/devices/${address}/sriov_totalvfs`));
    const about = common(await readDevice(host, address));
    functions.push({ ...about, vfs: { enabled: vfs.length, possible: total } });
    for (const vf of vfs) {
      const device = await readDevice(host, vf);
      const owner = await allocations.of(vf);
      functions.push({
        ...common(device),
        pf: address,
        ...(device.vf === undefined ? {} : { vf: device.vf }),
        ...(owner
          ? {
              owner: {
                containerId: owner.containerId,
                ifname: owner.ifname,
                network: owner.network,
                netns: owner.netns,
              },
            }
          : {}),
      });
    }
  }
  return functions;
}

/** In columns, for people. */
export function tableOf(functions: ListedFunction[]): string {
  if (functions.length === 0) return "this node has no PCI device with SR-IOV";
  const rows = functions.map(({ address, vf, vfs, netdev, driver, iommuGroup, owner }) => [
    vfs ? address : `  ${address}`,
    vfs ? `PF, ${vfs.enabled} of ${vfs.possible} VFs` : `VF ${vf}`,
    netdev || "-",
    driver || "-",
    iommuGroup || "-",
    owner ? `${owner.containerId.slice(0, 13)} ${owner.ifname} ${owner.network}` : "",
  ]);
  const all = [["ADDRESS", "FUNCTION", "NETDEV", "DRIVER", "IOMMU", "IN USE BY"], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function common({ address, netdev, driver, iommuGroup, rdma }: Device) {
  return { address, netdev, driver, iommuGroup, rdma };
}
