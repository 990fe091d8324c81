// `plexus sriov`.

import { localHost } from "../host/local.ts";
import { plainJson, visible } from "../log/visible.ts";
import { type ListedFunction, listFunctions } from "../sriov/list.ts";
import { CNI_DIR } from "./attachments.ts";
import { command } from "./command.ts";
import { aligned } from "./table.ts";

const list = command({
  name: "list",
  summary: "shows PFs, VFs, netdevs, drivers, IOMMU groups, and which container has which VF",
  options: { json: { help: "for programs: a list of objects" }, "cni-dir": CNI_DIR },
  run: async ({ values }) => {
    const say = (message: string) => console.error(visible(message));
    const functions = await listFunctions(localHost, values["cni-dir"], say);
    console.log(values.json ? plainJson(functions) : tableOf(functions));
    return undefined;
  },
});

export const sriov = command({
  name: "sriov",
  summary: "shows the node's SR-IOV devices",
  options: {},
  commands: [list],
});

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
