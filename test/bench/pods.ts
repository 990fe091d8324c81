// Pods against a real API server: ADD and DEL one by one and many at once, and what they ask of the server.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "@kubernetes/client-node";
import { ApiServer, type Request } from "../support/apiserver.ts";
import { argsOf, NETWORKS, type Sandbox } from "../support/site.ts";
import {
  bridgePorts,
  type Delegates,
  delegates,
  direct,
  directMemory,
  environment,
  Namespaces,
  OWN,
} from "./attach.ts";
import {
  type Candidate,
  type Command,
  type Cost,
  execute,
  measure,
  peakMemory,
  timed,
  together,
  unaccounted,
  WARM_UP,
  whole,
} from "./measure.ts";
import { medianWall, type Row, rowOf, type Table, type Target } from "./report.ts";

interface Options {
  /** Plexus first. */
  metaPlugins: Omit<MetaPlugin, "kubeconfig">[];
  bareNode: Command;
  /** Where bridge and host-local are. */
  plugins: string;
  /** For addresses, state and confs. */
  dir: string;
  runs: number;
  signal: AbortSignal;
}

/** A meta-plugin, and how it reaches the API server. */
interface MetaPlugin {
  name: string;
  path: string;
  kubeconfig: string;
}

/** A default network and two that the pod's annotation names. */
export const NETWORK_COUNT = 3;
/** How many pods a node may get at once: half of what a kubelet takes by default. */
const BURST = 60;
const NAMESPACE = "default";

export async function podTables({ metaPlugins, runs, signal, ...options }: Options): Promise<Table[]> {
  const { bareNode, plugins, dir } = options;
  const node = await KubernetesNode.open(delegates(NETWORK_COUNT, plugins, dir));
  try {
    const { token, certificate, json, yaml } = await node.kubeconfigs();
    const asInstalled = metaPlugins.map((one): MetaPlugin => ({ ...one, kubeconfig: token }));
    const [plexus, shim, ...peers] = asInstalled;
    if (!plexus || !shim) return [];
    const forms: MetaPlugin[] = [
      { ...plexus, name: `${plexus.name}, client certificate`, kubeconfig: certificate },
      { ...plexus, name: `${plexus.name}, kubeconfig in JSON`, kubeconfig: json },
      { ...plexus, name: `${plexus.name}, kubeconfig in other YAML`, kubeconfig: yaml },
    ];
    const one = await oneByOne(node, [plexus, shim, ...forms, ...peers], bareNode, runs, signal);
    const many = await atOnce(node, asInstalled, Math.ceil(runs / 10), signal);
    return [...one, ...many, await requests(node, asInstalled)];
  } finally {
    await node.close();
  }
}

/** ADD and DEL, beside the delegates called directly and Node's own start. */
async function oneByOne(
  node: KubernetesNode,
  metaPlugins: MetaPlugin[],
  bareNode: Command,
  runs: number,
  signal: AbortSignal,
): Promise<Table[]> {
  const rounds = runs + WARM_UP;
  const sandboxes = await node.sandboxes((rounds + 1) * metaPlugins.length);
  const namespaces = new Namespaces(rounds + 1);
  try {
    const take = () => sandboxes.pop() ?? fail("there are fewer pods than runs");
    const bare = whole("bare Node, empty file", bareNode);
    const alone = direct("delegates alone", node.pod, () => namespaces.take());
    const candidates = metaPlugins.map((one): Candidate => {
      const run = () => {
        const sandbox = take();
        const add = timed(() => execute(node.command("ADD", one, sandbox)));
        const del = timed(() => execute(node.command("DEL", one, sandbox)));
        return { ADD: add.cost, DEL: del.cost };
      };
      return { name: one.name, run };
    });
    const samples = await measure([bare, alone, ...candidates], rounds - WARM_UP, signal);
    const peaks = [
      directMemory(node.pod, namespaces.take()),
      ...metaPlugins.map((one) => {
        const sandbox = take();
        const peak = peakMemory(node.command("ADD", one, sandbox));
        execute(node.command("DEL", one, sandbox));
        return peak;
      }),
    ];
    const rows = (verb: string) => [alone, ...candidates].map(({ name }) => rowOf(samples, name, verb));
    const [first, plexus, shim, ...others] = rows("ADD").map((row, index) => ({
      ...row,
      peak: peaks[index] ?? 0,
    }));
    const started = rowOf(samples, bare.name);
    if (!first || !plexus || !shim) return [];
    const residentTarget: Target = {
      what: "above the delegates",
      value: medianWall(shim) - medianWall(first),
      limit: 8,
      unit: "ms",
    };
    const target: Target = {
      what: "above both",
      value: medianWall(plexus) - medianWall(first) - medianWall(started),
      limit: 30,
      unit: "ms",
    };
    const networks = "a pod with 1 default and 2 secondary bridges";
    return [
      {
        title: `ADD of ${networks}`,
        rows: [first, started, { ...plexus, target }, { ...shim, target: residentTarget }, ...others],
        compared: true,
      },
      { title: `DEL of ${networks}`, rows: rows("DEL"), compared: true },
    ];
  } finally {
    namespaces.remove();
    await node.remove();
  }
}

