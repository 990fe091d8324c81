// Histories of pods whose annotation is edited while they run: with a daemon, and an executor beside it. A seed stands for
// one, as for those of history.ts.
//
// The mix: three of four are short, of one pod and at most seven steps, as most defects need no more; the others have up to two
// pods and 14 steps. Half of the steps are edits: most of these change one thing of what the pod asks for, as people do, some ask
// for something else altogether, and one of eight is invalid. The rest is calls of the runtime, which may be cut off at any step,
// and what goes wrong: with plugins, the API server, the daemon, the executor, the disk, and by other hands.
import type { Action, History } from "./history.ts";
import { randomEnding } from "./history.ts";
import { MISBEHAVIOURS } from "./mischief.ts";
import { OUTAGES } from "./outage.ts";
import { Random } from "./random.ts";
import type { Element, Setup } from "./setup.ts";

/** An element of each annotation of some pods: nobody may touch its interface. */
export const STAYING = "stay";
/** What a pod cannot ask for. */
export const INVALID = '[{"name": "b", "ips": "10.0.0.1"}]';
/** What no pod asks for before. */
export const OTHER = '[{"name": "b", "interface": "other"}]';
const INVALIDS = [INVALID, "b, none", "[", "b/c/d", '[{"name": "b", "mac": 1}]'];

export function editedOf(seed: number): History {
  const random = new Random(seed, 3);
  const isShort = random.chance(0.75);
  const setup = randomSetup(random, isShort ? 1 : random.between(1, 2));
  const edits = setup.containers.map((one) => new Edits(random, one.annotation ?? ""));
  const count = isShort ? random.between(2, 7) : random.between(8, 14);
  const steps = Array.from({ length: count }, (_, index) => ({
    waitMs: random.pick([0, 5, 20, 80, 400, 2_000]),
    ...(index === 0 ? ({ do: "ADD", container: 0 } as const) : randomAction(random, setup, edits)),
  }));
  return { seed, setup, steps };
}

function randomSetup(random: Random, pods: number): Setup {
  const networks = ["a", "b", "c", "d"].map((name) => ({
    name,
    kind: random.pick(["bridge", "macvlan", "chain"] as const),
    cniVersion: random.pick(["1.0.0", "1.1.0"]),
  }));
  const containers = Array.from({ length: pods }, (_, index) => ({
    id: `c${index + 1}`,
    netns: `/run/netns/n${index + 1}`,
    ifname: "eth0",
    selects: [],
    ...(random.chance(0.1) ? { defaultNetwork: "d" } : {}),
    ...(random.chance(0.05) ? { hostNetwork: true } : {}),
  }));
  return {
    mode: "daemon",
    attach: random.pick(["sequential", "parallel"]),
    delegateTimeoutSeconds: 10,
    kubernetes: true,
    hotPlug: true,
    networks,
    containers: containers.map((one, index) => ({
      ...one,
      annotation: textOf(random, randomElements(random, index)),
    })),
  };
}

/** The edits of one pod's annotation, one after the other. */
class Edits {
  /** What was valid last. */
  private elements: Element[];
  private readonly random: Random;

  constructor(random: Random, annotation: string) {
    this.random = random;
    this.elements = JSON.parse(annotation) as Element[];
  }

  next(container: number): string {
    const { random } = this;
    const kind = random.below(100);
    if (kind < 12) return random.pick(INVALIDS);
    if (kind < 40) this.elements = randomElements(random, container);
    else if (kind < 90) this.elements = this.changed();
    return textOf(random, this.elements); // as before, if it was invalid meanwhile
  }

  /** With one thing changed: two elements have changed places or names, one is gone, there is one more, or asks for something else. */
  private changed(): Element[] {
    const { elements, random } = this;
    const others = elements.filter(({ interface: ifname }) => ifname !== STAYING);
    const [one, other] = [random.pick(others), random.pick(others)];
    const kind = random.below(6);
    if (kind === 0 || one === undefined || other === undefined) {
      const free = elements.some((some) => some.interface === "x") ? {} : randomName(random);
      return elements.toSpliced(random.between(0, elements.length), 0, { ...randomElement(random), ...free });
    }
    const [at, beside] = [elements.indexOf(one), elements.indexOf(other)];
    if (kind === 1) return elements.toSpliced(at, 1);
    if (kind === 2) return elements.with(at, other).with(beside, one);
    if (kind === 3)
      return elements.with(at, named(one, other.interface)).with(beside, named(other, one.interface));
    if (kind === 4) return elements.with(at, named(randomElement(random), one.interface));
    return elements.with(at, named(one, one.interface === undefined ? freeName(elements) : undefined));
  }
}

function named({ interface: _, ...element }: Element, ifname: string | undefined): Element {
  return ifname === undefined ? element : { ...element, interface: ifname };
}

/** Of the names that are asked for, one that no element has; undefined if there is none. */
function freeName(elements: readonly Element[]): string | undefined {
  return ["x", "y", "z"].find((name) => elements.every(({ interface: ifname }) => ifname !== name));
}

function randomName(random: Random): Pick<Element, "interface"> {
  return random.chance(0.2) ? { interface: "x" } : {};
}

function randomElement(random: Random): Element {
  return {
    name: random.pick(["b", "c", "d"]),
    ...(random.chance(0.2) ? { mac: `0a:00:00:00:00:0${random.between(1, 3)}` } : {}),
    ...(random.chance(0.1) ? { "cni-args": { colour: random.pick(["red", "blue"]) } } : {}),
  };
}

/** The first container has a network that stays. */
function randomElements(random: Random, container: number): Element[] {
  const taken = new Set<string>();
  const elements = Array.from({ length: random.below(4) }, () => {
    const ifname = random.chance(0.2) ? random.pick(["x", "y", "z"]) : undefined;
    const isFree = ifname !== undefined && !taken.has(ifname);
    if (isFree) taken.add(ifname);
    return named(randomElement(random), isFree ? ifname : undefined);
  });
  return container === 0 ? [{ name: "b", interface: STAYING }, ...elements] : elements;
}

/** In either order: it means the same. */
function textOf(random: Random, elements: readonly Element[]): string {
  return JSON.stringify(random.chance(0.5) ? elements : elements.toReversed());
}

function randomAction(random: Random, setup: Setup, edits: readonly Edits[]): Action {
  const container = random.below(setup.containers.length);
  const kind = random.below(100);
  if (kind < 12) return { do: "ADD", container, ...(random.chance(0.3) ? randomEnding(random) : {}) };
  if (kind < 55) return { do: "edit", container, annotation: edits[container]?.next(container) ?? "" };
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
  const network = random.between(1, 3);
  return random.chance(0.5)
    ? { do: random.pick(["delete NAD", "delete NAD", "create NAD"]), network }
    : { do: "change NAD", network, kind: random.pick(["bridge", "chain"]) };
}
