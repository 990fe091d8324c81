// Processes that live on beside the calls: Plexus's daemon, and a peer's, started as its DaemonSet starts it.
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Resident } from "../support/resident.ts";
import { until } from "../support/until.ts";
import type { KubernetesNode, MetaPlugin } from "./kubernetes-node.ts";
import { unaccounted } from "./measure.ts";
import type { Table } from "./report.ts";

/** A peer of which `path` has both executables: `multus-shim` and `multus-daemon`. */
export interface PeerDaemon {
  name: string;
  path: string;
}

/** Where client-go looks for a pod's credentials; it cannot be told otherwise. */
const SECRETS = "/run/secrets/kubernetes.io/serviceaccount";
/** Mounts the files over it for this process alone. Network namespaces that the node makes later are still seen. */
const AS_POD = `mount --bind "$0" ${SECRETS} && exec "$@"`;

export class Servers {
  private readonly node: KubernetesNode;
  private readonly running: { name: string; pid: number; stop(): Promise<void> }[] = [];

  constructor(node: KubernetesNode) {
    this.node = node;
  }

  async startPlexus(kubeconfig: string): Promise<MetaPlugin> {
    const { dir } = this.node.pod;
    const daemon = new Resident(join(dir, "daemon"), [`state ${dir}`, `read ${dir}`]);
    await unaccounted(() => daemon.start(["daemon", "--node-name", "node", "--kubeconfig", kubeconfig]));
    const name = "plexus-shim, daemon";
    this.running.push({ name, pid: daemon.pid, stop: () => daemon.stop() });
    return { name, path: daemon.shim, kubeconfig };
  }

  /** @param kubeconfig of the service account, whose token the daemon gets as a file */
  async startPeer({ name, path }: PeerDaemon, kubeconfig: string): Promise<MetaPlugin> {
    const dir = join(this.node.pod.dir, `peer-${name}`);
    const [sockets, secrets] = [join(dir, "run"), join(dir, "secrets")];
    for (const made of [sockets, secrets, SECRETS]) mkdirSync(made, { recursive: true });
    const token = /token: "([^"]+)"/.exec(readFileSync(kubeconfig, "utf8"))?.[1] ?? "";
    copyFileSync(this.node.api.authority.cert, join(secrets, "ca.crt"));
    writeFileSync(join(secrets, "token"), token);
    writeFileSync(join(secrets, "namespace"), "kube-system");
    writeFileSync(join(dir, "daemon.json"), JSON.stringify(this.peerConf(dir, sockets, kubeconfig)));
    const said = join(dir, "log");
    const { hostname, port } = new URL(this.node.api.url);
    const daemon = [join(path, "multus-daemon"), `-config=${join(dir, "daemon.json")}`];
    const unshare = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", AS_POD, secrets, ...daemon];
    const child = await unaccounted(async () => {
      const log = openSync(said, "a");
      return spawn("setpriv", ["--pdeathsig", "KILL", ...unshare], {
        stdio: ["ignore", log, log],
        env: {
          PATH: process.env.PATH ?? "",
          MULTUS_NODE_NAME: "node",
          KUBERNETES_SERVICE_HOST: hostname,
          KUBERNETES_SERVICE_PORT: port,
        },
      });
    });
    this.running.push({ name, pid: child.pid ?? 0, stop: () => end(child) });
    await until(`${name}'s daemon serves`, (tell) => {
      tell(readFileSync(said, "utf8").slice(-1000));
      return existsSync(join(sockets, "multus.sock"));
    });
    return { name, path: join(path, "multus-shim"), kubeconfig, more: { daemonSocketDir: `${sockets}/` } };
  }

  /** Every key is Multus's own. */
  private peerConf(dir: string, sockets: string, kubeconfig: string): object {
    const written = join(dir, "written");
    mkdirSync(written);
    return {
      cniVersion: "1.0.0",
      socketDir: `${sockets}/`,
      chrootDir: "/",
      confDir: this.node.confDir,
      cniDir: join(dir, "state"),
      binDir: this.node.pod.plugins,
      cniConfigDir: written,
      multusAutoconfigDir: this.node.confDir,
      multusConfigFile: "auto",
      logToStderr: true,
      logLevel: "error",
      kubeconfig,
    };
  }

  /** Their memory now. */
  memory(when: string): Table {
    const rows = this.running.map(({ name, pid }) => {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      const of = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
      const more = { "RSS MB": of("Rss").toFixed(0), "PSS MB": of("Pss").toFixed(0) };
      return { name, samples: [], more: { ...more, "anonymous MB": of("Anonymous").toFixed(0) } };
    });
    return { title: `memory, ${when}`, rows, compared: false };
  }

  async stop(): Promise<void> {
    for (const { stop } of this.running) await stop();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await ended;
}
