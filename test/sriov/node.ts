// A VM as a node of a cluster, for pages that want a kernel or a NIC which this machine does not have: containerd and a kubelet run in
// it, with Plexus; its API server, kubectl and what stands for controllers run here.
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { ensureKubernetes, kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import { ensureVm } from "../../scripts/provide/vm.ts";
import { FakeControllers } from "../docs/fake-controllers.ts";
import { LAN } from "../docs/lan.ts";
import type { Ground, Place } from "../docs/page.ts";
import { Rounds } from "../docs/rounds.ts";
import { type Ended, execute, typed } from "../docs/terminal.ts";
import {
  BIN_DIR,
  CONF_DIR,
  containerdConfig,
  kubeletConfig,
  runtimeFlags,
  STATIC_PODS,
} from "../runtime/config.ts";
import { makeImage } from "../runtime/image.ts";
import { bridge } from "../runtime/site.ts";
import { ApiServer, type User } from "../support/apiserver.ts";
import type { Subject } from "../support/authority.ts";
import { binary } from "../support/binary.ts";
import { SLOWNESS } from "../support/pace.ts";
import { type Tell, until } from "../support/until.ts";
import { ask, PORT, type Resource } from "./channel.ts";
import { runInVm } from "./vm.ts";

const GUEST = fileURLToPath(new URL("node-guest.ts", import.meta.url));
/** The pages' node. */
const NAME = "worker-1";
/** This machine as the VM's network shows it: one of the addresses for which the API server has its certificate. */
const HOST = "198.18.0.1";
/** Of its NIC for that network. */
const MAC = "52:54:00:00:00:02";
const KUBELET_PORT = 10250;
/** As much as there can be below 4 GiB: if there is any above, the PF that QEMU emulates gets no more interrupts of its VFs. */
const MEMORY_MIB = 2800;
/** How many times longer than on this machine all takes that is done in the VM. */
const EMULATION = 3;
/** The image of dpdk.md. */
const DPDK_IMAGE = "registry.example/dpdk:22.11";
/** The C library loads it when a thread is ended. */
const ONCE_IT_ENDS = "/lib/x86_64-linux-gnu/libgcc_s.so.1";
const PMDS = "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0";

export class VmNode implements Ground {
  private readonly api: ApiServer;
  private readonly dir = fs.mkdtempSync(join(tmpdir(), "plexus-vm-"));
  /** The VM's, here too: what is sent to it from here is QEMU's, which hands it on. */
  private readonly address = `198.19.${randomInt(256)}.${randomInt(1, 255)}`;
  private readonly minor = kubernetesMinor("kubelet");
  private readonly tools = ensureContainerd(this.minor);
  private readonly kubeconfigs: Record<Place, string>;
  private readonly console: string[] = [];
  /** What the device plugin's ConfigMap says. */
  private resources = "[]";
  private readonly ended: Promise<number | undefined>;
  private readonly rounds: { stop(): Promise<void> }[] = [];
  private readonly end = new AbortController();
  private isOver = false;

  private constructor(api: ApiServer) {
    this.api = api;
    const url = `https://${HOST}:${new URL(api.url).port}`;
    this.kubeconfigs = { workstation: api.kubeconfig("admin"), node: api.kubeconfig("admin", { url }) };
    for (const name of ["bin", "root"]) fs.mkdirSync(join(this.dir, name));
    const commands = { kubectl: ensureKubectl(), plexus: binary };
    for (const [name, path] of Object.entries(commands)) fs.symlinkSync(path, join(this.dir, "bin", name));
    this.writeFiles(url);
    execFileSync("ip", ["route", "add", "local", `${this.address}/32`, "dev", "lo", "src", "127.0.0.1"]);
    this.ended = this.boot();
    this.ended.finally(() => {
      this.isOver = true;
    });
  }

  /** Boots it, and waits until the node is ready. */
  static async open(): Promise<VmNode> {
    const api = await ApiServer.start();
    const node = new VmNode(api);
    try {
      await node.ready();
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const rounds of this.rounds) await rounds.stop();
    this.end.abort();
    await this.ended;
    await this.api.stop();
    execFileSync("ip", ["route", "delete", "local", `${this.address}/32`, "dev", "lo"]);
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  directory(page: string): string {
    const dir = join(this.dir, page.replaceAll("/", "-"));
    fs.mkdirSync(dir);
    return dir;
  }

  run(place: Place, dir: string, command: string): Promise<Ended> {
    const path = [join(this.dir, "bin"), this.tools];
    const slowness = EMULATION * SLOWNESS;
    const all = typed({ dir, path, kubeconfig: this.kubeconfigs[place], slowness }, command);
    return place === "node" ? ask(this.address, { execute: all }) : execute(all);
  }

  /** What pods have left on the node: files of Plexus's state, and addresses that are taken. */
  async left(): Promise<string> {
    const find =
      "find /var/lib/cni/multus /var/lib/cni/networks -type f ! -name lock ! -name 'last_reserved_ip*'";
    return (await this.run("node", "/", `${find} 2> /dev/null`)).output;
  }

  private async boot(): Promise<number | undefined> {
    const network = [`user,id=net0,net=${HOST}/15,host=${HOST}`];
    for (const port of [KUBELET_PORT, PORT])
      network.push(`hostfwd=tcp:${this.address}:${port}-${this.address}:${port}`);
    return runInVm([process.execPath, GUEST, this.dir], (line) => this.console.push(line), {
      end: this.end.signal,
      memoryMiB: MEMORY_MIB,
      kernel: ["default_hugepagesz=1G", "hugepagesz=1G", "hugepages=1"],
      qemu: [
        ...["-netdev", network.join(",")],
        ...["-device", `virtio-net-pci,netdev=net0,mac=${MAC},romfile=`],
      ],
    });
  }

  private async ready(): Promise<void> {
    const isReady = async (tell: Tell) => {
      tell(this.console.at(-1) ?? "");
      if (this.isOver) return true;
      const { status } = await this.api.core.readNode({ name: NAME });
      return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
    };
    await until("the VM's node is ready", isReady, EMULATION * 60);
    if (this.isOver) throw new Error(`the VM has ended:\n${this.console.slice(-40).join("\n")}`);
    this.rounds.push(new FakeControllers(this.api, NAME), new Rounds(() => this.plugDevices()));
  }

  /** As the SR-IOV device plugin would if it were started when its ConfigMap is there. */
  private async plugDevices(): Promise<void> {
    const { items } = await this.api.core.listNamespacedConfigMap({ namespace: "kube-system" });
    const { data } = items.find(({ metadata }) => metadata?.name === "sriovdp-config") ?? {};
    const list = JSON.parse(data?.["config.json"] ?? '{ "resourceList": [] }').resourceList as Resource[];
    const resources = JSON.stringify(list);
    if (resources === this.resources) return;
    await ask(this.address, { devices: list });
    this.resources = resources;
  }

  /** The files that the VM's own ones are to be, below `root`, and its script. */
  private writeFiles(url: string): void {
    const write = (path: string, content: string | Buffer) => {
      const file = join(this.dir, "root", path);
      fs.mkdirSync(dirname(file), { recursive: true });
      fs.writeFileSync(file, content);
    };
    const kubeconfig = (user: User | Subject) => fs.readFileSync(this.api.kubeconfig(user, { url }));
    const kubelet = { name: `system:node:${NAME}`, groups: ["system:nodes"] };
    write("etc/kubernetes/kubelet.kubeconfig", kubeconfig(kubelet));
    write("etc/kubernetes/plexus.kubeconfig", kubeconfig("plexus"));
    write("etc/kubernetes/ca.crt", fs.readFileSync(this.api.authority.cert));
    // The VM's kernel has no iptables.
    const more = "makeIPTablesUtilChains: false\n";
    write("etc/kubernetes/kubelet.yaml", kubeletConfig(NAME, this.minor) + more);
    write("etc/containerd/config.toml", containerdConfig(this.tools));
    write("etc/hosts", `127.0.0.1 localhost ${NAME}\n`);
    write("etc/resolv.conf", "nameserver 127.0.0.1\n");
    const podnet = bridge("podnet", 0, { routes: [{ dst: "0.0.0.0/0" }] });
    write(join(CONF_DIR, "10-podnet.conf"), `${JSON.stringify(podnet)}\n`);
    const image = makeImage(join(this.tools, "busybox"), join(this.dir, "image"), {
      files: dpdkFiles(),
      names: [DPDK_IMAGE],
    });
    fs.writeFileSync(join(this.dir, "node.sh"), this.script(image));
  }

  /** What makes the VM a node: networks and mounts, containerd, Plexus, and last the kubelet. */
  private script(image: string): string {
    const ctr = join(this.tools, "ctr");
    const kubelet = [
      ensureKubernetes("kubelet"),
      "--config=/etc/kubernetes/kubelet.yaml",
      "--kubeconfig=/etc/kubernetes/kubelet.kubeconfig",
      `--hostname-override=${NAME}`,
      `--node-ip=${this.address}`,
      "--cert-dir=/var/lib/kubelet/pki",
      ...runtimeFlags(this.minor),
    ];
    return `
for dir in /etc/cni /opt/cni /var/lib/kubelet /var/lib/containerd; do mkdir -p $dir; mount -t tmpfs tmpfs $dir; done
cp -r ${this.dir}/root/. /
mkdir -p ${BIN_DIR} ${STATIC_PODS} /lib/modules
cp ${ensurePlugins()}/* ${BIN_DIR}
ln -s ${ensureVm().modules} /lib/modules/$(uname -r)
mount --make-rshared /
mount -t tmpfs tmpfs /sys/fs/cgroup
for name in cpuset cpu cpuacct memory devices freezer pids hugetlb blkio; do
  mkdir /sys/fs/cgroup/$name
  mount -t cgroup -o $name cgroup /sys/fs/cgroup/$name
  mkdir /sys/fs/cgroup/$name/${NAME}
done
named() { basename $(dirname $1); }
ip link set $(named $(grep -l ${MAC} /sys/class/net/*/address)) name uplink
ip link set $(named $(ls -d /sys/class/net/*/device/sriov_totalvfs | xargs dirname)) name ens1f0
ip link set lo up
ip address add ${this.address}/15 dev uplink
ip link set uplink up
ip route add default via ${HOST}
${LAN}
PATH=${this.tools}:$PATH containerd > /run/containerd.log 2>&1 &
until ${ctr} plugins ls | grep -q cri; do sleep 0.2; done
${ctr} --namespace k8s.io images import ${image}
${binary} install --kubeconfig /etc/kubernetes/plexus.kubeconfig
${kubelet.join(" ")} > /run/kubelet.log 2>&1 &
`;
  }
}

/** dpdk-testpmd with its libraries and drivers: where they are in an image, and here. */
function dpdkFiles(): Record<string, string> {
  const { testpmd } = ensureVm();
  const linked = execFileSync("ldd", [testpmd], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  // Those that it is not linked to: EAL loads all that are there, and each once alone.
  const real = new Set(linked.map((path) => fs.realpathSync(path)));
  const drivers = fs
    .readdirSync(PMDS)
    .map((name) => join(PMDS, name))
    .filter((path) => /\.so\.\d+\.\d+$/.test(path) && !real.has(fs.realpathSync(path)));
  const files = [...linked, ...drivers, ONCE_IT_ENDS].map((path) => [path, path]);
  return { "/bin/dpdk-testpmd": testpmd, ...Object.fromEntries(files) };
}
