// systemd, with D-Bus and nothing else, as the first process of namespaces of its own, in a control group of its own.
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { childrenOf } from "./daemon.ts";
import { must } from "./outcome.ts";
import { until } from "./until.ts";

const UNITS = {
  "test.target": "[Unit]\nRequires=dbus.service",
  "dbus.socket": "[Socket]\nListenStream=/run/dbus/system_bus_socket",
  "dbus.service":
    "[Unit]\nRequires=dbus.socket\nAfter=dbus.socket\n[Service]\n" +
    "ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation",
};
/** Those of the machine are not to be found: they would change it. */
const EMPTY = [
  "basic",
  "sysinit",
  "shutdown",
  "umount",
  "final",
  "local-fs",
  "slices",
  "paths",
  "sockets",
  "timers",
];

export class Systemd {
  private constructor(
    private readonly child: ChildProcess,
    private readonly cgroup: string,
  ) {}

  /**
   * Boots.
   *
   * @param dir for its units
   * @param units further units: name -> text
   */
  static async boot(dir: string, units: Record<string, string>): Promise<Systemd> {
    ensurePackages(["systemd", "dbus", "util-linux"]);
    const mount = /^\S+ (\S+) cgroup2 /m.exec(fs.readFileSync("/proc/self/mounts", "utf8"))?.[1];
    if (mount === undefined) throw new Error("there are no control groups of version 2");
    const all = {
      ...UNITS,
      ...Object.fromEntries(EMPTY.map((name) => [`${name}.target`, "[Unit]"])),
      ...units,
    };
    for (const [name, text] of Object.entries(all)) {
      fs.writeFileSync(join(dir, name), `${text}\n`);
      fs.mkdirSync(join(dir, `${name}.d`));
      fs.writeFileSync(join(dir, `${name}.d/test.conf`), "[Unit]\nDefaultDependencies=no\n");
    }
    const cgroup = join(mount, `plexus-test-${process.pid}`);
    fs.mkdirSync(cgroup);
    const script = [
      "mount --make-rprivate /",
      "mount -t tmpfs tmpfs /run",
      "umount -R /sys/fs/cgroup",
      "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
      `export container=test SYSTEMD_UNIT_PATH='${dir}' SYSTEMD_LOG_TARGET=console`,
      "exec /lib/systemd/systemd --system --unit=test.target",
    ].join(" && ");
    const namespaces = ["--cgroup", "--pid", "--mount", "--uts", "--ipc", "--net", "--fork", "--kill-child"];
    const enter = `echo $$ > '${cgroup}/cgroup.procs' && exec unshare ${namespaces.join(" ")} --mount-proc sh -c "$0"`;
    const log = fs.openSync(join(dir, "log"), "w");
    const child = spawn("sh", ["-c", enter, script], { stdio: ["ignore", log, log] });
    fs.closeSync(log);
    const systemd = new Systemd(child, cgroup);
    try {
      await until("systemd is on its bus", async (tell) => {
        tell(fs.readFileSync(join(dir, "log"), "utf8"));
        return (await systemd.run("busctl", "--no-pager", "list")).includes("org.freedesktop.systemd1 ");
      });
    } catch (error) {
      await systemd.end();
      throw error;
    }
    return systemd;
  }

  /** Executes a command beside it; its stdout. Throws if it fails. */
  run(...command: string[]): Promise<string> {
    const [pid] = childrenOf(this.child.pid ?? 0);
    return must("nsenter", [`--target=${pid}`, "--mount", "--pid", "--cgroup", "--net", ...command]);
  }

  /** Ends it, and all that it has started. */
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("close", resolve));
    const isOver = this.child.exitCode !== null || this.child.signalCode !== null;
    this.child.kill("SIGKILL");
    if (!isOver) await ended;
    await until("its control groups are empty", () => {
      removeTree(this.cgroup);
      return true;
    });
  }
}

function removeTree(cgroup: string): void {
  for (const entry of fs.readdirSync(cgroup, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(cgroup, entry.name));
  fs.rmdirSync(cgroup);
}
