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
    name: "driver_override stays",
    matches: /^vf-not-restored[^:]*: .*"override":"[a-z-]+".* and was /,
    why:
      "a restore that is killed after the driver has taken the VF, and before driver_override is reset, is not finished by " +
      "the next one, which finds the driver there and rebinds nothing (launcher/sriov/restore.ts)",
    history: {
      seed: 657,
      setup: { ...PLAIN, nic: "igb", networks: [{ name: "a", kind: "vf", cniVersion: "1.0.0" }] },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "DEL", container: 0, dieAt: 49 },
        { waitMs: 0, do: "ADD", container: 0, dieAt: 53 },
      ],
    },
  },
  {
    name: "no lock of a VF",
    matches:
      /^fails-needlessly: (DEL .*cannot be given back|CHECK .*has no VF attached)|^vf-shared: |, wanted by several[^:]*: |^foreign-touch: .* VF /,
    why:
      "two processes give one VF back at the same time, a call for its container, whose network namespace is gone, and the " +
      "ADD of another one, which takes it back: they disturb each other, and the first can remove the allocation that the " +
      "other has just made, so that a third gets the VF too",
    history: {
      seed: 4,
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
    name: "a removal that is lost",
    matches: /, its removal was lost: /,
    why:
      "the removal of a file is not synced, so a loss of power can bring it back: that of a VF's allocation, which the next " +
      "ADD that wants the VF removes, and which says until then that somebody has it",
    history: {
      seed: 30,
      setup: { ...PLAIN, nic: "ixgbe", networks: [{ name: "a", kind: "dpdk", cniVersion: "1.0.0" }] },
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 0, do: "DEL", container: 0 },
        { waitMs: 500, do: "reboot", powerLoss: true },
      ],
    },
  },
];

/** The known class that a violation is of. */
export function knownClass({ kind, text }: Violation): Known | undefined {
  return KNOWN.find(({ matches }) => matches.test(`${kind}: ${text}`));
}
