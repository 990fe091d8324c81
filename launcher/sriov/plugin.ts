// The built-in plugin `sriov`: a VF into a container's network namespace, or to a driver for user space, and back.
import { Code, Fault } from "../fault.ts";
import { type Host, SYSTEM_DIRS } from "../host/host.ts";
import { type Allocation, Allocations } from "./allocation.ts";
import { readConf, requireComplete, type Settings, type SriovConf } from "./conf.ts";
import { type Device, readDevice, USER_DRIVERS } from "./device.ts";
import { bind, giveBack, requireDriver, withNetdev } from "./driver.ts";
import { executeIpam, type IpamResult } from "./ipam.ts";
import type { Request } from "./request.ts";
import { affectedBy, changed, differences, Ip, settingLines, settingsIn } from "./vf.ts";

/** `ib_core` says whether an RDMA device is in one namespace (N), or in all (Y). */
const RDMA_SHARED = "/sys/module/ib_core/parameters/netns_mode";

/** Carries out one verb. Returns the result of ADD, as text. Throws a Fault; a failed ADD leaves all as it was. */
export async function runSriov(request: Request): Promise<string | undefined> {
  const conf = readConf(request.stdin, request.args);
  const plugin = new Sriov(request, conf);
  switch (request.verb) {
    case "ADD":
      return plugin.add();
    case "DEL":
      await plugin.del();
      return undefined;
    case "CHECK":
      await plugin.check();
      return undefined;
    case "GC":
      await plugin.gc();
      return undefined;
    default: // STATUS: it is ready where `ip` is
      await plugin.requireIp();
      return undefined;
  }
}

/** Does the plugin know of this attachment? Then it has to undo it, whatever else is installed by now. */
export async function isAttached(host: Host, cniDir: string, containerId: string, ifname: string) {
  return (await new Allocations(host, cniDir).ofOwner({ containerId, ifname })).length > 0;
}

class Sriov {
  private readonly request: Request;
  private readonly conf: SriovConf;
  private readonly host: Host;
  private readonly ip: Ip;
  private readonly allocations: Allocations;

  constructor(request: Request, conf: SriovConf) {
    this.request = request;
    this.conf = conf;
    this.host = request.host;
    this.ip = new Ip(request.host, request.env);
    this.allocations = new Allocations(request.host, request.cniDir);
  }

