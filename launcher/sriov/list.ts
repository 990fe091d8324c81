// The node's SR-IOV devices, and who has them.
import type { Host } from "../host/host.ts";
import { type Allocation, Allocations } from "./allocation.ts";
import { type PciDevice, physicalFunctions, possibleVfs, readDevice, virtualFunctions } from "./device.ts";

/** A PF, with `vfs`, or a VF, with `vf` and `pf`. */
export interface ListedFunction {
  address: string;
  /** The PCI address of the PF. */
  pf?: string;
  /** The number of the VF. */
  vf?: number;
  vfs?: { enabled: number; possible: number };
  netdev: string;
  driver: string;
  iommuGroup: string;
  rdma: string[];
  owner?: { containerId: string; ifname: string; network: string; netns: string };
}

/**
 * Lists each PF, followed by its VFs.
 *
 * @param cniDir Plexus's state directory
 * @param log takes what is wrong with a file in it
 */
export async function listFunctions(
  host: Host,
  cniDir: string,
  log: (message: string) => void,
): Promise<ListedFunction[]> {
  const allocations = new Allocations(host, cniDir, log);
  const owners = new Map((await allocations.all()).map((one) => [one.address, one]));
  const functions: ListedFunction[] = [];
  for (const pf of await physicalFunctions(host)) {
    const addresses = await virtualFunctions(host, pf);
    const vfs = { enabled: addresses.length, possible: await possibleVfs(host, pf) };
    functions.push({ ...shown(await readDevice(host, pf)), vfs });
    for (const address of addresses) {
      const device = await readDevice(host, address);
      const { vf } = device;
      const owner = owners.get(address);
      functions.push({
        ...shown(device),
        pf,
        ...(vf === undefined ? {} : { vf }),
        ...(owner === undefined ? {} : { owner: ownerOf(owner) }),
      });
    }
  }
  return functions;
}

function shown({ address, netdev, driver, iommuGroup, rdma }: PciDevice) {
  return { address, netdev, driver, iommuGroup, rdma };
}

function ownerOf({ containerId, ifname, network, netns }: Allocation) {
  return { containerId, ifname, network, netns };
}
