// The core's operations inside one process. bench.ts bundles this file as the launcher is bundled, runs it on a Node
// of its own and reads what it prints: milliseconds, by operation.
// Arguments: path of core.wasm, then what to do for the first time in the process, or the number of warm runs.
import { readFileSync } from "node:fs";
import { Core, type Network, type Runtime } from "../../packages/core/index.ts";

const RUNTIME: Runtime = { containerId: "bench", netns: "/run/netns/bench", ifname: "eth0", args: "" };
const [, , path = "", runs = ""] = process.argv;
const bytes = new Uint8Array(readFileSync(path));

/** What a process does with the core, the first time. */
const COLD: Record<string, () => unknown> = {
  "instantiate, plan of 3 networks, first use in a process": () =>
    new Core(bytes).plan({ runtime: RUNTIME, networks: networksOf(3) }),
  "instantiate, netconf, plan of 3 networks, first use in a process": loadAndPlan(3),
};

const first = COLD[runs];
console.log(JSON.stringify(first ? { [runs]: [time(first)] } : warm(Number(runs))));

function warm(runs: number): Record<string, number[]> {
  const loaded = new Core(bytes);
  const large = confOf(1, "x".repeat(1 << 20));
  const [delegate] = plan(loaded, large).delegates;
  if (delegate === undefined) throw new Error("the plan has no delegate");
  const operations: Record<string, () => unknown> = {
    "instantiate, netconf, plan of 1 network": loadAndPlan(1),
    "instantiate, netconf, plan of 10 networks": loadAndPlan(10),
    "instantiate, netconf, plan of 50 networks": loadAndPlan(50),
    "netconf, plan of a conf of 1 MB": () => plan(loaded, large),
    "invoke of a delegate of 1 MB": () =>
      loaded.invoke({ verb: "ADD", plugin: 0, delegate, runtime: RUNTIME }),
  };
  const samples = Object.fromEntries(Object.keys(operations).map((name): [string, number[]] => [name, []]));
  for (let run = -5; run < runs; run++) {
    for (const [name, operation] of Object.entries(operations)) {
      const ms = time(operation);
      if (run >= 0) samples[name]?.push(ms);
    }
  }
  return samples;
}

function loadAndPlan(networks: number): () => unknown {
  const conf = confOf(networks);
  return () => plan(new Core(bytes), conf);
}

function networksOf(count: number): Network[] {
  return delegatesOf(count).map((delegate, index) => ({
    conf: JSON.stringify(delegate),
    source: `delegates[${index}]`,
  }));
}

/** As attach/ does it. */
function plan(core: Core, conf: Uint8Array) {
  const settings = core.netconf(conf);
  const networks = settings.delegates.map(
    (conf, index): Network => ({ conf, source: `delegates[${index}]`, fallbackName: settings.name }),
  );
  return core.plan({ runtime: RUNTIME, networks });
}

function confOf(networks: number, padding = ""): Uint8Array {
  const delegates = delegatesOf(networks, padding);
  const conf = { cniVersion: "1.0.0", name: "multus-cni-network", type: "multus", delegates };
  return new TextEncoder().encode(JSON.stringify(conf));
}

function delegatesOf(networks: number, padding = "") {
  return Array.from({ length: networks }, (_, index) => ({
    cniVersion: "1.0.0",
    name: `bench-${index}`,
    type: "bridge",
    bridge: `bench${index}`,
    ipam: { type: "host-local", ranges: [[{ subnet: `198.18.${index}.0/24` }]] },
    padding,
  }));
}

function time(action: () => unknown): number {
  const before = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - before) / 1e6;
}
