// Histories that were violated once, by defects that have been mended since.
import { EDITED_CASES } from "./editcases.ts";
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
    what: "a delegate outlived a one-shot plexus that was killed, and attached behind the DEL that followed",
    history: {
      seed: 2,
      setup: PLAIN,
      steps: [
        { waitMs: 0, do: "ADD", container: 0, killAfterMs: 17 },
        { waitMs: 0, do: "DEL", container: 0 },
      ],
    },
  },
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
    what: "an ADD was refused, as an orphan of its own container still had the address",
    history: {
      seed: 19503,
      setup: {
        mode: "one-shot",
        attach: "sequential",
        delegateTimeoutSeconds: 0,
        kubernetes: false,
        nic: "igb",
        networks: [{ name: "b", kind: "chain", cniVersion: "1.0.0" }],
        containers: [{ id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [] }],
      },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "end namespace", container: 0 },
        { waitMs: 20, do: "remove plugin", type: "bridge", forMs: 50 },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 80, do: "ADD", container: 0 },
      ],
    },
  },
  {
    what: "two attachments whose confs are refused kept each other, and their pod, from ever being deleted",
    history: {
      seed: 1,
      setup: {
        ...PLAIN,
        networks: [
          { name: "a", kind: "bridge", cniVersion: "1.1.0" },
          { name: "b", kind: "refused", cniVersion: "1.1.0" },
          { name: "c", kind: "refused", cniVersion: "1.1.0" },
        ],
      },
      steps: [{ waitMs: 0, do: "ADD", container: 0 }],
    },
  },
  {
    what: "an attachment whose ADD had failed halfway, and whose DEL failed for a moment, was forgotten",
    history: {
      seed: 0,
      setup: PLAIN,
      steps: [
        { waitMs: 0, do: "plugin", verb: "DEL", how: "fail", acts: 0, times: 2 },
        { waitMs: 0, do: "plugin", verb: "ADD", how: "fail", acts: 2, times: 1 },
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "DEL", container: 0 },
      ],
    },
  },
  {
    what: "the state was lost with the power, as the process that had made its directory was killed before",
    history: {
      seed: 126,
      setup: PLAIN,
      steps: [
        { waitMs: 0, do: "ADD", container: 0, dieAt: 5 },
        { waitMs: 0, do: "ADD", container: 1 },
        { waitMs: 60, do: "reboot", powerLoss: true },
      ],
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
  {
    what: "a loss of power brought back that an attachment had been detached once, although it was attached anew",
    history: {
      seed: 13075,
      setup: {
        mode: "one-shot",
        attach: "parallel",
        delegateTimeoutSeconds: 10,
        kubernetes: false,
        networks: [
          { name: "a", kind: "macvlan", cniVersion: "1.0.0" },
          { name: "b", kind: "bridge", cniVersion: "1.1.0" },
          { name: "c", kind: "bridge", cniVersion: "1.0.0" },
        ],
        containers: [
          { id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [] },
          { id: "c2", netns: "/run/netns/n2", ifname: "eth0", selects: [] },
        ],
      },
      steps: [
        { waitMs: 0, do: "ADD", container: 1 },
        { waitMs: 80, do: "ADD", container: 0, dieAt: 28 },
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "ADD", container: 0, killAfterMs: 58 },
        { waitMs: 0, do: "plugin", verb: "DEL", how: "binary", acts: 3, times: 1 },
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 400, do: "reboot", powerLoss: true },
      ],
    },
  },
  {
    what: "the lock of a VF, whose process was killed, stayed until somebody else wanted the VF",
    history: {
      seed: 44734,
      setup: {
        mode: "daemon",
        attach: "sequential",
        delegateTimeoutSeconds: 0,
        kubernetes: true,
        nic: "igb",
        networks: [
          { name: "a", kind: "chain", cniVersion: "1.1.0" },
          { name: "b", kind: "chain", cniVersion: "1.1.0" },
          { name: "c", kind: "dpdk", cniVersion: "1.0.0" },
        ],
        containers: [{ id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [2] }],
      },
      steps: [
        { waitMs: 0, do: "ADD", container: 0, dieAt: 41 },
        { waitMs: 400, do: "GC" },
        { waitMs: 20, do: "ADD", container: 0 },
        { waitMs: 80, do: "remove plugin", type: "bridge", forMs: 50 },
        { waitMs: 0, do: "resident process", what: "dies" },
      ],
    },
  },
  {
    what: "a DEL of one interface removed the torn cache of another interface of its container",
    history: {
      seed: 68324,
      setup: {
        ...PLAIN,
        mode: "resident",
        networks: [{ name: "a", kind: "chain", cniVersion: "1.1.0" }],
        containers: ["eth0", "eth1", "eth2"].map((ifname) => ({
          id: "c1",
          netns: "/run/netns/n1",
          ifname,
          selects: [],
        })),
      },
      steps: [
        { waitMs: 0, do: "DEL", container: 1 },
        { waitMs: 0, do: "ADD", container: 2, dieAt: 39 },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 80, do: "reboot", powerLoss: true },
      ],
    },
  },
  {
    what: "a DEL of what had gone with the power was said to be in the wrong order",
    history: {
      seed: 915032831,
      setup: {
        mode: "one-shot",
        attach: "sequential",
        delegateTimeoutSeconds: 0,
        kubernetes: true,
        nic: "ixgbe",
        networks: [
          { name: "n", kind: "bridge", cniVersion: "1.1.0" },
          { name: "n-x", kind: "macvlan", cniVersion: "1.1.0" },
          { name: "x-n", kind: "vf", cniVersion: "1.0.0" },
        ],
        containers: [
          { id: "x", netns: "/run/netns/n1", ifname: "eth0", selects: [1, 2] },
          { id: "x-y", netns: "/run/netns/n2", ifname: "eth0", selects: [] },
        ],
      },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "DEL", container: 1 },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 400, do: "reboot", powerLoss: true },
        { waitMs: 0, do: "select", container: 0, selects: [2, 1] },
      ],
    },
  },
  {
    what: "the ADD of a pod that was gone succeeded, with what one before it had attached, and could not detach",
    history: {
      seed: 23171,
      setup: {
        ...PLAIN,
        delegateTimeoutSeconds: 10,
        kubernetes: true,
        networks: [{ name: "a", kind: "macvlan", cniVersion: "1.0.0" }],
        containers: [1, 2, 3].map((id) => ({
          ...{ id: `c${id}`, netns: `/run/netns/n${id}` },
          ...{ ifname: "eth0", selects: [] },
        })),
      },
      steps: [
        { waitMs: 0, do: "ADD", container: 2, dieAt: 25 },
        { waitMs: 400, do: "delete pod", container: 2 },
        { waitMs: 0, do: "remove plugin", type: "macvlan", forMs: 5000 },
        { waitMs: 5, do: "ADD", container: 2 },
      ],
    },
  },
  ...EDITED_CASES,
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

/** The history of the case that begins so. */
export function historyOf(what: string): History {
  const found = CASES.find((one) => one.what.startsWith(what));
  if (found === undefined) throw new Error(`there is no case ${what} ...`);
  return found.history;
}
