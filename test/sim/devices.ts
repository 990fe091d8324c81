// The node's NICs with their VFs: sysfs and the links of VFs, as they are after each boot; and who has which VF.

import type { CommandOptions } from "../../launcher/host/execute.ts";
import type { Execution } from "../../launcher/host/host.ts";
import { executeIproute } from "../support/fake-iproute.ts";
import { type FakeLink, FakeSysfs } from "../support/fake-sysfs.ts";
import { DRIVERS } from "../support/sriov-nics.ts";
import { NICS, type Nic } from "./nics.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** A netdev comes so long after its driver at most. */
const NETDEV_MS = 60;

export class Devices {
  sysfs: FakeSysfs;
  private readonly atBoot: Map<string, string>;

  constructor(
    private readonly nic: Nic,
    private readonly timeline: Timeline,
    private readonly random: Random,
  ) {
    this.sysfs = this.boot();
    this.atBoot = this.states();
  }

  /** As the hardware is after a reset. */
  boot(): FakeSysfs {
    const later = (work: () => void) => void this.timeline.after(this.random.below(NETDEV_MS), work);
    this.sysfs = new FakeSysfs(NICS[this.nic].devices, { ...DRIVERS, later });
    return this.sysfs;
  }

  /** The devices that are not as they were at boot. */
  changed(): string[] {
    const now = this.states();
    return [...this.atBoot].flatMap(([address, state]) => (now.get(address) === state ? [] : address));
  }

  /** How a device is, and how it was at boot. */
  difference(address: string): string {
    return `${this.states().get(address)}, and was ${this.atBoot.get(address)}`;
  }

  /** Links of VFs in a network namespace. */
  linksIn(netns: string): FakeLink[] {
    return this.sysfs.links.filter((link) => link.netns === netns);
  }

  /** The PCI address of the VF that a line for `ip` is about; "" if it is about another link. */
  addressIn(line: string, netns: string): string {
    const words = line.split(" ");
    const link = this.sysfs.link(words[words.indexOf("dev") + 1] ?? "", netns);
    const number = words.indexOf("vf");
    if (link === undefined || number < 0) return link?.device ?? "";
    return NICS[this.nic].devices[link.device]?.vfs?.[Number(words[number + 1])] ?? "";
  }

  /** Executes `ip`, `rdma` or `sysctl`. */
  execute(
    command: "ip" | "rdma" | "sysctl",
    options: Pick<CommandOptions, "args" | "netns" | "stdin">,
  ): Execution {
    return executeIproute(this.sysfs, command, options);
  }

  private states(): Map<string, string> {
    const { devices } = JSON.parse(this.sysfs.snapshot()) as { devices: { address: string }[] };
    return new Map(devices.map((device) => [device.address, JSON.stringify(device)]));
  }
}