/** ADDs of distinct pods that all begin at the same moment; then their DELs. */
async function atOnce(
  node: KubernetesNode,
  metaPlugins: MetaPlugin[],
  rounds: number,
  signal: AbortSignal,
): Promise<Table[]> {
  const totals = metaPlugins.map(({ name }): Row => ({ name, samples: [] }));
  const singles = metaPlugins.map(({ name }): Row => ({ name, samples: [] }));
  const counts = metaPlugins.map(() => ({ failed: 0, left: 0 }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, one] of metaPlugins.entries()) {
      signal.throwIfAborted();
      const { all, each, failed, left } = await burst(node, one);
      totals[index]?.samples.push(all);
      singles[index]?.samples.push(...each);
      const count = counts[index];
      if (count) {
        count.failed += failed;
        count.left += left;
      }
    }
  }
  const [first] = counts;
  const target: Target = {
    what: "failed or left over",
    value: first ? first.failed + first.left : Number.NaN,
    limit: 0,
    unit: "",
  };
  const judged = totals.map((row, index): Row => {
    const { failed = 0, left = 0 } = counts[index] ?? {};
    const more = { failed: `${failed} of ${rounds * BURST}`, "left over": `${left}` };
    return { ...row, more, ...(index === 0 ? { target } : {}) };
  });
  return [
    { title: `${BURST} such ADDs at once, until the last has ended`, rows: judged, compared: true },
    { title: `${BURST} such ADDs at once, each`, rows: singles, compared: true },
  ];
}

async function burst(
  node: KubernetesNode,
  one: MetaPlugin,
): Promise<{ all: Cost; each: Cost[]; failed: number; left: number }> {
  const sandboxes = await node.sandboxes(BURST);
  const before = node.leftovers().length;
  try {
    const added = await together(sandboxes.map((sandbox) => node.command("ADD", one, sandbox)));
    const deleted = await together(sandboxes.map((sandbox) => node.command("DEL", one, sandbox)));
    const failures = [...added.failures, ...deleted.failures];
    for (const text of new Set(failures.map((text) => text.slice(0, 300)))) {
      console.error(`${one.name}: ${text}`);
    }
    const left = node.leftovers().length - before;
    return { all: added.all, each: added.each, failed: failures.length, left };
  } finally {
    await node.remove();
  }
}

/** What one ADD asks of the API server, as the server's audit log has it. */
async function requests(node: KubernetesNode, metaPlugins: MetaPlugin[]): Promise<Table> {
  const rows: Row[] = [];
  for (const one of metaPlugins) {
    const [sandbox = fail("there is no pod")] = await node.sandboxes(1);
    try {
      const asked = await node.requests(() => execute(node.command("ADD", one, sandbox)));
      execute(node.command("DEL", one, sandbox));
      const events = asked.filter(({ uri }) => resourceOf(uri) === "events");
      const others = asked.filter((request) => !events.includes(request));
      const target: Target = { what: "besides events", value: others.length, limit: 4, unit: "" };
      rows.push({
        name: one.name,
        samples: [],
        more: { requests: counted(others), events: `${events.length}` },
        ...(rows.length === 0 ? { target } : {}),
      });
    } finally {
      await node.remove();
    }
  }
  return { title: "requests for such an ADD", rows, compared: false };
}

/** `1 get pods, 2 get network-attachment-definitions`, in the order of the first of each. */
function counted(asked: Request[]): string {
  const counts = new Map<string, number>();
  for (const { verb, uri } of asked) {
    const what = `${verb} ${resourceOf(uri)}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${count} ${what}`).join(", ");
}

/** The resource of a URI, with its subresource: `pods/status`. */
function resourceOf(uri: string): string {
  const [, resource = uri, subresource = ""] =
    /\/namespaces\/[^/]+\/([^/?]+)(?:\/[^/?]+(\/[^/?]+)?)?/.exec(uri) ?? [];
  return resource + subresource;
}

/** This machine as a node of a cluster: an API server, and pods whose sandboxes are namespaces here. */
export class KubernetesNode {
  /** The networks of each pod. */
  readonly pod: Delegates;
  readonly api: ApiServer;
  private namespaces: Namespaces[] = [];
  private pods: Sandbox[] = [];
  private created = 0;

  private constructor(api: ApiServer, pod: Delegates) {
    this.api = api;
    this.pod = pod;
  }

