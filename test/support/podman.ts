// A podman of a test's own, on a lab's node: images, containers, confs and control groups are apart from the machine's.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensurePodman, type Podman as Tools } from "../../scripts/provide/podman.ts";
import { removeCgroups } from "./cgroups.ts";
import type { Conf, Lab } from "./lab.ts";

const APPLETS = ["httpd", "ip"];

/** What of containers.conf lets podman run containers on a machine of tests. */
export function settings({ conmon, runc }: Tools): string {
  return `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"] # else more than a test's machine may allow
seccomp_profile = "unconfined"
[engine]
cgroup_manager = "cgroupfs"
conmon_path = ["${conmon}"]
events_logger = "none"
lock_type = "file"
runtime = "runc"
[engine.runtimes]
runc = ["${runc}"]
`;
}

export class Podman {
  /** Where conflists are that it knows networks from. */
  readonly confDir: string;
  /** The root of its containers' files. */
  readonly rootfs: string;
  private readonly lab: Lab;
  private readonly dir: string;
  private readonly cgroup = `plexus-podman-${randomBytes(4).toString("hex")}`;
  private readonly tools = ensurePodman();

  constructor(lab: Lab) {
    ensurePackages(["curl"]);
    this.lab = lab;
    this.dir = join(lab.dir, "podman");
    [this.confDir, this.rootfs] = [join(this.dir, "confs"), join(this.dir, "rootfs")];
    for (const path of [this.confDir, join(this.rootfs, "bin")]) fs.mkdirSync(path, { recursive: true });
    fs.copyFileSync(this.tools.busybox, join(this.rootfs, "bin/busybox"));
    for (const name of APPLETS) fs.symlinkSync("busybox", join(this.rootfs, "bin", name));
    fs.writeFileSync(
      join(this.dir, "containers.conf"),
      `${settings(this.tools)}[network]
network_backend = "cni"
cni_plugin_dirs = ["${dirname(lab.plexus)}", "${lab.binDir}"]
network_config_dir = "${this.confDir}"
`,
    );
  }

  /** Writes a network: a conflist of one plugin. */
  network(name: string, plugin: Conf): void {
    const conf = { cniVersion: "1.0.0", name, plugins: [plugin] };
    fs.writeFileSync(join(this.confDir, `${name}.conflist`), JSON.stringify(conf));
  }

  /** Creates a container and starts a command in it, on networks as eth0, eth1 ..., with options of `podman run`. */
  start(name: string, networks: string[], options: string[], command: string[]): Promise<string> {
    // podman itself numbers interfaces in no order.
    const on = networks.flatMap((one, index) => ["--network", `${one}:interface_name=eth${index}`]);
    return this.run(
      ...["run", "--detach", "--name", name, ...on, ...options],
      ...["--cgroup-parent", `/${this.cgroup}`],
      ...["--stop-signal", "KILL", "--rootfs", this.rootfs, ...command],
    );
  }

  /** Executes podman on the node; its stdout. Throws if it fails. */
  run(...args: string[]): Promise<string> {
    const env = [`CONTAINERS_CONF=${this.dir}/containers.conf`, `HOME=${this.dir}`];
    const [root = "", run = "", tmp = ""] = ["root", "run", "tmp"].map((name) => join(this.dir, name));
    const own = ["--root", root, "--runroot", run, "--tmpdir", tmp, "--storage-driver", "vfs"];
    const podman = [this.tools.podman, ...own, "--network-config-dir", this.confDir];
    return this.lab.onNode("env", ...env, ...podman, ...args);
  }

  /** What an HTTP server answers on the node. */
  get(url: string): Promise<string> {
    return this.lab.onNode("curl", "--silent", "--fail", "--max-time", "5", url);
  }

  /** Removes all containers, and the control groups. */
  async close(): Promise<void> {
    await this.run("rm", "--all", "--force", "--time", "0");
    await removeCgroups(this.cgroup);
  }
}
