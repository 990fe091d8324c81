// Histories that were violated once, by defects that have been mended since.
import type { History } from "./history.ts";
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
    what: "a restore that was killed left driver_override behind, and the next one did not see it",
    history: {
      seed: 656,
      setup: { ...PLAIN, nic: "igb", networks: [{ name: "a", kind: "vf", cniVersion: "1.0.0" }] },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "DEL", container: 0, dieAt: 49 },
        { waitMs: 0, do: "ADD", container: 0, dieAt: 53 },
      ],
    },
  },
  {
    what: "two calls gave one VF back at the same time, and took it from each other",
    history: {
      seed: 2,
      setup: { ...PLAIN, nic: "ixgbe", networks: [{ name: "a", kind: "dpdk", cniVersion: "1.1.0" }] },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 300, do: "reboot", powerLoss: false },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 2, do: "ADD", container: 1 },
      ],
    },
  },
  {
    what: "a loss of power brought the record of a VF back that was given back",
    history: {
      seed: 6,
      setup: { ...PLAIN, nic: "ixgbe", networks: [{ name: "a", kind: "dpdk", cniVersion: "1.0.0" }] },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 500, do: "reboot", powerLoss: true },
      ],
    },
  },
];
