// Every place where a call can be cut off, one after the other: an ADD before each of its steps, and then a DEL, or a second
// ADD, before each of its own; or the node loses its power there.
import type { Action, History } from "./history.ts";
import type { Setup } from "./setup.ts";

const NETWORKS: Setup["networks"] = [
  { name: "a", kind: "bridge", cniVersion: "1.0.0" },
  { name: "b", kind: "macvlan", cniVersion: "1.1.0" },
  { name: "c", kind: "chain", cniVersion: "1.0.0" },
];
/** Of what power loss leaves, so many variants. */
const LOSSES = 8;

/** What follows a first ADD that was cut off. */
type Sequel = "DEL, DEL" | "ADD, DEL" | "power loss, DEL";

export interface Crashes {
  mode: Setup["mode"];
  attach: Setup["attach"];
  sequel: Sequel;
}

/** All there are, for the tests. */
export const ALL_CRASHES: Crashes[] = (["one-shot", "resident"] as const).flatMap((mode) =>
  (["sequential", "parallel"] as const).flatMap((attach) =>
    (["DEL, DEL", "ADD, DEL", "power loss, DEL"] as const).map((sequel) => ({ mode, attach, sequel })),
  ),
);

/**
 * Plays them all.
 *
 * @param play one; tells which of its calls were cut off, the first being 1
 */
export async function enumerate(
  { mode, attach, sequel }: Crashes,
  play: (history: History) => Promise<number[]>,
): Promise<void> {
  const setup: Setup = {
    mode,
    attach,
    delegateTimeoutSeconds: 0,
    kubernetes: false,
    networks: sequel === "DEL, DEL" ? NETWORKS : NETWORKS.slice(1),
    containers: [{ id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [] }],
  };
  const historyOf = (seed: number, actions: Action[]): History => ({
    seed,
    setup,
    steps: actions.map((action) => ({ waitMs: 0, ...action })),
  });
  for (let first = 0; ; first++) {
    const add: Action = { do: "ADD", container: 0, dieAt: first };
    if (sequel === "power loss, DEL") {
      let isCut = false;
      for (let seed = 0; seed < LOSSES; seed++) {
        const cut = await play(historyOf(seed, [{ ...add, losesPower: true }]));
        isCut ||= cut.includes(1);
      }
      if (!isCut) return;
      continue;
    }
    let isFirstCut = false;
    for (let isSecondCut = true, second = 0; isSecondCut; second++) {
      const verb = sequel === "DEL, DEL" ? "DEL" : "ADD";
      const cut = await play(historyOf(first, [add, { do: verb, container: 0, dieAt: second }]));
      isFirstCut ||= cut.includes(1);
      isSecondCut = cut.includes(2);
    }
    if (!isFirstCut) return;
  }
}
