// Who has which VF, and how to give it back: one file a VF, `<cniDir>/sriov/<PCI address>`, created before the VF is touched
// and removed when it is as it was. The file is created exclusively, so that two ADDs never take one VF.
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import type { VfSettings } from "./conf.ts";
import type { Netdev } from "./device.ts";

export interface Owner {
  containerId: string;
  ifname: string;
}

/** The contents of a file. */
export interface Allocation extends Owner {
  /** The PCI address. */
  address: string;
  netns: string;
  /** The network's name. */
  network: string;
  /** The PF's netdev and the VF's number, if the conf sets the VF. */
  pf?: string;
  vf?: number;
  /** The driver that the device had, and the one that it is bound to if that is another. */
  driver: string;
  bound?: string;
  /** Its netdev as it was; missing if it had none. */
  netdev?: Netdev;
  /** The settings that the conf wants, and how these were. */
  wanted: VfSettings;
  before: VfSettings;
  /** The RDMA devices that go with it. */
  rdma: string[];
}

export class Allocations {
  private readonly host: Host;
  private readonly dir: string;

  /** @param cniDir Plexus's state directory */
  constructor(host: Host, cniDir: string) {
    this.host = host;
    this.dir = `${cniDir}/sriov`;
  }

  /** Writes one down; false if another one has the VF. */
  take(allocation: Allocation): Promise<boolean> {
    return this.host.create(this.path(allocation.address), `${JSON.stringify(allocation)}\n`);
  }

  /** Reads that of a VF; undefined if it is free. Throws a Fault if the file is not one of these. */
  async of(address: string): Promise<Allocation | undefined> {
    const path = this.path(address);
    const text = await this.host.read(path);
    if (text === undefined) return undefined;
    try {
      const allocation = JSON.parse(text) as Allocation;
      if (allocation?.address === address && typeof allocation.containerId === "string") return allocation;
    } catch {
      // It is not JSON, and not an allocation either.
    }
    throw new Fault(
      Code.decodeFailure,
      `${path} does not say who has device ${address}; make sure that no pod has it, and remove the file`,
    );
  }

  /** Reads all, by address; those that were not written whole by an ADD that was killed are cleared. */
  async all(): Promise<Allocation[]> {
    await this.host.clearTemporaries(this.dir);
    const names = (await this.host.list(this.dir)).filter((name) => !name.startsWith("."));
    const all = await Promise.all(names.map((name) => this.of(name)));
    return all.flatMap((one) => one ?? []);
  }

  /** Reads those of one attachment: one at most, unless it was attached anew with another VF. */
  async ofOwner({ containerId, ifname }: Owner): Promise<Allocation[]> {
    return (await this.all()).filter((one) => one.containerId === containerId && one.ifname === ifname);
  }

  /** Removes the file. */
  release({ address }: Allocation): Promise<void> {
    return this.host.remove(this.path(address));
  }

  private path(address: string): string {
    return `${this.dir}/${address}`;
  }
}
