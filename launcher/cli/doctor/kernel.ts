// What the kernel and the system have that plugins need.
import * as fs from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { SYSTEM_DIRS } from "../../host/host.ts";
import { localHost } from "../../host/local.ts";
import { listFunctions } from "../../sriov/list.ts";
import { readText } from "../install/place.ts";
import { confNames } from "../install/primary.ts";
import { fail, type Line, ok, warn } from "./line.ts";
import { areConfsRead, type Node } from "./node.ts";
import { processes } from "./processes.ts";
import { run } from "./run.ts";

/** Plugin -> the modules that its interfaces need. */
const MODULES: Record<string, readonly string[]> = {
  bridge: ["bridge", "veth"],
  flannel: ["bridge", "veth"],
  ptp: ["veth"],
  macvlan: ["macvlan"],
  ipvlan: ["ipvlan"],
  vlan: ["8021q"],
  tap: ["tun"],
  dummy: ["dummy"],
  vrf: ["vrf"],
  bond: ["bonding"],
};

/** What `ip` calls the interfaces of a module, if not by its name. */
const KINDS: Record<string, string> = { "8021q": "vlan", bonding: "bond" };

/** Below these the runtime cannot start a hundred pods. */
const FEWEST_FILES = 4096;
const RUNTIMES = /(^|\/)(containerd|crio|kubelet|dockerd|cri-dockerd)$/;

export async function system(): Promise<Line[]> {
  const of = "system";
  const lines: Line[] = [];
  for (const [name, from, why] of [
    ["ip", "iproute2", "`default-route` and the plugin sriov need it"],
    ["nsenter", "util-linux", "`default-route` and the plugin sriov need it"],
  ] as const) {
    const path = await localHost.find(name, SYSTEM_DIRS);
    lines.push(
      path === undefined
        ? warn(of, `there is no command ${name}: ${why}`, `apt-get install ${from}`)
        : ok(of, path),
    );
  }
  if (readText("/sys/fs/selinux/enforce")?.trim() === "1")
    lines.push(
      warn(
        of,
        "SELinux is enforcing: what it refuses, plugins call `permission denied`",
        "ausearch -m avc -ts recent; restorecon -R /opt/cni/bin /etc/cni /var/lib/cni",
      ),
    );
  for (const { pid, args, maxFiles } of processes()) {
    const [program = ""] = args;
    if (!RUNTIMES.test(program) || maxFiles === undefined || maxFiles >= FEWEST_FILES) continue;
    lines.push(
      warn(
        "limits",
        `${program} (${pid}) may have ${maxFiles} files open at once`,
        "LimitNOFILE=1048576 in its unit, then systemctl daemon-reload and restart it",
      ),
    );
  }
  return lines;
}

export async function modules(node: Node): Promise<Line[]> {
  const { own, names: confs, confDir } = node;
  const { settings } = own ?? {};
  const dirs = [...new Set([confDir, ...(settings ? [settings.confDir] : [])])];
  const files = dirs.flatMap((dir) =>
    (dir === confDir ? confs : confNames(dir)).map((name) => join(dir, name)),
  );
  const texts = [...files.map(safely), ...(settings?.delegates ?? [])];
  const needed = Object.keys(MODULES).filter((type) => texts.some((text) => text.includes(`"${type}"`)));
  const names = [...new Set(needed.flatMap((type) => MODULES[type] ?? []))];
  const states = await Promise.all(names.map(async (name) => [name, await stateOf(name)] as const));
  const lines = states.flatMap(([name, state]) => {
    if (state === "absent")
      return [
        fail(
          "kernel",
          `it has no module ${name}, which a conf's plugin needs`,
          `install the modules of ${release()}; modprobe ${name}`,
        ),
      ];
    return state === "unknown"
      ? [
          warn(
            "kernel",
            `whether it has ${name} cannot be told: /lib/modules/${release()} is not there`,
            `modprobe ${name}`,
          ),
        ]
      : [];
  });
  if (lines.length > 0 || !areConfsRead(node)) return lines;
  return [ok("kernel", `${release()} has the modules of the confs' plugins`)];
}

function safely(path: string): string {
  try {
    return fs.statSync(path).isFile() ? (readText(path) ?? "") : "";
  } catch {
    return "";
  }
}

/** Modules that are not loaded yet come with the first interface of their kind. */
async function stateOf(name: string): Promise<"there" | "absent" | "unknown"> {
  if (fs.existsSync(`/sys/module/${name.replaceAll("-", "_")}`)) return "there";
  const dir = `/lib/modules/${release()}`;
  if (!fs.existsSync(`${dir}/modules.dep`)) return (await isInUse(name)) ? "there" : "unknown";
  const known = `${readText(`${dir}/modules.dep`)}\n${readText(`${dir}/modules.builtin`) ?? ""}`;
  return new RegExp(`/${name}\\.ko`).test(known) ? "there" : "absent";
}

/** Is there an interface of the kind that the module makes? Then the kernel has it, wherever it has it from. */
async function isInUse(module: string): Promise<boolean> {
  const ip = await localHost.find("ip", SYSTEM_DIRS);
  if (ip === undefined) return false;
  const { stdout } = await run(ip, ["-oneline", "link", "show", "type", KINDS[module] ?? module]);
  return stdout.trim() !== "";
}

export async function sriov({ cniDir }: Node): Promise<Line[]> {
  const of = "sriov";
  const notes: string[] = [];
  const functions = await listFunctions(localHost, cniDir, (message) => notes.push(message));
  const lines = notes.map((note) => warn(of, note, "plexus sriov list"));
  const physical = functions.filter(({ vfs }) => vfs !== undefined);
  if (physical.length === 0) return lines;
  for (const { address, netdev, vfs } of physical) {
    if (vfs?.enabled === 0)
      lines.push(
        warn(
          of,
          `PF ${address} ${netdev} has no VF, of ${vfs.possible} that it may have`,
          `echo ${Math.min(8, vfs.possible)} > /sys/bus/pci/devices/${address}/sriov_numvfs`,
        ),
      );
  }
  if (functions.some(({ vf, iommuGroup }) => vf !== undefined && iommuGroup === ""))
    lines.push(
      warn(
        of,
        "there is no IOMMU: VFs cannot be had by vfio-pci, which DPDK needs",
        "intel_iommu=on iommu=pt, or amd_iommu=on, on the kernel's command line",
      ),
    );
  const inUse = functions.filter(({ owner }) => owner !== undefined).length;
  return [
    ...lines,
    ok(of, `${physical.length} PFs; of ${functions.length - physical.length} VFs ${inUse} are in use`),
  ];
}
