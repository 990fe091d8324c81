// Many pods at the same moment: what their ADDs take, and what goes wrong.
import type { Sandbox } from "../support/site.ts";
import type { KubernetesNode, MetaPlugin } from "./kubernetes-node.ts";
import { type Command, type Cost, together } from "./measure.ts";
import type { Row, Table, Target } from "./report.ts";

/** One ADD and one DEL for each of some pods. */
interface Burst {
  /** Until the last ADD has ended. */
  all: Cost;
  /** Of each ADD. */
  each: Cost[];
  /** ADDs and DELs that failed. */
  failed: number;
  /** ADDs and DELs for which the shim executed `plexus`, as the resident process did not serve them. */
  fallbacks: number;
}

/** What takes part in a burst: for a pod, one command after the other. */
export interface Contestant {
  name: string;
  commands(verb: string, sandbox: Sandbox): Command[];
}

/** How many pods a node may get at once: half of what a kubelet takes by default. */
const BURST = 60;
/** What the shim says on stderr, unless there is no socket at all. Source: fall_back in launcher/shim/shim.c */
const FALLBACK = /^plexus-shim: executing plexus: /m;

/** Measures each meta-plugin, and the delegates alone, with bursts of `BURST` pods: until the last ADD has ended, and each. */
export async function burstTables(
  node: KubernetesNode,
  metaPlugins: MetaPlugin[],
  rounds: number,
  signal: AbortSignal,
): Promise<Table[]> {
  const alone: Contestant = {
    name: "delegates alone",
    commands: (verb, sandbox) => node.delegateCommands(verb, sandbox),
  };
  const contestants = [alone, ...metaPlugins.map((one) => contestantOf(node, one))];
  const totals = contestants.map(({ name }): Row => ({ name, samples: [] }));
  const singles = contestants.map(({ name }): Row => ({ name, samples: [] }));
  const counts = contestants.map(() => ({ failed: 0, fallbacks: 0, left: 0 }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, one] of contestants.entries()) {
      signal.throwIfAborted();
      const { all, each, failed, fallbacks, left } = await cleanBurst(node, one);
      totals[index]?.samples.push(all);
      singles[index]?.samples.push(...each);
      const count = counts[index];
      if (count) {
        count.failed += failed;
        count.fallbacks += fallbacks;
        count.left += left;
      }
    }
  }
  const [, first] = counts;
  const target: Target = {
    what: "failed or left over",
    value: first ? first.failed + first.left : Number.NaN,
    limit: 0,
    unit: "",
  };
  const judged = totals.map((row, index): Row => {
    const { failed = 0, fallbacks = 0, left = 0 } = counts[index] ?? {};
    const more = {
      failed: `${failed} of ${rounds * BURST}`,
      fallbacks: `${fallbacks}`,
      "left over": `${left}`,
    };
    return { ...row, more, ...(index === 1 ? { target } : {}) };
  });
  return [
    { title: `${BURST} such ADDs at once, until the last has ended`, rows: judged, compared: true },
    { title: `${BURST} such ADDs at once, each`, rows: singles, compared: true },
  ];
}

/** A meta-plugin is one command. */
export function contestantOf(node: KubernetesNode, one: MetaPlugin): Contestant {
  return { name: one.name, commands: (verb, sandbox) => [node.command(verb, one, sandbox)] };
}

/** A burst of new pods, and how many things of it are left over on the node. */
async function cleanBurst(node: KubernetesNode, one: Contestant): Promise<Burst & { left: number }> {
  const sandboxes = await node.sandboxes(BURST);
  const before = node.leftovers().length;
  try {
    const made = await burst(one, sandboxes);
    return { ...made, left: node.leftovers().length - before };
  } finally {
    await node.remove();
  }
}

/** Starts ADDs for all sandboxes at the same moment, and their DELs once the last has ended; says what failed. */
export async function burst(one: Contestant, sandboxes: Sandbox[]): Promise<Burst> {
  const run = (verb: string) => together(sandboxes.map((sandbox) => one.commands(verb, sandbox)));
  const added = await run("ADD");
  const deleted = await run("DEL");
  const failures = [...added.failures, ...deleted.failures];
  for (const text of new Set(failures.map((text) => text.slice(0, 300)))) {
    console.error(`${one.name}: ${text}`);
  }
  const fallbacks = [...added.stderrs, ...deleted.stderrs].filter((text) => FALLBACK.test(text)).length;
  return { all: added.all, each: added.each, failed: failures.length, fallbacks };
}
