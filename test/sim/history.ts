// A history: what it plays on, and what happens, step by step. Its seed makes it; as data it can be printed and shortened.
import type { DiskFault } from "./disk.ts";
import { MISBEHAVIOURS, type Misbehaviour } from "./mischief.ts";
import { OUTAGES, type Outage } from "./outage.ts";
import { Random } from "./random.ts";
import type { Ending } from "./runtime.ts";
import { type Kind, MODES, type Setup } from "./setup.ts";

/** A call that is made beside another one. */
export interface Beside {
  verb: "ADD" | "DEL" | "CHECK" | "GC";
  container: number;
  /** May the other one make it fail? Then one of the two succeeds. */
  mayFail?: boolean;
}

/** `beside`: after how many steps the first is interrupted by the second, that by the first, and so on (`gate.ts`). */
export type Action =
  | ({ do: "ADD" | "DEL" | "CHECK"; container: number } & Ending)
  | ({ do: "GC" | "STATUS" } & Ending)
  | { do: "beside"; calls: readonly [Beside, Beside]; turns: readonly number[] }
  | { do: "end namespace"; container: number }
  | { do: "reboot"; powerLoss: boolean }
  | { do: "plugin"; verb: string; how: Misbehaviour; acts: number; times: number }
  | { do: "remove plugin"; type: string; forMs: number }
  | { do: "disk"; fault: DiskFault; forMs: number }
  | { do: "resident process"; what: "dies" | "starts" | "is refused" }
  | { do: "API server"; outage: Outage; times?: number; forMs?: number }
  | { do: "executor"; what: "dies" | "starts" }
  | { do: "edit"; container: number; annotation: string }
  | { do: "remove link"; container: number; ifname: string }
  | { do: "complete pod"; container: number }
  | { do: "select"; container: number; selects: number[] }
  | { do: "delete pod" | "replace pod"; container: number }
  | { do: "change NAD"; network: number; kind: Kind }
  | { do: "delete NAD" | "create NAD"; network: number };

/** An action, and how long after the one before it begins, in milliseconds. */
type Step = { waitMs: number } & Action;

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

/** The names of networks and the IDs of containers: plain ones, and such that are parts of each other. */
const NAMES = { networks: ["a", "b", "c", "d"], containers: ["c1", "c2", "c3"] };
const ALIKE = { networks: ["n", "n-x", "x-n", "n-x-y"], containers: ["x", "x-y", "y"] };

function randomSetup(random: Random): Setup {
  const kubernetes = random.chance(0.5);
  const names = random.chance(0.8) ? NAMES : ALIKE;
  const networks = Array.from({ length: random.between(1, kubernetes ? 4 : 3) }, (_, index) => ({
    name: names.networks[index] ?? "",
    kind: randomKind(random),
    cniVersion: random.pick(["1.0.0", "1.1.0"]),
  }));
  // With one network, a container can be added under two names.
  const isTwice = !kubernetes && networks.length === 1 && random.chance(0.5);
  const hasVfs = random.chance(0.25) && (!kubernetes || networks.length > 1);
  const nic = hasVfs ? random.pick(["ixgbe", "igb"] as const) : undefined;
  const last = networks.at(-1);
  if (nic && last) last.kind = random.pick(["vf", "dpdk"]);
  const vfs = nic && networks.length - 1;
  const containers = Array.from({ length: random.between(1, 3) }, (_, index) => ({
    id: names.containers[isTwice ? 0 : index] ?? "",
    netns: `/run/netns/n${isTwice ? 1 : index + 1}`,
    ifname: `eth${isTwice ? index : 0}`,
    selects: kubernetes ? randomSelection(random, networks.length, vfs) : [],
  }));
  return {
    mode: random.pick(MODES),
    attach: random.pick(["sequential", "parallel"]),
    delegateTimeoutSeconds: random.pick([0, 10]),
    kubernetes,
    nic,
    networks,
    containers,
  };
}

