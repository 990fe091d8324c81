// Histories that were violated once, by defects that have been mended since.
import type { History } from "./history.ts";
import type { Outage } from "./outage.ts";
import { PLAIN, type Setup } from "./setup.ts";

interface Case {
  /** What went wrong. */
  what: string;
  history: History;
}

const SETUP: Setup = {
  ...PLAIN,
  networks: [
    { name: "b", kind: "macvlan", cniVersion: "1.1.0" },
    { name: "c", kind: "chain", cniVersion: "1.0.0" },
  ],
};

export const CASES: Case[] = [
  {
    what: "the state directory that an ADD had made was lost with the power",
    history: {
      seed: 5,
      setup: SETUP,
      steps: [{ waitMs: 0, do: "ADD", container: 0, dieAt: 18, losesPower: true }],
    },
  },
  {
    what: "a chain whose last plugin refuses its conf could not be deleted, and kept its address",
    history: {
      seed: 1,
      setup: { ...SETUP, networks: [{ name: "a", kind: "refused chain", cniVersion: "1.0.0" }] },
      steps: [{ waitMs: 0, do: "ADD", container: 0 }],
    },
  },
  {
    what: "a DEL, which does not need the API server, waited until ADDs had given up waiting for it",
    history: inOutage("down", [
      { waitMs: 0, do: "ADD", container: 0 },
      { waitMs: 0, do: "ADD", container: 1 },
      { waitMs: 100, do: "DEL", container: 2 },
    ]),
  },
  {
    what: "a DEL waited for the ADD of its container, which waited on although its runtime had killed it",
    history: inOutage("silent", [
      { waitMs: 0, do: "ADD", container: 0, killAfterMs: 200 },
      { waitMs: 300, do: "DEL", container: 0 },
    ]),
  },
];

/** Steps behind a resident process, with an API server that fails for a minute. */
export function inOutage(outage: Outage, steps: History["steps"]): History {
  const containers = ["c1", "c2", "c3"].map((id) => ({
    id,
    netns: `/run/netns/${id}`,
    ifname: "eth0",
    selects: [],
  }));
  return {
    seed: 1,
    setup: { ...PLAIN, mode: "resident", kubernetes: true, containers },
    steps: [{ waitMs: 0, do: "API server", outage, forMs: 60_000 }, ...steps],
  };
}
