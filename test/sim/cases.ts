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
    what: "attachments whose scratch file was lost with the power, and whose pod was gone, were undone in the order of their files' names",
    history: {
      seed: 8704,
      setup: {
        ...SETUP,
        mode: "daemon",
        kubernetes: true,
        delegateTimeoutSeconds: 10,
        networks: [
          { name: "a", kind: "bridge", cniVersion: "1.1.0" },
          { name: "b", kind: "macvlan", cniVersion: "1.0.0" },
          { name: "c", kind: "macvlan", cniVersion: "1.0.0" },
        ],
        containers: [{ id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [1, 2, 1] }],
      },
      steps: [
        { waitMs: 0, do: "CHECK", container: 0 },
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 20, do: "delete pod", container: 0 },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 400, do: "reboot", powerLoss: true },
      ],
    },
  },
];