/** Seldom one that is refused: nothing else happens with it. */
function randomKind(random: Random): Kind {
  return random.chance(0.02)
    ? random.pick(["refused", "refused chain"])
    : random.pick(["bridge", "macvlan", "chain"]);
}

/**
 * Of the networks but the first; one can be selected twice.
 *
 * @param vfs the one that can not, as a pod has one VF
 */
function randomSelection(random: Random, networks: number, vfs: number | undefined): number[] {
  if (networks < 2) return [];
  const all = Array.from({ length: random.below(4) }, () => random.between(1, networks - 1));
  return all.filter((one, index) => one !== vfs || all.indexOf(one) === index);
}

function randomAction(random: Random, setup: Setup): Action {
  const container = random.below(setup.containers.length);
  const kind = random.below(setup.kubernetes ? 120 : 100);
  if (setup.mode !== "one-shot" && random.chance(0.1)) {
    return { do: "resident process", what: random.pick(["dies", "dies", "starts", "is refused"]) };
  }
  if (kind < 36) return { do: "ADD", container, ...randomEnding(random) };
  if (kind < 62) return { do: "DEL", container, ...randomEnding(random) };
  if (kind < 66) return { do: "CHECK", container };
  if (kind < 72) return { do: "GC", ...randomEnding(random) };
  if (kind < 74) return { do: "STATUS" };
  if (kind < 77) {
    const type = random.pick(["bridge", "macvlan", "portmap"]);
    return { do: "remove plugin", type, forMs: random.pick([50, 500, 5_000]) };
  }
  if (kind < 81) return { do: "end namespace", container };
  if (kind < 86) return { do: "reboot", powerLoss: random.chance(0.7) };
  if (kind < 96) {
    return {
      do: "plugin",
      verb: random.pick(setup.nic ? ["ADD", "DEL", "GC", "ip"] : ["ADD", "ADD", "DEL", "GC"]),
      how: random.pick(MISBEHAVIOURS),
      acts: random.below(4),
      times: random.pick([1, 1, 2, 4]),
    };
  }
  if (kind < 100) {
    const fault = random.pick(["full", "read-only", "failing"] as const);
    return { do: "disk", fault, forMs: random.pick([5, 50, 500]) };
  }
  return randomChange(random, setup, container);
}

/** Of what Kubernetes has, or how it answers. */
function randomChange(random: Random, { networks, nic }: Setup, container: number): Action {
  const vfs = nic && networks.length - 1;
  const network = random.below(networks.length - (nic ? 1 : 0));
  switch (random.below(6)) {
    case 0:
      return { do: "select", container, selects: randomSelection(random, networks.length, vfs) };
    case 1:
      return { do: random.pick(["delete pod", "replace pod"]), container };
    case 2:
      return random.chance(0.7)
        ? { do: "change NAD", network, kind: randomKind(random) }
        : { do: "delete NAD", network };
    default: {
      const outage = random.pick(OUTAGES);
      return random.chance(0.5)
        ? { do: "API server", outage, times: random.between(1, 4) }
        : { do: "API server", outage, forMs: random.pick([50, 500, 5_000, 60_000]) };
    }
  }
}

export function randomEnding(random: Random): Ending {
  const kind = random.below(10);
  if (kind < 4) return { dieAt: random.below(60) };
  if (kind < 5) return { killAfterMs: random.between(1, 300) };
  return {};
}

/** A line a step, as the trace has it. */
export function printed({ seed, setup, steps }: History): string {
  const lines = [
    `seed ${seed}: ${setup.mode}, ${setup.attach}, limit ${setup.delegateTimeoutSeconds} s${setup.kubernetes ? ", Kubernetes" : ""}${setup.nic ? `, ${setup.nic}` : ""}`,
    `networks: ${setup.networks.map(({ name, kind, cniVersion }) => `${name} (${kind}, ${cniVersion})`).join(", ")}`,
    `containers: ${setup.containers.map(({ id, ifname, selects }) => `${id} ${ifname} [${selects}]`).join(", ")}`,
    ...steps.map((step, index) => `${index + 1}. ${JSON.stringify(step)}`),
  ];
  return lines.join("\n");
}
