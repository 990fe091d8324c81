// The daemon: what it keeps in memory, and how long calls take when many come at once, or when the cluster is large.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "@kubernetes/client-node";
import { Resident } from "../support/resident.ts";
import { delegates } from "./attach.ts";
import { burst, contestantOf } from "./bursts.ts";
import { KubernetesNode, NETWORK_COUNT } from "./kubernetes-node.ts";
import { type Cost, unaccounted } from "./measure.ts";
import type { Row, Table } from "./report.ts";

interface Options {
  /** Where bridge and host-local are. */
  plugins: string;
  dir: string;
  runs: number;
  signal: AbortSignal;
}

const BURSTS = [1, 10, 50, 250];
/** What it is to know, at rest. */
const [PODS, NADS, MANY_NADS] = [200, 1000, 10_000];
/** Requests to the API server at once, while objects are made. */
const AT_ONCE = 50;

export async function daemonTables({ plugins, dir, runs, signal }: Options): Promise<Table[]> {
  const node = await KubernetesNode.open(delegates(NETWORK_COUNT, plugins, dir));
  const daemon = new Resident(`${dir}/daemon`, [`state ${dir}`, `read ${dir}`]);
  try {
    const { token } = await node.kubeconfigs();
    const admin = node.api.kubeconfig("admin");
    await unaccounted(() => daemon.start(["daemon", "--node-name", "node", "--kubeconfig", admin]));
    const plugin = { name: "daemon", path: daemon.shim, kubeconfig: token };
    const atOnce = async (count: number) => {
      signal.throwIfAborted();
      const sandboxes = await node.sandboxes(count);
      await sleep(200); // until it has seen them
      const made = await burst(contestantOf(node, plugin), sandboxes);
      await node.remove();
      return made;
    };
    const single = async (): Promise<Cost[]> => {
      const costs: Cost[] = [];
      for (let run = 0; run < runs; run++) costs.push(...(await atOnce(1)).each);
      return costs;
    };

    await single(); // until all of it is compiled
    const few = await single();
    await makeNads(node, 0, NADS);
    await inTurn(PODS, (index) =>
      node.api.core.createNamespacedPod({
        namespace: "default",
        body: {
          metadata: { name: `idle-${index}` },
          spec: { nodeName: "node", containers: [{ name: "c", image: "none" }] },
        },
      }),
    );
    await sleep(10_000);
    const { now: idle, anonymous } = memoryOf(daemon.pid);
    writeFileSync(`/proc/${daemon.pid}/clear_refs`, "5"); // the peak is measured from here on
    const bursts: Row[] = [];
    for (const count of BURSTS) {
      const { each, failed, fallbacks } = await atOnce(count);
      bursts.push({
        name: `${count} at once`,
        samples: each,
        more: {
          "p99 ms": percentile(each, 0.99).toFixed(1),
          failed: `${failed}`,
          fallbacks: `${fallbacks}`,
        },
      });
    }
    const peak = memoryOf(daemon.pid).peak;
    await makeNads(node, NADS, MANY_NADS);
    await sleep(3000);
    const many = await single();
    const memory: Row[] = [
      {
        name: `at rest, ${PODS} pods and ${NADS} NetworkAttachmentDefinitions`,
        samples: [],
        peak: idle,
        target: { what: "resident", value: idle, limit: 65, unit: "MB" },
      },
      {
        name: "of it anonymous: not of a file, as the program's text is",
        samples: [],
        peak: anonymous,
        target: { what: "anonymous", value: anonymous, limit: 12, unit: "MB" },
      },
      {
        name: `during these bursts`,
        samples: [],
        peak,
        target: { what: "times that at rest", value: peak / idle, limit: 1.3, unit: "" },
      },
    ];
    const size: Row[] = [
      { name: "3 NetworkAttachmentDefinitions in the cluster", samples: few },
      { name: `${MANY_NADS}`, samples: many },
    ];
    return [
      { title: "ADD of such a pod with the daemon", rows: bursts, compared: false },
      { title: "memory of the daemon", rows: memory, compared: false },
      { title: "ADD of such a pod with the daemon, by the cluster's size", rows: size, compared: true },
    ];
  } finally {
    await daemon.stop();
    await node.close();
  }
}

function makeNads(node: KubernetesNode, from: number, to: number): Promise<void> {
  const config = JSON.stringify(node.pod.confs[0]);
  return inTurn(to - from, (index) =>
    node.api.admin.create({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: `filler-${from + index}`, namespace: "default" },
      spec: { config },
    } as KubernetesObject),
  );
}

async function inTurn(count: number, make: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - index) }, (_, offset) =>
      make(index + offset),
    );
    await Promise.all(batch);
  }
}

/** In MB. */
function memoryOf(pid: number): { now: number; anonymous: number; peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN) / 1024;
  return { now: of("VmRSS"), anonymous: of("RssAnon"), peak: of("VmHWM") };
}

function percentile(costs: Cost[], part: number): number {
  const sorted = costs.map(({ wall }) => wall).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
