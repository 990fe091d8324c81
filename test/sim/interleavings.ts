// Two calls for one VF at the same time: each is interrupted by the other before every step that the other could notice.
import type { Beside, History } from "./history.ts";
import type { Nic } from "./nics.ts";
import { type Kind, PLAIN, type Setup } from "./setup.ts";

/** Who has the VF: c1, whose namespace is gone; or c2, which took it back from c1. */
type Before = "c1 had it" | "c2 has it";

export interface Interleavings {
  mode: Setup["mode"];
  nic: Nic;
  kind: Kind;
  before: Before;
  calls: readonly [Beside, Beside];
  /** How often a call is interrupted. */
  interruptions: 1 | 2;
}

const [c1, c2, c3] = [0, 1, 2];
const late: Beside = { verb: "DEL", container: c1 };
const collect: Beside = { verb: "GC", container: c1 };
/** Of what is attached no more. */
const vain: Beside = { verb: "CHECK", container: c1, mayFail: true };

const PAIRS: Record<Before, [Beside, Beside][]> = {
  "c1 had it": [
    [late, { verb: "ADD", container: c2 }],
    [collect, { verb: "ADD", container: c2 }],
    [vain, { verb: "ADD", container: c2 }],
    [
      { verb: "ADD", container: c2, mayFail: true },
      { verb: "ADD", container: c3, mayFail: true },
    ],
    [{ verb: "ADD", container: c1 }, collect],
    [late, collect],
    [late, { verb: "DEL", container: c2 }],
    [vain, late],
    [vain, collect],
    [collect, { ...collect }],
  ],
  "c2 has it": [
    [late, { verb: "CHECK", container: c2 }],
    [late, { verb: "DEL", container: c2 }],
    [
      { verb: "DEL", container: c2 },
      { verb: "ADD", container: c3, mayFail: true },
    ],
    [collect, { verb: "CHECK", container: c2 }],
    [collect, { verb: "DEL", container: c2 }],
    [late, collect],
  ],
};

const NODES: { mode: Setup["mode"]; nic: Nic; kind: Kind }[] = [
  { mode: "one-shot", nic: "ixgbe", kind: "dpdk" },
  { mode: "one-shot", nic: "igb", kind: "vf" },
  { mode: "resident", nic: "ixgbe", kind: "vf" },
];

/**
 * No runtime does that (CNI spec 1.1.0, section 3). The VF stays with its owner even so; the IPAM plugin, to which it could
 * not be told that an ADD has begun, takes the address back.
 */
function isCollectedBesideAdd(calls: readonly Beside[]): boolean {
  return calls.some(({ verb }) => verb === "GC") && calls.some(({ verb }) => verb === "ADD");
}

/** All pairs of verbs, interrupted once; and twice, the former owner's DEL beside the next one's ADD. */
export const ALL_INTERLEAVINGS: Interleavings[] = [
  ...NODES.flatMap((node) =>
    (Object.keys(PAIRS) as Before[]).flatMap((before) =>
      PAIRS[before]
        .filter((calls) => node.kind === "dpdk" || !isCollectedBesideAdd(calls))
        .map((calls) => ({ ...node, before, calls, interruptions: 1 as const })),
    ),
  ),
  ...NODES.slice(0, 1).flatMap((node) =>
    PAIRS["c1 had it"]
      .slice(0, 1)
      .map((calls) => ({ ...node, before: "c1 had it" as const, calls, interruptions: 2 as const })),
  ),
];

/**
 * Plays them all, either call first.
 *
 * @param play one; tells how often a call was interrupted
 */
export async function interleave(
  { before, calls, interruptions, kind, mode, nic }: Interleavings,
  play: (history: History) => Promise<number>,
): Promise<void> {
  const ids = ["c1", "c2", "c3"];
  const setup: Setup = {
    ...PLAIN,
    mode,
    nic,
    networks: [{ name: "a", kind, cniVersion: "1.1.0" }],
    containers: ids.map((id) => ({ id, netns: `/run/netns/${id}`, ifname: "eth0", selects: [] })),
  };
  const historyOf = (both: readonly [Beside, Beside], turns: number[]): History => ({
    seed: turns.reduce((sum, one) => sum * 1000 + one, 0),
    setup,
    steps: [
      { waitMs: 0, do: "ADD", container: c1 },
      { waitMs: 3000, do: "end namespace", container: c1 },
      ...(before === "c2 has it" ? [{ waitMs: 0, do: "ADD", container: c2 } as const] : []),
      { waitMs: 3000, do: "beside", calls: both, turns },
    ],
  });
  for (const both of [calls, [calls[1], calls[0]] as const]) {
    let isFirstDone = false;
    for (let first = 0; !isFirstDone; first++) {
      if (interruptions === 1) {
        isFirstDone = (await play(historyOf(both, [first]))) < 1;
        continue;
      }
      let isSecondDone = false;
      for (let second = 1; !isSecondDone; second *= 2) {
        const switched = await play(historyOf(both, [first, second]));
        isSecondDone = switched < 2;
        isFirstDone ||= switched < 1;
      }
    }
  }
}
