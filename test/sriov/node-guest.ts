// In the VM: `node-guest.ts DIR` makes it a node of a cluster, by DIR's script, and then does what it is asked to over HTTP: executes
// programs as on that node, and has a device plugin, which is a fake, for the VFs that a ConfigMap of the real one selects.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Ended, execute } from "../docs/terminal.ts";
import { PORT, type Question, type Resource } from "./channel.ts";

const NETDEVS = "/sys/class/net";
const DEVICES = "/sys/bus/pci/devices";
const FAKE = fileURLToPath(new URL("../runtime/fake-device-plugin.py", import.meta.url));

const [dir = ""] = process.argv.slice(2);
let devicePlugins: ChildProcess[] = [];

execFileSync("sh", ["-e", join(dir, "node.sh")], { stdio: "inherit" });
createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  response.end(JSON.stringify(await answer(JSON.parse(text) as Question)));
}).listen(PORT);

async function answer(question: Question): Promise<Ended> {
  if ("execute" in question) {
    const ended = await execute(question.execute);
    nameVfs();
    return ended;
  }
  for (const child of devicePlugins) child.kill("SIGKILL");
  devicePlugins = question.devices.map((resource) => {
    const name = `${resource.resourcePrefix}/${resource.resourceName}`;
    const command = [FAKE, "/var/lib/kubelet/device-plugins", name, ...devicesOf(resource)];
    return spawn("python3", command, { stdio: "inherit" });
  });
  return { exitCode: 0, output: "" };
}

/** The netdevs of VFs get the names that udev would give them. */
function nameVfs(): void {
  for (const pf of fs.readdirSync(NETDEVS)) {
    for (const [vf, address] of vfsOf(pf).entries()) {
      const netdevs = `${DEVICES}/${address}/net`;
      const [netdev = ""] = fs.existsSync(netdevs) ? fs.readdirSync(netdevs) : [];
      if (netdev.startsWith("eth")) execFileSync("ip", ["link", "set", netdev, "name", `${pf}v${vf}`]);
    }
  }
}

/** The PCI addresses of a PF's VFs. */
function vfsOf(pf: string): string[] {
  const links = fs.globSync(`${NETDEVS}/${pf}/device/virtfn*`);
  return links.map((link) => basename(fs.readlinkSync(link))).sort();
}

/** The devices of a resource, each with the files that its container gets. */
function devicesOf({ selectors }: Resource): string[] {
  return selectors.flatMap(({ pfNames = [], drivers = [] }) =>
    pfNames.flatMap(vfsOf).flatMap((address) => {
      const of = (link: string) => basename(fs.readlinkSync(`${DEVICES}/${address}/${link}`));
      const driver = of("driver");
      if (drivers.length > 0 && !drivers.includes(driver)) return [];
      const files = driver === "vfio-pci" ? ["/dev/vfio/vfio", `/dev/vfio/${of("iommu_group")}`] : [];
      return [[address, ...files].join(",")];
    }),
  );
}
