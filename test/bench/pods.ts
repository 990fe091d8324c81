// Pods against a real API server: ADD and DEL one by one and many at once, and what they ask of the server.
import type { Request } from "../support/apiserver.ts";
import { delegates, direct, directMemory, Namespaces } from "./attach.ts";
import { burstTables } from "./bursts.ts";
import { KubernetesNode, type MetaPlugin, NETWORK_COUNT } from "./kubernetes-node.ts";
import {
  type Candidate,
  type Command,
  execute,
  measure,
  peakMemory,
  timed,
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
    const many = await burstTables(node, asInstalled, Math.ceil(runs / 10), signal);
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

function fail(message: string): never {
  throw new Error(message);
}
