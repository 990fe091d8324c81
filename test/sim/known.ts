// Violations that are known: each with why it is not mended (yet), and a history that shows it. One that is not shown any more
// fails a test, and has to go from here.
import type { History } from "./history.ts";
import type { Violation } from "./machine.ts";
import { PLAIN } from "./setup.ts";

export interface Known {
  name: string;
  /** Violations of the class, as `kind: text`; those that follow from others too. */
  matches: RegExp;
  why: string;
  history: History;
}

export const KNOWN: Known[] = [
  {
    name: "an orphan's address",
    matches: /^fails-needlessly: ADD .*duplicate allocation/,
    why:
      "an attachment that has become an orphan keeps its address until GC has detached it: another ADD of the same container " +
      "under the same interface name, which no runtime sends, is refused by its IPAM plugin until then",
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
    name: "an orphan",
    matches: /^left-by-orphan: /,
    why:
      "a delegate outlives a one-shot plexus that is killed with SIGKILL, and goes on while the DEL that follows is carried " +
      "out: what it makes afterwards nobody undoes; through the shim it dies too (PR_SET_PDEATHSIG)",
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
    name: "orphans that begin anew",
    matches: /^del-fails: .*the conf is refused/,
    why:
      "an attachment that is given up, or becomes an orphan, stays in the scratch file as long as another one of the " +
      "container fails, and its count of tries begins anew (launcher/attach/del.ts): two that are not done with by the same " +
      "DEL keep each other from ever being done with, and their pod from being deleted",
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
    name: "given up",
    matches: /, an attachment was given up: /,
    why:
      "an ADD that a plugin has answered with an error counts as nothing attached, so a DEL that fails too gives it up " +
      "(launcher/attach/undeletable.ts): but plugins leave links and addresses when they fail halfway, and a DEL may fail " +
      "for a moment only, as on a full disk",
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
    name: "the state directory of a process that was killed",
    matches: /, the state directory was lost: /,
    why:
      "the process that has made `cniDir` is killed before it has synced the directory above (launcher/host/disk.ts); others " +
      "find it there and do not sync that; then the node loses its power, and their state is gone with it",
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
    name: "a DEL behind ADDs",
    matches: /^waits-too-long: /,
    why:
      "in the resident process, calls that wait for an API server that is down keep their turns (launcher/resident/" +
      "admission.ts): a DEL, which does not need it, waits until one of them gives up, half a minute",
    history: {
      seed: 1,
      setup: {
        ...PLAIN,
        mode: "resident",
        kubernetes: true,
        containers: ["c1", "c2", "c3"].map((id) => ({
          id,
          netns: `/run/netns/${id}`,
          ifname: "eth0",
          selects: [],
        })),
      },
      steps: [
        { waitMs: 0, do: "API server", outage: "down", forMs: 60_000 },
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "ADD", container: 1 },
        { waitMs: 100, do: "DEL", container: 2 },
      ],
    },
  },
];

/** The known class that a violation is of. */
export function knownClass({ kind, text }: Violation): Known | undefined {
  return KNOWN.find(({ matches }) => matches.test(`${kind}: ${text}`));
}
