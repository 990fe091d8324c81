// A real node: containerd and kubelet on a machine of their own, registered with an API server of the test's.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { V1Pod, V1PodSpec } from "@kubernetes/client-node";
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensurePackages, ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureKubernetes, kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import { type ApiServer, SERVICE } from "../support/apiserver.ts";
import { makeCgroups, removeCgroups } from "../support/cgroups.ts";
import type { Daemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import {
  BIN_DIR,
  CONF_DIR,
  containerdConfig,
  kubeletConfig,
  runtimeFlags,
  SOCKET,
  STATIC_PODS,
} from "./config.ts";
import { IMAGE, makeImage } from "./image.ts";
import { Machine } from "./machine.ts";
import { BUNDLES, readSandboxes, type Sandbox } from "./sandboxes.ts";

/** What a test says about a pod that differs from "one container that sleeps". */
export interface PodOptions {
  /** `default` unless given. */
  namespace?: string;
  annotations?: Record<string, string>;
  spec?: Partial<V1PodSpec>;
}

/** For the next pod of several to start, or to go. */
const WAIT_SECONDS = 120;

export class Node {
  readonly name = `node-${randomBytes(4).toString("hex")}`;
  /** Everything of it on disk, logs included. */
  readonly dir: string;
  machine: Machine;
  /** The API server's URL on the node. */
  readonly apiUrl: string;
  private readonly api: ApiServer;
  private readonly kubeletMinor = kubernetesMinor("kubelet");
  private readonly tools = ensureContainerd(this.kubeletMinor);
  private containerd: Daemon | undefined;
  private kubelet: Daemon | undefined;

  private constructor(api: ApiServer, dir: string, machine: Machine) {
    this.api = api;
    this.dir = dir;
    this.machine = machine;
    this.apiUrl = api.reach(machine.netns);
  }

  /**
   * Starts a node, with the reference plugins in /opt/cni/bin.
   *
   * @param equip puts plugins and confs onto the node (`copy`, `write`), before the runtime looks for them
   */
  static async start(api: ApiServer, equip: (node: Node) => Promise<void> | void): Promise<Node> {
    if (process.getuid?.() !== 0)
      throw new Error("a node makes namespaces and mounts: run the runtime tests as root");
    ensurePackages(["iptables"]); // for kubelet's own chains
    const dir = fs.mkdtempSync(join(tmpdir(), "plexus-node-"));
    const node = new Node(api, dir, await Machine.boot(dir));
    try {
      await node.install();
      await equip(node);
      await node.startContainerd();
      await node.import(makeImage(join(node.tools, "busybox"), join(dir, "image")));
      await node.startKubelet();
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** Ends every process of the node, and leaves nothing of it on this machine. */
  async stop(): Promise<void> {
    await this.machine.shutDown();
    await Promise.all([this.kubelet?.stop("SIGKILL"), this.containerd?.stop("SIGKILL")]);
    await removeCgroups(this.name);
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** Puts a file of this process's machine onto the node. */
  copy(from: string, to: string): void {
    this.write(to, fs.readFileSync(from), fs.statSync(from).mode);
  }

  /** Writes a file on the node, and the directories that it needs. */
  write(path: string, content: string | Uint8Array, mode = 0o644): void {
    const target = this.machine.path(path);
    fs.mkdirSync(join(target, ".."), { recursive: true });
    // containerd and kubelet watch directories: they should see all of a file at once, and not under another name.
    const part = join(target, "..", `.${basename(path)}`);
    fs.writeFileSync(part, content, { mode });
    fs.renameSync(part, target);
  }

  /** The names of the files below a directory of the node, relative to it; none where it is not there. */
  files(dir: string): string[] {
    const target = this.machine.path(dir);
    if (!fs.existsSync(target)) return [];
    return fs
      .readdirSync(target, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(target.length + 1))
      .sort();
  }

  /** Executes a command on the node; its stdout. Throws where it fails. */
  run(command: string, ...args: string[]): Promise<string> {
    return this.machine.run(command, ...args);
  }

  /** Makes a pod on this node, whose image is there. Does not wait. */
  async create(
    name: string,
    { namespace = "default", annotations = {}, spec = {} }: PodOptions = {},
  ): Promise<V1Pod> {
    return this.api.core.createNamespacedPod({
      namespace,
      body: this.pod(name, { namespace, annotations, spec }),
    });
  }

  /** A pod for this node, as `create` makes it. */
  pod(name: string, { namespace = "default", annotations = {}, spec = {} }: PodOptions = {}): V1Pod {
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, annotations },
      spec: {
        nodeName: this.name,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        containers: [{ name: "main", image: IMAGE }],
        ...spec,
      },
    };
  }

  /** Waits until pods run, all of them; as they are then, in the order of their names here. */
  async running(names: string[], { namespace = "default" } = {}): Promise<V1Pod[]> {
    return until(
      `these pods run: ${names.join(", ")}`,
      async (tell) => {
        const pods = await this.pods(namespace);
        const found = names.flatMap((name) => pods.find(({ metadata }) => metadata?.name === name) ?? []);
        const running = found.filter(({ status }) => status?.phase === "Running").length;
        tell(`${running} of ${names.length} run`);
        return running === names.length && found;
      },
      WAIT_SECONDS,
    );
  }

  /**
   * Deletes pods, and waits until the runtime has let go of their networks. The kubelet tells the API so at its next
   * round, which are ten seconds apart: see `gone`.
   */
  async remove(names: string[], { namespace = "default" } = {}): Promise<void> {
    // The runtime removes the namespace last, after it has asked the plugins for DEL.
    const networks = this.sandboxes()
      .filter((sandbox) => sandbox.namespace === namespace && names.includes(sandbox.name))
      .map(({ netns }) => this.machine.path(netns));
    await Promise.all(
      names.map((name) => this.api.core.deleteNamespacedPod({ name, namespace }).catch(unlessThereIsNone)),
    );
    await until(
      `the node has nothing of these pods: ${names.join(", ")}`,
      (tell) => {
        const left = networks.filter((path) => fs.existsSync(path)).length;
        tell(`${left} of ${networks.length} have networks`);
        return left === 0;
      },
      WAIT_SECONDS,
    );
  }

  /** Waits until the API knows that pods are gone. */
  async gone(names: string[], { namespace = "default" } = {}): Promise<void> {
    await until(
      `these pods are gone: ${names.join(", ")}`,
      async (tell) => {
        const pods = await this.pods(namespace);
        const left = pods.filter(({ metadata }) => names.includes(metadata?.name ?? "")).length;
        tell(`${left} of ${names.length} are there`);
        return left === 0;
      },
      WAIT_SECONDS,
    );
  }

  /** Executes a command in a pod's network namespace; its stdout. Throws where it fails. */
  inside(pod: V1Pod, command: string, ...args: string[]): Promise<string> {
    return this.run("nsenter", `--net=${this.sandbox(pod).netns}`, command, ...args);
  }

  /** A pod's sandbox: the container ID that plugins are called with, and the path of its network namespace. */
  sandbox(pod: V1Pod): Sandbox {
    const { name = "", namespace = "" } = pod.metadata ?? {};
    const found = this.sandboxes().find((one) => one.name === name && one.namespace === namespace);
    if (found === undefined) throw new Error(`the pod ${namespace}/${name} has no sandbox`);
    return found;
  }

  /** The sandboxes that run. */
  sandboxes(): Sandbox[] {
    return readSandboxes(this.machine.path(BUNDLES));
  }

  /** The network namespaces that the runtime has made and not removed, as paths on the node. */
  networks(): string[] {
    return this.files("/run/netns").map((name) => `/run/netns/${name}`);
  }

  /** Gives the runtime an image: the path of a tar. */
  async import(image: string): Promise<void> {
    await this.ctr("images", "import", image);
  }

  /** Ends kubelet at once and starts it again. */
  async restartKubelet(): Promise<void> {
    await this.kubelet?.stop("SIGKILL");
    await this.startKubelet();
  }

  /** Ends containerd at once and starts it again; pods go on meanwhile. */
  async restartContainerd(): Promise<void> {
    await this.containerd?.stop("SIGKILL");
    await this.startContainerd();
  }

  /** Ends kubelet and containerd at once, and starts both again when `meanwhile` is done. */
  async restartBoth(meanwhile: () => Promise<void>): Promise<void> {
    await this.kubelet?.stop("SIGKILL");
    await this.containerd?.stop("SIGKILL");
    try {
      await meanwhile();
    } finally {
      await this.startContainerd(); // other tests need it, whatever has failed
      await this.startKubelet();
    }
  }

  /** Ends every process at once, takes all networks and namespaces away, and starts the node again with its disks. */
  async reboot(): Promise<void> {
    await this.machine.shutDown();
    await Promise.all([this.kubelet?.stop("SIGKILL"), this.containerd?.stop("SIGKILL")]);
    await removeCgroups(this.name);
    this.machine = await Machine.boot(this.dir);
    this.api.reach(this.machine.netns);
    await this.connect();
    await this.startContainerd();
    await this.startKubelet();
  }

  /** The paths of the logs: `containerd`, `kubelet`. */
  get logs(): string[] {
    return ["containerd", "kubelet"].map((name) => join(this.dir, `${name}.log`));
  }

  private async install(): Promise<void> {
    const plugins = ensurePlugins();
    for (const name of fs.readdirSync(plugins)) this.copy(join(plugins, name), join(BIN_DIR, name));
    fs.mkdirSync(this.machine.path(CONF_DIR), { recursive: true });
    fs.mkdirSync(this.machine.path(STATIC_PODS), { recursive: true });
    const user = { name: `system:node:${this.name}`, groups: ["system:nodes"] };
    this.copy(this.api.kubeconfig(user, { url: this.apiUrl }), "/etc/kubernetes/kubelet.kubeconfig");
    this.copy(this.api.authority.cert, "/etc/kubernetes/ca.crt");
    this.write("/etc/kubernetes/kubelet.yaml", kubeletConfig(this.name, this.kubeletMinor));
    this.write("/etc/containerd/config.toml", containerdConfig(this.tools));
    // kubelet asks for its own name, and whether it is in one of the clouds: both are to be answered at once.
    this.write("/etc/hosts", `127.0.0.1 localhost ${this.name}\n`);
    this.write("/etc/resolv.conf", "nameserver 127.0.0.1\n");
    await this.connect();
  }

  /** Makes what goes with a reboot. */
  private async connect(): Promise<void> {
    await this.run("ip", "route", "add", "unreachable", "169.254.0.0/16");
    // As kube-proxy does it for the service `kubernetes`.
    const [service, server] = [`${SERVICE}/32`, new URL(this.apiUrl).host];
    for (const chain of ["OUTPUT", "PREROUTING"]) {
      const rule = ["--append", chain, "--destination", service, "--protocol", "tcp", "--dport", "443"];
      await this.run("iptables", "--table", "nat", ...rule, "--jump", "DNAT", "--to-destination", server);
    }
    makeCgroups(this.name);
  }

  private async startContainerd(): Promise<void> {
    const path = `${this.tools}:${process.env.PATH}`;
    const command = ["env", `PATH=${path}`, join(this.tools, "containerd")];
    this.containerd = this.machine.daemon("containerd", command);
    await this.containerd.until("containerd answers", async () =>
      (await this.ctr("plugins", "ls")).includes("cri"),
    );
  }

  private async startKubelet(): Promise<void> {
    const kubelet = ensureKubernetes("kubelet");
    this.kubelet = this.machine.daemon("kubelet", [
      kubelet,
      "--config=/etc/kubernetes/kubelet.yaml",
      "--kubeconfig=/etc/kubernetes/kubelet.kubeconfig",
      `--hostname-override=${this.name}`,
      "--cert-dir=/var/lib/kubelet/pki",
      ...runtimeFlags(this.kubeletMinor),
    ]);
    const health = "http://127.0.0.1:10248/healthz";
    await this.kubelet.until(`the node ${this.name} is ready`, async () => {
      await this.run(join(this.tools, "busybox"), "wget", "-q", "-O", "-", health);
      const { status } = await this.api.core.readNode({ name: this.name });
      return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
    });
  }

  private ctr(...args: string[]): Promise<string> {
    return this.run(join(this.tools, "ctr"), "--address", SOCKET, "--namespace", "k8s.io", ...args);
  }

  private async pods(namespace: string): Promise<V1Pod[]> {
    return (await this.api.core.listNamespacedPod({ namespace })).items;
  }
}

function unlessThereIsNone(error: unknown): void {
  if ((error as { code?: number }).code !== 404) throw error;
}