  static async open(pod: Delegates): Promise<KubernetesNode> {
    const node = new KubernetesNode(await unaccounted(() => ApiServer.start()), pod);
    try {
      const [first, ...others] = pod.confs as { name: string }[];
      mkdirSync(node.confDir);
      writeFileSync(node.clusterNetwork, JSON.stringify(first), { mode: 0o600 });
      for (const conf of others) {
        await node.api.admin.create({
          apiVersion: "k8s.cni.cncf.io/v1",
          kind: "NetworkAttachmentDefinition",
          metadata: { name: conf.name, namespace: NAMESPACE },
          spec: { config: JSON.stringify(conf) },
        } as KubernetesObject);
      }
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.remove();
    await this.api.stop();
  }

  /** Paths of kubeconfigs of Plexus's service account: the first two as Multus's programs write them. */
  async kubeconfigs(): Promise<Record<"token" | "certificate" | "json" | "yaml", string>> {
    const { api } = this;
    const token = await api.token(24 * 3600);
    const { cert, key } = api.authority.issue({ name: "system:serviceaccount:kube-system:plexus" });
    const authority = readFileSync(api.authority.cert).toString("base64");
    const write = (name: string, text: string) => {
      const path = `${this.confDir}/${name}.kubeconfig`;
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const cluster = { server: api.url, "certificate-authority-data": authority };
    const json = {
      "current-context": "bench",
      contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
      clusters: [{ name: "bench", cluster }],
      users: [{ name: "bench", user: { token } }],
    };
    return {
      token: write("token", installedWithToken(api.url, authority, token)),
      certificate: write("certificate", installedWithCertificate(api.url, authority, cert, key)),
      json: write("json", JSON.stringify(json)),
      yaml: api.kubeconfig("plexus", { token }),
    };
  }

  /** Pods that no call has been made for, with an empty namespace each. */
  async sandboxes(count: number): Promise<Sandbox[]> {
    const namespaces = new Namespaces(count, `p${this.created}-`);
    this.namespaces.push(namespaces);
    const made: Sandbox[] = [];
    for (let index = 0; index < count; index++) {
      const name = `bench-${this.created++}`;
      const networks = (this.pod.confs as { name: string }[]).slice(1).map((conf) => conf.name);
      const body = {
        metadata: { name, annotations: { [NETWORKS]: networks.join(",") } },
        spec: { nodeName: "node", containers: [{ name: "c", image: "none" }] },
      };
      const { metadata } = await this.api.core.createNamespacedPod({ namespace: NAMESPACE, body });
      const container = { id: `${OWN}-${name}`, netns: namespaces.take() };
      made.push({ namespace: NAMESPACE, name, uid: metadata?.uid ?? "", container });
    }
    this.pods.push(...made);
    return made;
  }

  /** Removes the sandboxes, and their pods. */
  async remove(): Promise<void> {
    for (const namespaces of this.namespaces.splice(0)) namespaces.remove();
    for (const { namespace, name } of this.pods.splice(0)) {
      await this.api.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    }
  }

  /** What a runtime executes. Every key of the conf is Multus's own. */
  command(verb: string, { name, path, kubeconfig }: MetaPlugin, sandbox: Sandbox): Command {
    const { plugins } = this.pod;
    const conf = {
      cniVersion: "1.0.0",
      name: "multus-cni-network",
      type: "multus",
      binDir: plugins,
      cniDir: `${this.stateDir}/${name.replace(/\W+/g, "-")}`,
      confDir: this.confDir,
      clusterNetwork: this.clusterNetwork,
      kubeconfig,
    };
    const { id, netns } = sandbox.container;
    const env = { ...environment(verb, id, netns, "eth0", plugins), CNI_ARGS: argsOf(sandbox) };
    return { path, env, stdin: JSON.stringify(conf) };
  }

  /** What `ask` has asked of the API server. */
  async requests(ask: () => void): Promise<Request[]> {
    const before = this.api.requests().length;
    ask();
    await sleep(500); // the log is written after the answer
    return this.api.requests().slice(before);
  }

  /** Files of state, addresses given out, interfaces on the bridges. */
  leftovers(): string[] {
    const files = [this.stateDir, `${this.pod.dir}/addresses`]
      .filter(existsSync)
      .flatMap((dir) =>
        readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
      );
    const names = files
      .map(({ name }) => name)
      .filter((name) => !/^(lock|last_reserved_ip\.\d+)$/.test(name));
    return [...names, ...bridgePorts(NETWORK_COUNT)];
  }

  private get confDir(): string {
    return `${this.pod.dir}/confs`;
  }

  private get stateDir(): string {
    return `${this.pod.dir}/pods`;
  }

  private get clusterNetwork(): string {
    return `${this.confDir}/10-default.conf`;
  }
}

/** Source: multus-cni v4, cmd/thin_entrypoint/main.go. */
function installedWithToken(server: string, authority: string, token: string): string {
  return `# Kubeconfig file for Multus CNI plugin.
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: ${server}
    certificate-authority-data: ${authority}
users:
- name: multus
  user:
    token: "${token}"
contexts:
- name: multus-context
  context:
    cluster: local
    user: multus
current-context: multus-context
`;
}

/** Source: multus-cni v4, cmd/kubeconfig_generator/main.go. */
function installedWithCertificate(server: string, authority: string, cert: string, key: string): string {
  return `apiVersion: v1
clusters:
  - cluster:
      certificate-authority-data: ${authority}
      server: ${server}
    name: default-cluster
contexts:
  - context:
      cluster: default-cluster
      namespace: default
      user: default-auth
    name: default-context
current-context: default-context
kind: Config
preferences: {}
users:
  - name: default-auth
    user:
      client-certificate: ${cert}
      client-key: ${key}
`;
}

function fail(message: string): never {
  throw new Error(message);
}
