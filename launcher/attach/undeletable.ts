// What becomes of an attachment whose DEL fails: nothing may keep a pod from being deleted for ever, and nothing may be
// forgotten that is still there.
//
// How it works: a DEL that fails may be mended by the next one, so the runtime is told and sends another. A note in
// `<cniDir>/failed` counts them. If they cannot help any more, the attachment becomes an orphan: its delegate, with all
// that a DEL needs, moves to `<cniDir>/orphans`, the runtime is told that the DEL succeeded, and GC tries again. An
// attachment whose ADD was answered with an error, and whose DEL fails too, never was: it is given up.

/** Why an execution failed. */
export type Trouble = "missing plugin" | "refused conf" | "plugin's error" | "no answer";

export type Verdict = "retry" | "orphan";

/** So many DELs may fail before a pod is let go: a kubelet sends one about every 10 s. */
const TRIES: Record<Trouble, number> = {
  // Only an administrator can mend these two; a plugin is missing for a moment when it is upgraded.
  "missing plugin": 5,
  "refused conf": 5,
  // An IPAM server may be down, a lock held, a node overloaded.
  "plugin's error": 20,
  "no answer": 20,
};

export interface Circumstances {
  trouble: Trouble;
  /** Did a plugin answer its ADD with an error? */
  addFailed: boolean;
  /** Is the container's network namespace gone? Then all that is left is on the node. */
  isNamespaceGone: boolean;
  /** DELs that have failed, this one too. */
  tries: number;
}

/** Decides what to do with an attachment whose DEL has failed. */
export function verdictOn({ trouble, addFailed, isNamespaceGone, tries }: Circumstances): Verdict {
  if (addFailed && trouble !== "no answer") return "orphan";
  if (tries >= TRIES[trouble]) return "orphan";
  const cannotHelp = trouble === "missing plugin" || trouble === "refused conf";
  return cannotHelp && isNamespaceGone ? "orphan" : "retry";
}

/** Of several failures the one that may pass soonest: as long as one can be mended by a retry, there is one. */
export function mildest(troubles: readonly (Trouble | undefined)[]): Trouble {
  const order: Trouble[] = ["no answer", "plugin's error", "missing plugin", "refused conf"];
  return order.find((one) => troubles.includes(one)) ?? "no answer";
}
