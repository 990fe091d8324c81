// `plexus sriov list` for people.
import type { ListedFunction } from "../sriov/list.ts";
import { aligned } from "./table.ts";

/** Makes a table: a line a function, below a heading. */
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
  return aligned([["ADDRESS", "FUNCTION", "NETDEV", "DRIVER", "IOMMU", "IN USE BY"], ...rows]);
}
