// The machine that a node runs on: a namespace each for processes, mounts and networks on this one, with a copy-on-write
// view of its files. So everything is where it is on a real node (/opt/cni/bin, /etc/cni/net.d, /var/lib/kubelet), and
// with its first process all of it is gone.
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { childrenOf, Daemon } from "../support/daemon.ts";

const execute = promisify(execFile);

/** Directories that are the node's alone: path -> name in the directory for its files. */
const OWN = {
  "/etc/cni": "confs",
  "/etc/kubernetes": "kubernetes",
  "/opt/cni": "plugins",
  "/var/lib/cni": "networks",
  "/var/lib/containerd": "containerd",
  "/var/lib/kubelet": "kubelet",
};

export class Machine {
  private readonly init: Daemon;
  private readonly dir: string;
  private pid = 0;

  private constructor(dir: string) {
    this.dir = dir;
    fs.rmSync(join(dir, "booted"), { force: true }); // by another one with these files
    const script = join(dir, "init.sh");
    fs.writeFileSync(script, boot(dir));
    // Its own mounts are private to it, and it dies with its parent.
    const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    this.init = new Daemon("init", ["unshare", ...namespaces, "sh", "-e", script], dir);
  }

  /**
   * @param dir for its files; on a file system that overlayfs can write to. If a machine that was shut down has left it, this
   *   is that machine after a reboot: its disks are as they were, the rest is new
   */
  static async boot(dir: string): Promise<Machine> {
    const machine = new Machine(dir);
    await machine.init.until("the machine is up", () => fs.existsSync(join(dir, "booted")));
    machine.pid = childrenOf(machine.init.pid)[0] ?? 0;
    return machine;
  }

  /** The path of its network namespace. */
  get netns(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /** Where a file of the machine is for this process. Links with absolute targets lead to this process's own files. */
  path(path: string): string {
    return `/proc/${this.pid}/root${path.replace(/^\/var\/run\//, "/run/")}`;
  }

  /** Executes a command on the machine; its stdout. Throws where it fails. */
  async run(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await execute("nsenter", this.enter(command, args), { maxBuffer: 64 << 20 });
    return stdout;
  }

  /** Starts a server on the machine, with its log in `dir`: a command and its arguments. */
  daemon(name: string, command: string[]): Daemon {
    return new Daemon(
      name,
      ["nsenter", ...this.enter("setpriv", ["--pdeathsig", "KILL", ...command])],
      this.dir,
    );
  }

  /** Ends every process on it; its mounts and networks go with them. */
  async shutDown(): Promise<void> {
    await this.init.stop("SIGKILL");
  }

  /** A command as it is executed on this process's machine, so that it runs on that one. */
  entered([command = "", ...args]: string[]): string[] {
    return ["nsenter", ...this.enter(command, args)];
  }

  private enter(command: string, args: string[]): string[] {
    return ["--target", `${this.pid}`, "--mount", "--net", "--pid", "--", command, ...args];
  }
}

/** What its first process does: mount, say so, and then nothing but take in processes whose parents have died. */
function boot(dir: string): string {
  const lines = ["etc", "opt", "var/lib", "var/log"].flatMap((name) => {
    const layer = join(dir, "layers", name);
    const options = `lowerdir=/${name},upperdir=${layer}/upper,workdir=${layer}/work`;
    return [`mkdir -p ${layer}/upper ${layer}/work`, `mount -t overlay overlay -o ${options} /${name}`];
  });
  // What overlayfs cannot be made of (containers' layers, kubelet's volumes), and where this machine may have a runtime,
  // a node and networks of its own.
  for (const [path, name] of Object.entries(OWN)) {
    const source = join(dir, name);
    lines.push(`mkdir -p ${source} ${path}`, `mount --bind ${source} ${path}`);
  }
  lines.push(
    "mount -t tmpfs tmpfs /run",
    // Devices in /sys are those of the network namespace that it was mounted in.
    `mkdir -p ${dir}/cgroup`,
    `mount --rbind /sys/fs/cgroup ${dir}/cgroup`,
    "mount -t sysfs sysfs /sys",
    `mount --move ${dir}/cgroup /sys/fs/cgroup`,
    "ip link set lo up",
    `touch ${dir}/booted`,
    "while :; do sleep 86400 & wait; done",
  );
  return `${lines.join("\n")}\n`;
}
