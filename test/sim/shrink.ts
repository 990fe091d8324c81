// The shortest history that is still violated in the same way: what is left out changes nothing.
import type { History } from "./history.ts";

/**
 * Leaves out steps, containers and networks, and faults of steps, as long as `isAlike`.
 *
 * @param isAlike plays a history
 */
export async function shortened(
  history: History,
  isAlike: (history: History) => Promise<boolean>,
): Promise<History> {
  let shortest = history;
  for (let again = true; again; ) {
    again = false;
    for (const shorter of candidates(shortest)) {
      if (!(await isAlike(shorter))) continue;
      shortest = shorter;
      again = true;
      break;
    }
  }
  return shortest;
}

function* candidates(history: History): Generator<History> {
  const { setup, steps } = history;
  for (let size = steps.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= steps.length; at += size) {
      yield { ...history, steps: steps.toSpliced(at, size) };
    }
  }
  const used = Math.max(0, ...steps.map((step) => ("container" in step ? step.container : 0))) + 1;
  if (used < setup.containers.length) {
    yield { ...history, setup: { ...setup, containers: setup.containers.slice(0, used) } };
  }
  if (setup.networks.length > 1 && !setup.kubernetes) {
    for (const at of setup.networks.keys()) {
      yield { ...history, setup: { ...setup, networks: setup.networks.toSpliced(at, 1) } };
    }
  }
  if (setup.mode !== "one-shot" && !setup.hotPlug)
    yield { ...history, setup: { ...setup, mode: "one-shot" } };
  if (setup.attach === "parallel") yield { ...history, setup: { ...setup, attach: "sequential" } };
  for (const [at, step] of steps.entries()) {
    if ("dieAt" in step || "killAfterMs" in step) {
      const { dieAt: _, killAfterMs: __, ...plain } = step;
      yield { ...history, steps: steps.with(at, plain) };
    }
    if (step.waitMs > 0) yield { ...history, steps: steps.with(at, { ...step, waitMs: 0 }) };
  }
}
