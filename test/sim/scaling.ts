// What happens to a large cluster, and what its API server is asked meanwhile: for docs/scale.md.
import { Crowd, type Kind } from "./crowd.ts";
import { Timeline } from "./timeline.ts";

/** The cluster. */
const NODES = 5_000;
const PODS_A_NODE = 250;
const NADS = 2_000;
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
const MAX_EVENTS = 20_000_000;

interface Scenario {
  name: string;
  /** How long it is watched, from the moment on when all daemons have run for half an hour. */
  lastsMs: number;
  happen(crowd: Crowd, nodes: string[], time: Timeline): void;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "at rest, for an hour", lastsMs: HOUR_MS, happen: () => {} },
  {
    name: "rolling upgrade of the DaemonSet, a tenth of the nodes at a time, one tenth a minute",
    lastsMs: 12 * MINUTE_MS,
    happen(crowd, nodes, time) {
      for (const [index, node] of nodes.entries()) {
        time.after(Math.floor((index * 10) / nodes.length) * MINUTE_MS + crowd.chance() * 5_000, () => {
          crowd.stop(node);
          crowd.start(node);
        });
      }
    },
  },
  {
    name: "a tenth of the nodes reboots within a minute, and starts all its pods",
    lastsMs: 10 * MINUTE_MS,
    happen(crowd, nodes, time) {
      for (const node of nodes.slice(0, nodes.length / 10)) {
        time.after(crowd.chance() * MINUTE_MS, () => {
          crowd.stop(node);
          crowd.start(node);
          const daemon = crowd.daemons.get(node)?.cluster;
          for (let pod = 0; daemon && pod < PODS_A_NODE; pod++) {
            // Over two minutes; the kubelet's own changes of the pod come through the watch.
            const atMs = crowd.chance() * 2 * MINUTE_MS;
            time.after(atMs, () => void crowd.add(daemon, node, pod));
            for (const laterMs of [500, 1_500, 3_000])
              time.after(atMs + laterMs, () => crowd.changePod(node, pod));
          }
        });
      }
    },
  },
  ...[false, true].map(
    (isForgetful): Scenario => ({
      name: `outage of the API for a minute, ${isForgetful ? "after which no server knows the versions of before" : "after which watches go on"}`,
      lastsMs: 10 * MINUTE_MS,
      happen(crowd, _, time) {
        crowd.goDown();
        time.after(MINUTE_MS, () => crowd.comeUp(isForgetful));
      },
    }),
  ),
];

/**
 * Plays each scenario.
 *
 * @param sample so many of the nodes are simulated, and counted as all: they know nothing of each other
 * @returns a table, in Markdown
 */
export async function table(sample: number): Promise<string> {
  const rows = [
    "| | requests | of them lists | at most in a second | received | sent | sent by watches |",
    "|---|---|---|---|---|---|---|",
  ];
  for (const scenario of SCENARIOS) rows.push(await play(scenario, sample));
  return rows.join("\n");
}

async function play({ name, lastsMs, happen }: Scenario, sample: number): Promise<string> {
  const time = new Timeline(MAX_EVENTS);
  const crowd = new Crowd(time, PODS_A_NODE, NADS);
  const nodes = Array.from({ length: sample }, (_, i) => `node${i}`);
  // So that their watches do not end all at once.
  for (const node of nodes) time.after(crowd.chance() * 10 * MINUTE_MS, () => crowd.start(node));
  const beginMs = HOUR_MS / 2;
  time.after(beginMs, () => {
    crowd.tallies.clear();
    crowd.streamedBytes = 0;
    happen(crowd, nodes, time);
  });
  time.after(beginMs + lastsMs, () => {
    for (const node of nodes) crowd.stop(node);
  });
  await time.run();
  return rowOf(name, crowd, NODES / sample);
}

/** @param factor so many nodes each of the sample stands for */
function rowOf(name: string, crowd: Crowd, factor: number): string {
  const all = [...crowd.tallies.values()];
  const sum = (of: (tally: (typeof all)[number]) => number) =>
    factor * all.reduce((total, tally) => total + of(tally), 0);
  const seconds = new Map<number, number>();
  for (const tally of all)
    for (const [second, count] of tally.seconds) seconds.set(second, (seconds.get(second) ?? 0) + count);
  const kinds = [...crowd.tallies]
    .map(([kind, { requests }]: [Kind, { requests: number }]) => `${requests * factor} ${kind}`)
    .join(", ");
  return `| ${[
    name,
    `${sum(({ requests }) => requests)} (${kinds})`,
    factor * (crowd.tallies.get("list")?.requests ?? 0),
    factor * Math.max(...seconds.values()),
    bytes(sum(({ bytesIn }) => bytesIn)),
    bytes(sum(({ bytesOut }) => bytesOut)),
    bytes(factor * crowd.streamedBytes),
  ].join(" | ")} |`;
}

function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${(count / 1e6).toFixed(1)} MB`;
}
