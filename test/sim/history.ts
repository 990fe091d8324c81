// A history: what it plays on, and what happens, step by step. Its seed makes it; as data it can be printed and shortened.
import type { DiskFault } from "./disk.ts";
import { MISBEHAVIOURS, type Misbehaviour } from "./mischief.ts";
import { Random } from "./random.ts";
import type { Ending } from "./runtime.ts";
import type { Kind, Setup } from "./setup.ts";

export type Action =
  | ({ do: "ADD" | "DEL" | "CHECK"; container: number } & Ending)
  | ({ do: "GC" | "STATUS" } & Ending)
  | { do: "end namespace"; container: number }
  | { do: "reboot"; powerLoss: boolean }
  | { do: "plugin"; verb: string; how: Misbehaviour; acts: number; times: number }
  | { do: "disk"; fault: DiskFault; forMs: number };

/** An action, and how long after the one before it begins, in milliseconds. */
export type Step = { waitMs: number } & Action;

export interface History {
  /** Decides how long everything takes, and what of a fault is met. */
  seed: number;
  setup: Setup;
  steps: Step[];
}

/** The history that a seed stands for. */
export function historyOf(seed: number): History {
  const random = new Random(seed, 1);
  const setup = randomSetup(random);
  const steps = Array.from({ length: random.between(3, 12) }, () => ({
    waitMs: random.pick([0, 0, 5, 20, 80, 400]),
    ...randomAction(random, setup),
  }));
  return { seed, setup, steps };
}

function randomSetup(random: Random): Setup {
  const kinds: Kind[] = ["bridge", "macvlan", "chain"];
  const networks = Array.from({ length: random.between(1, 3) }, (_, index) => ({
    name: ["a", "b", "c"][index] ?? "",
    kind: random.pick(kinds),
    cniVersion: random.pick(["1.0.0", "1.1.0"]),
  }));
  const containers = Array.from({ length: random.between(1, 3) }, (_, index) => ({
    id: `c${index + 1}`,
    netns: `/run/netns/n${index + 1}`,
    ifname: "eth0",
  }));
  return {
    attach: random.pick(["sequential", "parallel"]),
    delegateTimeoutSeconds: random.pick([0, 10]),
    networks,
    containers,
  };
}

function randomAction(random: Random, { containers }: Setup): Action {
  const container = random.below(containers.length);
  const kind = random.below(100);
  if (kind < 36) return { do: "ADD", container, ...randomEnding(random) };
  if (kind < 62) return { do: "DEL", container, ...randomEnding(random) };
  if (kind < 66) return { do: "CHECK", container };
  if (kind < 72) return { do: "GC", ...randomEnding(random) };
  if (kind < 74) return { do: "STATUS" };
  if (kind < 79) return { do: "end namespace", container };
  if (kind < 84) return { do: "reboot", powerLoss: random.chance(0.7) };
  if (kind < 95) {
    return {
      do: "plugin",
      verb: random.pick(["ADD", "ADD", "DEL", "GC"]),
      how: random.pick(MISBEHAVIOURS),
      acts: random.below(4),
      times: random.pick([1, 1, 2, 4]),
    };
  }
  return {
    do: "disk",
    fault: random.pick(["full", "read-only", "failing"]),
    forMs: random.pick([5, 50, 500]),
  };
}

function randomEnding(random: Random): Ending {
  const kind = random.below(10);
  if (kind < 4) return { dieAt: random.below(60) };
  if (kind < 5) return { killAfterMs: random.between(1, 300) };
  return {};
}

/** A line a step, as the trace has it. */
export function printed({ seed, setup, steps }: History): string {
  const lines = [
    `seed ${seed}: ${setup.attach}, limit ${setup.delegateTimeoutSeconds} s`,
    `networks: ${setup.networks.map(({ name, kind, cniVersion }) => `${name} (${kind}, ${cniVersion})`).join(", ")}`,
    `containers: ${setup.containers.map(({ id, ifname }) => `${id} ${ifname}`).join(", ")}`,
    ...steps.map((step, index) => `${index + 1}. ${JSON.stringify(step)}`),
  ];
  return lines.join("\n");
}
