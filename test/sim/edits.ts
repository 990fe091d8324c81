// Histories of pods whose annotation is edited while they run: with a daemon, and an executor beside it. A seed stands for
// one, as for those of history.ts.
import type { Action, History } from "./history.ts";
import { randomEnding } from "./history.ts";
import { MISBEHAVIOURS } from "./mischief.ts";
import { OUTAGES } from "./outage.ts";
import { Random } from "./random.ts";
import type { Setup } from "./setup.ts";

/** An element of each annotation of some pods: nobody may touch its interface. */
export const STAYING = "stay";
/** What a pod cannot ask for. */
export const INVALID = '[{"name": "b", "ips": "10.0.0.1"}]';
const INVALIDS = [INVALID, "b, none", "[", "b/c/d", '[{"name": "b", "mac": 1}]'];

export function editedOf(seed: number): History {
  const random = new Random(seed, 3);
  const setup = randomSetup(random);
  const steps = Array.from({ length: random.between(4, 14) }, (_, index) => ({
    waitMs: random.pick([0, 5, 20, 80, 400, 2_000]),
    ...(index === 0 ? ({ do: "ADD", container: 0 } as const) : randomAction(random, setup)),
  }));
  return { seed, setup, steps };
}

function randomSetup(random: Random): Setup {
  const networks = ["a", "b", "c", "d"].map((name) => ({
    name,
    kind: random.pick(["bridge", "macvlan", "chain"] as const),
    cniVersion: random.pick(["1.0.0", "1.1.0"]),
  }));
  const containers = Array.from({ length: random.between(1, 2) }, (_, index) => ({
    id: `c${index + 1}`,
    netns: `/run/netns/n${index + 1}`,
    ifname: "eth0",
    selects: [],
  }));
  return {
    mode: "daemon",
    attach: random.pick(["sequential", "parallel"]),
    delegateTimeoutSeconds: 10,
    kubernetes: true,
    hotPlug: true,
    networks,
    containers: containers.map((one, index) => ({ ...one, annotation: randomAnnotation(random, index) })),
  };
}

/** The first container has a network that stays. */
function randomAnnotation(random: Random, container: number): string {
  const named = new Set<string>();
  const elements = Array.from({ length: random.below(4) }, () => {
    const ifname = random.chance(0.2) ? random.pick(["x", "y", "z"]) : undefined;
    const isFree = ifname !== undefined && !named.has(ifname);
    if (isFree) named.add(ifname);
    return {
      name: random.pick(["b", "c", "d"]),
      ...(isFree ? { interface: ifname } : {}),
      ...(random.chance(0.2) ? { mac: `0a:00:00:00:00:0${random.between(1, 3)}` } : {}),
      ...(random.chance(0.1) ? { "cni-args": { colour: random.pick(["red", "blue"]) } } : {}),
    };
  });
  const all = container === 0 ? [{ name: "b", interface: STAYING }, ...elements] : elements;
  return JSON.stringify(random.chance(0.5) ? all : all.toReversed());
}

function randomAction(random: Random, setup: Setup): Action {
  const container = random.below(setup.containers.length);
  const kind = random.below(100);
  if (kind < 16) return { do: "ADD", container, ...(random.chance(0.3) ? randomEnding(random) : {}) };
  if (kind < 55) {
    const annotation = random.chance(0.12) ? random.pick(INVALIDS) : randomAnnotation(random, container);
    return { do: "edit", container, annotation };
  }
  if (kind < 60) return { do: "executor", what: random.pick(["dies", "starts"]) };
  if (kind < 66) return { do: "resident process", what: random.pick(["dies", "starts", "is refused"]) };
  if (kind < 76) {
    const how = random.pick(MISBEHAVIOURS);
    const times = random.pick([1, 1, 2, 4]);
    return { do: "plugin", verb: random.pick(["ADD", "DEL"]), how, acts: random.below(4), times };
  }
  if (kind < 83) {
    const outage = random.pick(OUTAGES);
    return random.chance(0.5)
      ? { do: "API server", outage, times: random.between(1, 4) }
      : { do: "API server", outage, forMs: random.pick([50, 500, 5_000]) };
  }
  if (kind < 88) return { do: "DEL", container, ...(random.chance(0.3) ? randomEnding(random) : {}) };
  if (kind < 90) return { do: "GC" };
  if (kind < 91) return { do: "CHECK", container };
  if (kind < 93) return { do: "remove link", container, ifname: random.pick(["net1", "net2", "x"]) };
  if (kind < 94) return { do: "disk", fault: random.pick(["full", "failing"]), forMs: random.pick([5, 500]) };
  if (kind < 95) return { do: "end namespace", container };
  if (kind < 96) return { do: "reboot", powerLoss: random.chance(0.5) };
  if (kind < 97) return { do: random.pick(["complete pod", "delete pod", "replace pod"]), container };
  if (kind < 98) return { do: "remove plugin", type: random.pick(["bridge", "portmap"]), forMs: 500 };
  return random.chance(0.3)
    ? { do: "delete NAD", network: random.between(1, 3) }
    : { do: "change NAD", network: random.between(1, 3), kind: random.pick(["bridge", "chain"]) };
}
