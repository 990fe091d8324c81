// The IPAM plugin host-local: one file a reserved address, which names the attachment that has it.
// Source: containernetworking/plugins, plugins/ipam/host-local/backend/disk.
import { basename } from "node:path";
import type { Disk } from "./disk.ts";
import type { Owner } from "./network.ts";

const DIR = "/var/lib/cni/networks";
/** Addresses a network has. */
const SIZE = 200;

export interface Reservation {
  network: string;
  address: string;
  containerId: string;
  ifname: string;
  /** Whose it is, as the simulator knows; undefined where it was reserved by nobody. */
  owner: Owner | undefined;
}

export class Addresses {
  private readonly owners = new Map<string, Owner>();

  constructor(private readonly disk: Disk) {}

  /** Throws where the attachment has an address already, as host-local does, and where none is left. */
  reserve(network: string, containerId: string, ifname: string, owner: Owner): string {
    const taken = this.of(network);
    if (taken.some((one) => one.containerId === containerId && one.ifname === ifname)) {
      throw new Error(
        `an address of ${network} has been allocated to ${containerId}, duplicate allocation is not allowed`,
      );
    }
    const used = new Set(taken.map(({ address }) => address));
    for (let host = 2; host < SIZE; host++) {
      const address = `10.1.0.${host}`;
      if (used.has(address)) continue;
      this.owners.set(`${network} ${address}`, owner);
      this.disk.place(`${DIR}/${network}/${address}`, `${containerId}\r\n${ifname}`);
      return address;
    }
    throw new Error(`no address is left in ${network}`);
  }

  /** What is released stays so: host-local does not sync, but what a loss of power brings back is not Plexus's doing. */
  release({ network, address }: Reservation): void {
    this.disk.removeForGood(`${DIR}/${network}/${address}`);
    this.owners.delete(`${network} ${address}`);
  }

  of(network: string): Reservation[] {
    return this.disk.files(`${DIR}/${network}`).map((path) => {
      const [containerId = "", ifname = ""] = (this.disk.peek(path) ?? "").split("\r\n");
      const address = basename(path);
      return { network, address, containerId, ifname, owner: this.owners.get(`${network} ${address}`) };
    });
  }

  all(): Reservation[] {
    const reserved = this.disk.files(DIR).filter((path) => path !== `${DIR}/lock`);
    const networks = new Set(reserved.map((path) => path.split("/").at(-2) ?? ""));
    return [...networks].flatMap((network) => this.of(network));
  }
}
