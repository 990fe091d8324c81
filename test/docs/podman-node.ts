// A node without Kubernetes that pages of docs/ are tried on: a machine with podman, as Debian 12 has it, and with cnitool.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureCnitool } from "../../scripts/provide/cnitool.ts";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensurePodman } from "../../scripts/provide/podman.ts";
import { makeImage } from "../runtime/image.ts";
import { Machine } from "../runtime/machine.ts";
import { hasCgroups, removeCgroups } from "../support/cgroups.ts";
import { SLOWNESS } from "../support/pace.ts";
import { settings } from "../support/podman.ts";
import { type Ground, type Place, ROOT } from "./page.ts";
import { type Ended, execute, typed } from "./terminal.ts";

/** Where podman makes its containers' control groups: no option of containers.conf says otherwise. It leaves them there. */
const CGROUP = "libpod_parent";

/** As Debian's podman brings it: the network that containers have without Plexus. */
const PODMAN_NETWORK = {
  cniVersion: "0.4.0",
  name: "podman",
  plugins: [
    {
      type: "bridge",
      bridge: "cni-podman0",
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        routes: [{ dst: "0.0.0.0/0" }],
        ranges: [[{ subnet: "10.88.0.0/16", gateway: "10.88.0.1" }]],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall" },
    { type: "tuning" },
  ],
};

export class PodmanNode implements Ground {
  private readonly dir: string;
  private readonly machine: Machine;
  private readonly podman = ensurePodman();
  private readonly cnitool = ensureCnitool();
  /** Are there control groups of another podman's? */
  private readonly hadCgroups = hasCgroups(CGROUP);

  private constructor(dir: string, machine: Machine) {
    this.dir = dir;
    this.machine = machine;
  }

  /** Boots it, with the image of the pages in podman's store, and with nothing of Plexus. */
  static async open(): Promise<PodmanNode> {
    ensurePackages(["containernetworking-plugins"]); // those of the page, in Debian's directory
    const dir = fs.mkdtempSync(join(tmpdir(), "plexus-podman-"));
    const node = new PodmanNode(dir, await Machine.boot(dir));
    try {
      await node.equip();
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.machine.shutDown();
    if (!this.hadCgroups) removeCgroups(CGROUP, { isShared: true });
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** Makes a directory for a page to be tried in, in which a checkout's `build` is. */
  directory(page: string): string {
    const dir = join(this.dir, page.replaceAll("/", "-"));
    fs.mkdirSync(dir);
    fs.symlinkSync(join(ROOT, "build"), join(dir, "build"));
    return dir;
  }

  /** Executes a command as root on the node, wherever the page types it. */
  run(_: Place, dir: string, command: string): Promise<Ended> {
    const path = [dirname(this.podman.podman), dirname(this.cnitool)];
    return execute(this.machine.entered(typed({ dir, path, slowness: SLOWNESS }, command)));
  }

  /** What a page might leave behind: confs, executables, state and addresses, and links but for the bridge of podman's own network. */
  async inventory(): Promise<string[]> {
    const files = await this.machine.run(
      "find",
      "/etc/cni",
      "/opt/cni",
      "/var/lib/cni",
      "/run/plexus",
      "-type",
      "f",
    );
    const links = await this.machine.run("ip", "-brief", "link");
    const kept = /\/(lock|cni\.lock|last_reserved_ip\.\d+)$|^cni-podman0 /;
    return [...files.split("\n"), ...links.split("\n")]
      .filter((line) => line !== "" && !kept.test(line))
      .sort();
  }

  private async equip(): Promise<void> {
    const dirs = ["/etc/containers", "/var/lib/containers"];
    for (const path of dirs) await this.machine.run("mkdir", "-p", path);
    for (const path of dirs) await this.machine.run("mount", "-t", "tmpfs", "tmpfs", path);
    await this.machine.run(
      "mkdir",
      "-p",
      "/etc/containers/containers.conf.d",
      "/etc/cni/net.d",
      "/run/plexus",
    );
    this.write("/etc/containers/containers.conf.d/00-tests.conf", settings(this.podman));
    this.write(
      "/etc/containers/policy.json",
      JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
    );
    this.write(
      "/etc/containers/storage.conf",
      `[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
`,
    );
    this.write("/etc/cni/net.d/87-podman-bridge.conflist", JSON.stringify(PODMAN_NETWORK));
    const image = makeImage(this.podman.busybox, join(this.dir, "image"));
    await this.machine.run(this.podman.podman, "load", "--quiet", "--input", image);
  }

  private write(path: string, text: string): void {
    fs.writeFileSync(this.machine.path(path), text);
  }
}
