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
import { type PeerDaemon, Servers } from "./servers.ts";

interface Options {
  /** Plexus first, then its shim with a resident process. */
  metaPlugins: Omit<MetaPlugin, "kubeconfig">[];
  /** Peers with a process that lives on. */
  peerDaemons: PeerDaemon[];
  bareNode: Command;
  /** Where bridge and host-local are. */
  plugins: string;
  /** For addresses, state and confs. */
  dir: string;
  runs: number;
  signal: AbortSignal;
}

export async function podTables({ metaPlugins, peerDaemons, runs, signal, ...options }: Options) {
  const { bareNode, plugins, dir } = options;
  const node = await KubernetesNode.open(delegates(NETWORK_COUNT, plugins, dir));
  const servers = new Servers(node);
  try {
    const { token, certificate, json, yaml } = await node.kubeconfigs();
    const [plexus, shim, ...others] = metaPlugins.map((one): MetaPlugin => ({ ...one, kubeconfig: token }));
    if (!plexus || !shim) return [];
    const daemon = await servers.startPlexus(token);
    const parallel = (one: MetaPlugin): MetaPlugin => ({
      ...one,
      name: `${one.name}, parallel`,
      more: { attach: "parallel" },
    });
    const peers = [...others];
    for (const one of peerDaemons) peers.push(await servers.startPeer(one, token));
    const asInstalled = [plexus, shim, daemon, parallel(daemon), ...peers];
    const forms: MetaPlugin[] = [
      { ...plexus, name: `${plexus.name}, client certificate`, kubeconfig: certificate },
      { ...plexus, name: `${plexus.name}, kubeconfig in JSON`, kubeconfig: json },
      { ...plexus, name: `${plexus.name}, kubeconfig in other YAML`, kubeconfig: yaml },
    ];
    const one = await oneByOne(node, [...asInstalled, ...forms], bareNode, runs, signal);
    const memory = [servers.memory("at rest")];
    const many = await burstTables(
      node,
      [plexus, shim, parallel(shim), ...asInstalled.slice(2)],
      Math.ceil(runs / 10),
      signal,
    );
    memory.push(servers.memory("after these bursts"));
    return [...one, ...many, ...memory, await requests(node, asInstalled)];
  } finally {
    await servers.stop();
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
    const adds = rows("ADD").map((row, index): Row => ({ ...row, peak: peaks[index] ?? 0 }));
    const [first] = adds;
    if (!first) return [];
    const judged = adds.map((row): Row => ({ ...row, ...targetOf(row, adds) }));
    const networks = "a pod with 1 default and 2 secondary bridges";
    return [
      {
        title: `ADD of ${networks}`,
        rows: [first, rowOf(samples, bare.name), ...judged.slice(1)],
        compared: true,
      },
      { title: `DEL of ${networks}`, rows: rows("DEL"), compared: true },
    ];
  } finally {
    namespaces.remove();
    await node.remove();
  }
}

/** What Plexus sets itself: its overhead over the delegates alone, in parts of Multus's of the same kind. */
const OVERHEADS: Record<string, { peer: "thin" | "thick"; limit: number }> = {
  plexus: { peer: "thin", limit: 1.3 },
  "plexus-shim": { peer: "thick", limit: 0.33 },
  "plexus-shim, daemon": { peer: "thick", limit: 0.25 },
};
/** The peers' overhead in parts of what the delegates alone take, if they do not take part: Multus 4.3.0, this pod. */
const PEER_OVERHEAD = { thin: 0.72, thick: 0.5 };

function targetOf({ name, ...row }: Row, rows: Row[]): { target?: Target } {
  const [alone] = rows;
  const wanted = OVERHEADS[name];
  if (!alone || !wanted) return {};
  const over = (one: Row) => medianWall(one) - medianWall(alone);
  const peer = rows.find((one) => one.name === wanted.peer);
  const overhead = peer ? over(peer) : PEER_OVERHEAD[wanted.peer] * medianWall(alone);
  const what = `overhead in parts of Multus ${wanted.peer}'s${peer ? "" : " elsewhere"}`;
  return { target: { what, value: over({ name, ...row }) / overhead, limit: wanted.limit, unit: "" } };
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
