// Who has which VF, and how to give it back: one file a VF, `<cniDir>/sriov/<PCI address>`, created before the VF is touched
// and removed when it is as it was. The file is created exclusively, so that two ADDs never take one VF. One that is broken
// concerns its own VF only.
import { Code, Fault } from "../fault.ts";
import { type Host, ownText } from "../host/host.ts";
import { PCI_ADDRESS, type VfSettings } from "./conf.ts";
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
  /** Its driver_override as it was; "" for none. */
  override?: string;
  /** Its netdev as it was; missing if it had none. */
  netdev?: Pick<Netdev, "name" | "up"> & Partial<Netdev>;
  /** The settings that the conf wants, and how these were. */
  wanted: VfSettings;
  before: VfSettings;
  /** The RDMA devices that go with it. */
  rdma: string[];
}

export class Allocations {
  readonly dir: string;
  private readonly host: Host;
  private readonly log: (message: string) => void;
  private isReleased = false;

  /**
   * @param cniDir Plexus's state directory
   * @param log takes what is skipped
   */
  constructor(host: Host, cniDir: string, log: (message: string) => void) {
    this.host = host;
    this.dir = `${cniDir}/sriov`;
    this.log = log;
  }

  /** Writes one down; false if another one has the VF. */
  take(allocation: Allocation): Promise<boolean> {
    return this.host.create(this.path(allocation.address), `${JSON.stringify(allocation)}\n`);
  }

  /** Reads that of a VF; undefined if it is free. Throws a Fault if the file is not one of these. */
  async of(address: string): Promise<Allocation | undefined> {
    const path = this.path(address);
    const text = await ownText(this.host, path);
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

  /**
   * Reads all, by address; skips what is none, and says so. Those that were not written whole by an ADD that was killed are
   * cleared, and the locks of such.
   */
  async all(): Promise<Allocation[]> {
    await this.host.clearTemporaries(this.dir);
    const names = (await this.host.list(this.dir)).filter((name) => !name.startsWith("."));
    const strays = names.filter((name) => !PCI_ADDRESS.test(name));
    if (strays.length > 0) this.log(`in ${this.dir} only PCI addresses count, not ${strays.join(", ")}`);
    const all = await Promise.all(
      names.filter((name) => PCI_ADDRESS.test(name)).map((name) => this.readable(name)),
    );
    return all.flatMap((one) => one ?? []);
  }

  private async readable(address: string): Promise<Allocation | undefined> {
    try {
      return await this.of(address);
    } catch (error) {
      const { code, message } = Fault.of(error);
      if (code !== Code.decodeFailure) throw error;
      this.log(message);
      return undefined;
    }
  }

  /** Reads those of one attachment: one at most, unless it was attached anew with another VF. */
  async ofOwner({ containerId, ifname }: Owner): Promise<Allocation[]> {
    return (await this.all()).filter((one) => one.containerId === containerId && one.ifname === ifname);
  }

  /** Has the owner the device still? */
  async isHeld(allocation: Allocation): Promise<boolean> {
    const now = await this.of(allocation.address);
    return now !== undefined && JSON.stringify(now) === JSON.stringify(allocation);
  }

  /** Throws a Fault if the owner has not the device any more: for each step that would take it from another one. */
  async requireHeld(allocation: Allocation): Promise<void> {
    if (await this.isHeld(allocation)) return;
    throw new Fault(
      Code.tryAgainLater,
      `device ${allocation.address} is not container ${allocation.containerId}'s any more; try again later`,
    );
  }

  /** Removes the file, if it is this owner's. It may come back after a loss of power, until `settle`. */
  async release(allocation: Allocation): Promise<void> {
    await this.requireHeld(allocation);
    await this.host.remove(this.path(allocation.address));
    this.isReleased = true;
  }

  /** Resolves when what was released stays so. */
  async settle(): Promise<void> {
    if (!this.isReleased) return;
    this.isReleased = false;
    await this.host.sync(this.dir);
  }

  private path(address: string): string {
    return `${this.dir}/${address}`;
  }
}
