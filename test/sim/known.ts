// Violations that are known: each with why it is not mended (yet). A run says which occurred; one that does not occur any
// more fails the test, and has to go from here.
import type { Violation } from "./machine.ts";

export interface Known {
  name: string;
  /** Violations of the class, as `kind: text`; those that follow from others too. */
  matches: RegExp;
  why: string;
}

export const KNOWN: Known[] = [
  {
    name: "an orphan",
    matches: /^left-by-orphan: /,
    why:
      "a delegate outlives a one-shot plexus that is killed with SIGKILL, and goes on while the DEL that follows is carried " +
      "out: what it makes afterwards nobody undoes; through the shim it dies too (PR_SET_PDEATHSIG)",
  },
  {
    name: "orphans that begin anew",
    matches: /^del-fails: .*the conf is refused/,
    why:
      "an attachment that becomes an orphan stays in the scratch file as long as another one of the container fails, and its " +
      "count of tries begins anew (launcher/attach/del.ts): two that are not orphaned by the same DEL keep each other from " +
      "ever being done, and their pod from being deleted",
  },
  {
    name: "given up",
    matches: /, an attachment was given up: /,
    why:
      "an ADD that a plugin has answered with an error counts as nothing attached, so a DEL that fails too gives it up " +
      "(launcher/attach/undeletable.ts): but plugins leave links and addresses when they fail halfway, and a DEL may fail " +
      "for a moment only, as on a full disk",
  },
  {
    name: "a note without an attachment",
    matches: /^left-(after-del|at-the-end)[^:]*: [^:]*: (\S*\/failed\/[^. ]\S*(, )?)+$/,
    why:
      "of an attachment that a DEL has only expected, as files were lost, a failure leaves nothing but its note in `failed`: " +
      "the next DEL finds no file, and leaves the note",
  },
  {
    name: "the state directory of a process that was killed",
    matches: /, the state directory was lost: /,
    why:
      "the process that has made `cniDir` is killed before it has synced the directory above (launcher/host/disk.ts); others " +
      "find it there and do not sync that; then the node loses its power, and their state is gone with it",
  },
  {
    name: "driver_override stays",
    matches: /^vf-not-restored[^:]*: .*"override":"[a-z-]+".* and was /,
    why:
      "a restore that is killed after the driver has taken the VF, and before driver_override is reset, is not finished by " +
      "the next one, which finds the driver there and rebinds nothing (launcher/sriov/restore.ts)",
  },
  {
    name: "no lock of a VF",
    matches:
      /^fails-needlessly: (DEL .*cannot be given back|CHECK .*has no VF attached)|^vf-shared: |, wanted by several[^:]*: |^foreign-touch: .* VF /,
    why:
      "two processes give one VF back at the same time, a call for its container, whose network namespace is gone, and the " +
      "ADD of another one, which takes it back: they disturb each other, and the first can remove the allocation that the " +
      "other has just made, so that a third gets the VF too",
  },
  {
    name: "a removal that is lost",
    matches: /, its removal was lost: /,
    why:
      "the removal of a file is not synced, so a loss of power can bring it back: that of a VF's allocation, which the next " +
      "ADD that wants the VF removes, and which says until then that somebody has it",
  },
  {
    name: "a DEL behind ADDs",
    matches: /^waits-too-long: /,
    why:
      "in the resident process, calls that wait for an API server that is down keep their turns (launcher/resident/" +
      "admission.ts): a DEL, which does not need it, waits until one of them gives up, half a minute",
  },
];

/** The known class that a violation is of. */
export function knownClass({ kind, text }: Violation): Known | undefined {
  return KNOWN.find(({ matches }) => matches.test(`${kind}: ${text}`));
}
