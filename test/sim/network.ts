// The node's network as plugins leave it: network namespaces with their links, and what a plugin keeps in the kernel for an
// attachment besides, such as rules for port mappings.

/** One call of the runtime. */
export interface RuntimeCall {
  id: number;
  verb: "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";
  containerId: string;
  /** CNI_IFNAME */
  ifname: string;
  netns: string;
  /** CNI_ARGS */
  args: string;
  /** For GC: the attachments that live, by the runtime's names. */
  valid?: { containerID: string; ifname: string }[];
  /** Is it `plexus` that carries it out, after a resident process has begun to? */
  isBegunAnew: boolean;
  /** How long it waited for its turn in the resident process. */
  waitedMs: number;
}

/** An execution of a plugin that begins. */
export interface PluginStart {
  type: string;
  verb: string;
  containerId: string;
  ifname: string;
  network: string;
}

/** Whose something is: the attachment of the runtime's that it was made for. */
export interface Owner {
  containerId: string;
  /** The interface name that the runtime gave. */
  ifname: string;
  /** It was made by a delegate whose parent had died before: nobody waited for it any more. */
  isOrphan: boolean;
}

export interface Link {
  owner: Owner;
  /** The network's name. */
  network: string;
  mac: string;
  mtu: number;
  isUp: boolean;
  addresses: string[];
  /** Was it given rules for port mappings? */
  isMapped?: boolean;
  /** The MAC address that was asked for. */
  askedMac?: string | undefined;
  /** Of the `cni-args` that it was asked for with. */
  colour?: string | undefined;
  /** The PCI address of the device that it is the netdev of. */
  pci?: string;
}

export interface Route {
  ifname: string;
  destination: string;
  gateway: string;
}

export class Namespace {
  readonly links = new Map<string, Link>();
  routes: Route[] = [];
}

export class Network {
  /** By their paths. */
  readonly namespaces = new Map<string, Namespace>();
  /** Rules for port mappings: `network containerID ifname` -> whose they are. */
  readonly rules = new Map<string, Owner>();
  private macs = 0;

  mac(): string {
    this.macs++;
    const [high, low] = [this.macs >> 8, this.macs & 255].map((byte) => byte.toString(16).padStart(2, "0"));
    return `02:00:00:00:${high}:${low}`;
  }
}