  async add(): Promise<string> {
    requireComplete(this.conf);
    // It becomes a word of a line for `ip`.
    if (!/^\/[^\s"'#\\]+$/.test(this.request.netns)) {
      throw new Fault(
        Code.invalidNetworkConfig,
        `CNI_NETNS is ${JSON.stringify(this.request.netns)}: a path is needed`,
      );
    }
    await this.clear();
    const device = await readDevice(this.host, this.conf.address);
    this.requireAllowed(device);
    const driver = this.conf.driver ?? device.driver;
    if (driver !== device.driver) await requireDriver(this.host, device, driver);
    const allocation = await this.allocate(device, driver);
    try {
      return await this.attach(device, driver, allocation);
    } catch (error) {
      const faults = await this.undo(allocation);
      const left = faults.map((fault) => `; undoing it: ${fault.message}`).join("");
      const { code, message } = Fault.of(error);
      throw new Fault(code, `device ${device.address}: ${message}${left}`);
    }
  }

  /** Goes on past every error, and throws the first. */
  async del(): Promise<void> {
    const { containerId, ifname } = this.request;
    const faults: Fault[] = [];
    for (const allocation of await this.allocations.ofOwner({ containerId, ifname })) {
      faults.push(...(await this.giveBack(allocation)));
    }
    if (this.conf.ipam !== "") {
      await executeIpam(this.request, this.conf).catch((error: unknown) => faults.push(Fault.of(error)));
    }
    if (faults[0]) throw new Fault(faults[0].code, faults.map(({ message }) => message).join("; "));
  }

  async check(): Promise<void> {
    const { containerId, ifname, netns } = this.request;
    const [allocation] = await this.allocations.ofOwner({ containerId, ifname });
    if (!allocation)
      throw new Fault(Code.unknownContainer, `no VF is attached to ${containerId} as ${ifname}`);
    const device = await readDevice(this.host, allocation.address);
    const wrong: string[] = [];
    const driver = allocation.bound ?? allocation.driver;
    if (device.driver !== driver) wrong.push(`its driver is ${device.driver || "none"}, not ${driver}`);
    const { mtu, settings, ipam } = this.conf;
    if (device.pf && device.vf !== undefined && Object.keys(allocation.wanted).length > 0) {
      const found = settingsIn(await this.ip.link(device.pf.netdev), device.vf);
      wrong.push(...differences(allocation.wanted, found));
    }
    if (!USER_DRIVERS.includes(driver)) {
      const link = await this.ip.link(ifname, netns);
      if (!link.flags.includes("UP")) wrong.push(`${ifname} is down`);
      if (settings.mac && link.address !== settings.mac)
        wrong.push(`${ifname} has MAC ${link.address}, not ${settings.mac}`);
      if (mtu !== undefined && link.mtu !== mtu) wrong.push(`${ifname} has MTU ${link.mtu}, not ${mtu}`);
      const has = new Set(link.addr_info?.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
      for (const address of addressesIn(this.request.stdin, ifname)) {
        if (!has.has(address)) wrong.push(`${ifname} does not have ${address}`);
      }
    }
    if (wrong.length > 0) {
      throw new Fault(
        Code.internal,
        `device ${allocation.address} is not as it was attached: ${wrong.join("; ")}`,
      );
    }
    if (ipam !== "") await executeIpam(this.request, this.conf);
  }

  async gc(): Promise<void> {
    const { name, ipam, validAttachments } = this.conf;
    if (!validAttachments) {
      throw new Fault(Code.invalidNetworkConfig, "GC needs `cni.dev/valid-attachments` in the conf");
    }
    const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${containerID} ${ifname}`));
    const faults: Fault[] = [];
    for (const allocation of await this.allocations.all()) {
      if (allocation.network !== name || valid.has(`${allocation.containerId} ${allocation.ifname}`))
        continue;
      faults.push(...(await this.giveBack(allocation)));
    }
    if (ipam !== "") {
      await executeIpam(this.request, this.conf).catch((error: unknown) => faults.push(Fault.of(error)));
    }
    if (faults[0]) throw new Fault(faults[0].code, faults.map(({ message }) => message).join("; "));
  }

  async requireIp(): Promise<void> {
    if ((await this.host.find("ip", SYSTEM_DIRS)) !== undefined) return;
    throw new Fault(Code.pluginNotAvailable, "type sriov needs the command ip on the node: install iproute2");
  }

  /** What an earlier ADD of this attachment, or a container that is no more, has left of the VF. */
  private async clear(): Promise<void> {
    const { containerId, ifname, log } = this.request;
    const { address } = this.conf;
    const owned = await this.allocations.ofOwner({ containerId, ifname });
    const other = await this.allocations.of(address);
    if (other && !owned.some((one) => one.address === address)) {
      if (await this.host.exists(other.netns)) {
        throw new Fault(
          Code.tryAgainLater,
          `device ${address} is in use: container ${other.containerId} has it as ${other.ifname} in network ${other.network}; ` +
            "it is free when that container is deleted",
        );
      }
      log(
        `device ${address} is taken back from container ${other.containerId}, whose network namespace is gone`,
      );
      owned.push(other);
    }
    for (const allocation of owned) {
      const [fault] = await this.giveBack(allocation);
      if (fault) throw fault.during(`giving device ${allocation.address} back, before it is attached anew`);
    }
  }

  private requireAllowed({ address, pf }: Device): void {
    if (pf !== undefined || this.conf.allowDevices.includes(address)) return;
    throw new Fault(
      Code.invalidNetworkConfig,
      `device ${address} is no virtual function: give the address of a VF (\`plexus sriov list\` shows them), or name it ` +
        "in `allowDevices`, if the whole device is meant",
    );
  }

  /** Writes down who has the device, and how it was. */
  private async allocate(device: Device, driver: string): Promise<Allocation> {
    const { containerId, ifname, netns } = this.request;
    const { address, netdev, pf, vf } = device;
    const isUser = USER_DRIVERS.includes(driver);
    const allocation: Allocation = {
      address,
      containerId,
      ifname,
      netns,
      network: this.conf.name,
      driver: device.driver,
      wanted: this.conf.settings,
      before: {},
      rdma: [],
    };
    if (driver !== device.driver) allocation.bound = driver;
    if (device.driver === "" && driver === "") {
      throw new Fault(
        Code.invalidNetworkConfig,
        `device ${address} has no driver: load the NIC's VF driver, or give the \`driver\` to bind it to`,
      );
    }
    if (netdev === "" && !isUser && allocation.bound === undefined) {
      throw new Fault(
        Code.tryAgainLater,
        `device ${address} has driver ${device.driver} and no netdev in the node's network namespace: something else has it`,
      );
    }
    if (netdev !== "") allocation.netdev = await this.netdev(netdev);
    if (Object.keys(allocation.wanted).length > 0) {
      if (pf === undefined || vf === undefined) {
        throw new Fault(
          Code.invalidNetworkConfig,
          `device ${address} is no VF: vlan, mac, spoofchk, trust, link_state and rates are a VF's`,
        );
      }
      if (pf.netdev === "") {
        throw new Fault(
          Code.invalidNetworkConfig,
          `device ${address}: its PF ${pf.address} has no netdev, so the VF cannot be set: leave out vlan, mac, spoofchk, trust, ` +
            "link_state and rates, or give the PF its kernel driver",
        );
      }
      allocation.pf = pf.netdev;
      allocation.vf = vf;
      allocation.before = affectedBy(allocation.wanted, settingsIn(await this.ip.link(pf.netdev), vf));
    }
    const isExclusive = (await this.host.read(RDMA_SHARED))?.trim() === "N";
    if (isExclusive && !isUser) allocation.rdma = device.rdma;
    if (await this.allocations.take(allocation)) return allocation;
    throw new Fault(Code.tryAgainLater, `device ${address} is in use: another ADD has just taken it`);
  }

  private async netdev(name: string): Promise<NonNullable<Allocation["netdev"]>> {
    const of = async (file: string) => (await this.host.read(`/sys/class/net/${name}/${file}`))?.trim() ?? "";
    const up = (Number(await of("flags")) & 1) === 1;
    return { name, mac: await of("address"), mtu: Number(await of("mtu")), up };
  }

  private async attach(device: Device, driver: string, allocation: Allocation): Promise<string> {
    const { ifname, netns } = this.request;
    const { ipam, mtu, settings } = this.conf;
    const set =
      device.pf && device.vf !== undefined ? settingLines(device.pf.netdev, device.vf, settings) : [];
    let mac = settings.mac ?? "";
    let isMacSet = false;
    const isUser = USER_DRIVERS.includes(driver);
    if (isUser) {
      await this.ip.batch(set);
      if (allocation.bound !== undefined) await bind(this.host, device, driver);
    } else {
      if (allocation.bound !== undefined) await bind(this.host, device, driver);
      let now = await withNetdev(this.host, device.address);
      if (needsProbe(driver, settings.mac)) {
        await this.ip.batch([`link set dev ${now.netdev} down`, ...set.splice(0)]);
        await giveBack(this.host, device.address, driver, true);
        now = await withNetdev(this.host, device.address);
      }
      if (now.netdev === "") {
        throw new Fault(Code.ioFailure, `${driver} has made no netdev: the node's kernel log says why`);
      }
      const before = await this.netdev(now.netdev);
      mac ||= before.mac;
      isMacSet = before.mac === mac;
      await this.ip.batch([
        `link set dev ${now.netdev} down`,
        ...set,
        `link set dev ${now.netdev} netns ${netns} name ${ifname}`,
      ]);
      for (const name of allocation.rdma) await this.moveRdma(name, netns);
    }
    const result = ipam === "" ? {} : await executeIpam(this.request, this.conf);
    if (!isUser) {
      const lines = [
        ...(settings.mac && !isMacSet ? [`link set dev ${ifname} address ${settings.mac}`] : []),
        ...(mtu === undefined ? [] : [`link set dev ${ifname} mtu ${mtu}`]),
        `link set dev ${ifname} up`,
        ...addressLines(result, ifname),
      ];
      await this.ip.batch(lines, netns);
    }
    await this.offerDeviceInfo(device);
    return resultText(this.conf, this.request, device, mac, mtu, result);
  }

  /** What the device plugin has said of the device stays; where it has said nothing, this does. */
  private async offerDeviceInfo({ address, pf, rdma }: Device): Promise<void> {
    const path = this.conf.deviceInfoFile ?? this.request.deviceInfoFile;
    if (path === undefined || (await this.host.exists(path))) return;
    const pci = {
      "pci-address": address,
      ...(pf ? { "pf-pci-address": pf.address } : {}),
      ...(rdma[0] === undefined ? {} : { "rdma-device": rdma[0] }),
    };
    await this.host.write(path, JSON.stringify({ type: "pci", version: "1.1.0", pci }));
  }

  /** After a failed ADD, with the addresses that it got. */
  private async undo(allocation: Allocation): Promise<Fault[]> {
    const faults = await this.giveBack(allocation);
    if (this.conf.ipam !== "") {
      const request = { ...this.request, verb: "DEL" };
      await executeIpam(request, this.conf).catch((error: unknown) => faults.push(Fault.of(error)));
    }
    return faults;
  }

  /** Makes a device what it was, from wherever an ADD has left it. What could not be done is still written down. */
  private async giveBack(allocation: Allocation): Promise<Fault[]> {
    const { address, bound, driver, netdev } = allocation;
    try {
      if (await this.host.exists(`/sys/bus/pci/devices/${address}`)) {
        let restoring = await this.restoring(allocation);
        const isProbed = bound !== undefined || needsProbe(driver, restoring.mac);
        if (isProbed) {
          await this.ip.batch(await this.settingLines(address, restoring));
          restoring = {};
        }
        const device = await this.backHere(allocation, isProbed);
        if (netdev !== undefined && device.netdev === "") {
          throw new Fault(
            Code.tryAgainLater,
            `its netdev does not come back from ${allocation.netns}, nor from ${driver}`,
          );
        }
        const lines = await this.settingLines(address, restoring);
        if (netdev !== undefined) {
          lines.unshift(`link set dev ${device.netdev} down`);
          lines.push(...(await this.netdevLines(device.netdev, netdev)));
        }
        await this.ip.batch(lines);
      }
      await this.allocations.release(allocation);
      return [];
    } catch (error) {
      return [Fault.of(error).during(`device ${address} cannot be given back`)];
    }
  }

  /** Of the settings from before, those that are not so any more. */
  private async restoring({ address, before }: Allocation): Promise<Settings> {
    if (Object.keys(before).length === 0) return {};
    const { pf, vf } = await readDevice(this.host, address);
    if (pf === undefined || pf.netdev === "" || vf === undefined) return {};
    return changed(before, settingsIn(await this.ip.link(pf.netdev), vf));
  }

  private async settingLines(address: string, settings: Settings): Promise<string[]> {
    if (Object.keys(settings).length === 0) return [];
    const { pf, vf } = await readDevice(this.host, address);
    return pf === undefined || vf === undefined ? [] : settingLines(pf.netdev, vf, settings);
  }

  /**
   * The device with its own driver, its netdev in this namespace.
   *
   * @param isProbed must the driver take it anew?
   */
  private async backHere(allocation: Allocation, isProbed: boolean): Promise<Device> {
    const { address, driver, ifname, netdev, netns } = allocation;
    if (isProbed) {
      await giveBack(this.host, address, driver, true);
    } else {
      const device = await readDevice(this.host, address);
      if (netdev === undefined || device.netdev !== "") return device;
      if (await this.host.exists(netns)) {
        const isTaken = await this.host.exists(`/sys/class/net/${netdev.name}`);
        const name = isTaken ? `plx${address.replaceAll(/[:.]/g, "")}` : netdev.name;
        for (const rdma of allocation.rdma)
          await this.moveRdma(rdma, "/proc/1/ns/net", netns).catch(this.note);
        const lines = [`link set dev ${ifname} down`, `link set dev ${ifname} netns 1 name ${name}`];
        const isMoved = await this.ip.batch(lines, netns).then(() => true, this.note);
        if (!isMoved) await giveBack(this.host, address, driver, true);
      }
      // From a namespace that is gone the kernel brings it by itself; if not, its driver makes it anew.
      const back = await withNetdev(this.host, address);
      if (back.netdev !== "") return back;
      await giveBack(this.host, address, driver, true);
    }
    return netdev === undefined ? readDevice(this.host, address) : withNetdev(this.host, address);
  }

  private readonly note = (error: unknown): void => {
    this.request.log(`${Fault.of(error).message}; the device is taken back otherwise`);
  };

  private async netdevLines(now: string, before: NonNullable<Allocation["netdev"]>): Promise<string[]> {
    const isFree = now === before.name || !(await this.host.exists(`/sys/class/net/${before.name}`));
    const name = isFree ? before.name : now;
    const lines = name === now ? [] : [`link set dev ${now} name ${name}`];
    const state = await this.netdev(now);
    if (state.mac !== before.mac) lines.push(`link set dev ${name} address ${before.mac}`);
    if (state.mtu !== before.mtu) lines.push(`link set dev ${name} mtu ${before.mtu}`);
    if (before.up) lines.push(`link set dev ${name} up`);
    return lines;
  }

  private async moveRdma(name: string, to: string, netns?: string): Promise<void> {
    const path = await this.host.find("rdma", SYSTEM_DIRS);
    if (path === undefined) {
      throw new Fault(
        Code.pluginNotAvailable,
        `RDMA device ${name} is moved by the command rdma: install iproute2`,
      );
    }
    const args = ["dev", "set", name, "netns", to];
    const where = netns === undefined ? {} : { netns };
    const { env } = this.request;
    const { exitCode, stderr } = await this.host.execute(path, {
      args,
      env,
      stdin: "",
      timeout: 30_000,
      ...where,
    });
    if (exitCode !== 0) throw new Fault(Code.ioFailure, `\`rdma ${args.join(" ")}\`: ${stderr.trim()}`);
  }
}

/** These drivers read the MAC address that a VF is given when they take it, and let no other be set. */
function needsProbe(driver: string, mac: string | undefined): boolean {
  return mac !== undefined && driver === "igbvf";
}

function addressLines({ ips = [], routes = [] }: IpamResult, ifname: string): string[] {
  const gatewayOf = (destination: string) => {
    const isV6 = destination.includes(":");
    return ips.find(({ address, gateway }) => gateway && address.includes(":") === isV6)?.gateway;
  };
  return [
    ...ips.map(
      ({ address }) => `address add ${address} dev ${ifname}${address.includes(":") ? " nodad" : ""}`,
    ),
    ...routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => {
      const via = gw ?? gatewayOf(dst);
      const words = Object.entries({ via, mtu, advmss, metric: priority, table, scope });
      const more = words.flatMap(([word, value]) => (value === undefined ? [] : ` ${word} ${value}`));
      return `route add ${dst} dev ${ifname}${more.join("")}`;
    }),
  ];
}

function resultText(
  { cniVersion }: SriovConf,
  { core, ifname, netns }: Request,
  { address, netdev }: Device,
  mac: string,
  mtu: number | undefined,
  { ips, routes, dns }: IpamResult,
): string {
  const result = JSON.stringify({
    cniVersion: "1.1.0",
    interfaces: [
      {
        name: ifname,
        ...(mac === "" ? {} : { mac }),
        ...(mtu !== undefined && netdev !== "" ? { mtu } : {}),
        sandbox: netns,
        pciID: address,
      },
    ],
    ...(ips ? { ips: ips.map((one) => ({ ...one, interface: 0 })) } : {}),
    ...(routes ? { routes } : {}),
    dns: dns ?? {},
  });
  return core.convert({ result, cniVersion });
}

/** The addresses of an interface in the conf's prevResult. */
function addressesIn(stdin: string, ifname: string): string[] {
  const { prevResult } = JSON.parse(stdin) as {
    prevResult?: {
      interfaces?: { name?: string }[];
      ips?: { address?: string; interface?: number }[];
    };
  };
  return (prevResult?.ips ?? []).flatMap(({ address, interface: index }) =>
    address !== undefined && prevResult?.interfaces?.[index ?? -1]?.name === ifname ? [address] : [],
  );
}
