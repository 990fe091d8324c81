// Who has which VF, and how to give it back: one file a VF, named by its PCI address, made before the VF is touched and
// removed when it is as it was. The file is made exclusively, so that two ADDs never take one VF.
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import type { Settings } from "./conf.ts";

export interface Owner {
  containerId: string;
  ifname: string;
}

export interface Allocation extends Owner {
  address: string;
  netns: string;
  /** The network's name. */
  network: string;
  /** The PF's netdev and the VF's number; missing for a device that is no VF. */
  pf?: string;
  vf?: number;
  /** The driver it had, and the one it was to be bound to, if another. */
  driver: string;
  bound?: string;
  /** Its netdev as it was; missing where it had none. */
  netdev?: { name: string; mac: string; mtu: number; up: boolean };
  /** Through the PF: what was asked, and what was there before. */
  wanted: Settings;
  before: Settings;
  /** RDMA devices that were moved with it. */
  rdma: string[];
}

export class Allocations {
  private readonly host: Host;
  private readonly dir: string;

  /** @param cniDir below which they are kept */
  constructor(host: Host, cniDir: string) {
    this.host = host;
    this.dir = `${cniDir}/sriov`;
  }

  /** False where somebody has the VF. */
  take(allocation: Allocation): Promise<boolean> {
    return this.host.create(this.path(allocation.address), `${JSON.stringify(allocation)}\n`);
  }

  /** Undefined where nobody has it. */
  async of(address: string): Promise<Allocation | undefined> {
    const path = this.path(address);
    const text = await this.host.read(path);
    if (text === undefined) return undefined;
    try {
      const allocation = JSON.parse(text) as Allocation;
      if (allocation?.address === address && typeof allocation.containerId === "string") return allocation;
    } catch {
      // The same as a file of something else.
    }
    throw new Fault(
      Code.decodeFailure,
      `${path} does not say who has ${address}: see that no pod has it, and remove the file`,
    );
  }

  async all(): Promise<Allocation[]> {
    const names = (await this.host.list(this.dir)).filter((name) => !name.startsWith("."));
    const all = await Promise.all(names.map((name) => this.of(name)));
    return all.flatMap((one) => one ?? []);
  }

  async ofOwner({ containerId, ifname }: Owner): Promise<Allocation[]> {
    return (await this.all()).filter((one) => one.containerId === containerId && one.ifname === ifname);
  }

  release({ address }: Allocation): Promise<void> {
    return this.host.remove(this.path(address));
  }

  private path(address: string): string {
    return `${this.dir}/${address}`;
  }
}
