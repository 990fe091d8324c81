// A thread that plays histories. It is given which, and says what was violated.
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { RememberingCore } from "./core.ts";
import { type Crashes, enumerate } from "./crashes.ts";
import { editedOf } from "./edits.ts";
import { type History, historyOf } from "./history.ts";
import { type Interleavings, interleave } from "./interleavings.ts";
import { knownClass } from "./known.ts";
import type { Violation } from "./machine.ts";
import { shortened } from "./shrink.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** What a thread is to play. */
export type Order =
  /** The histories of these seeds, `step` apart; until `limit` of them were violated. */
  | { play: "seeds"; first: number; step: number; count: number; limit: number; edits?: boolean }
  /** All crashes of one kind. */
  | { play: "crashes"; crashes: Crashes; limit: number }
  /** Two calls in every order. */
  | { play: "interleavings"; of: Interleavings }
  /** One, with a trace of it; and, where it is violated, the shortest like it. */
  | { play: "one"; history: History; shorten: boolean };

/** What it says. */
export type Report =
  | { is: "violated"; history: History; violations: Violation[] }
  | { is: "trace"; line: string }
  | { is: "shortest"; history: History }
  | { is: "done"; histories: number; calls: number; events: number };

/** Histories that a thread plays side by side: each gives the event loop something to do, and more of them need more of the caches. */
const LANES = 4;

const { wasm, order } = workerData as { wasm: string; order: Order };
const core = new RememberingCore(new Uint8Array(readFileSync(wasm)));
const totals = { histories: 0, calls: 0, events: 0 };
const say = (report: Report) => parentPort?.postMessage(report);

if (order.play === "seeds") {
  Error.stackTraceLimit = 0; // they cost time, and nobody reads them here
  const { count, edits, first, limit, step } = order;
  const one = edits ? editedOf : historyOf;
  let [next, found] = [0, 0];
  const lane = async () => {
    while (next < count && found < limit) {
      const { violations } = await play(one(first + next++ * step));
      if (violations.some((violation) => knownClass(violation) === undefined)) found++;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
} else if (order.play === "crashes") {
  Error.stackTraceLimit = 0;
  let found = 0;
  await enumerate(order.crashes, async (history) => {
    if (found >= order.limit) return [];
    const { cut, violations } = await play(history);
    if (violations.some((violation) => knownClass(violation) === undefined)) found++;
    return cut;
  });
} else if (order.play === "interleavings") {
  Error.stackTraceLimit = 0;
  await interleave(order.of, async (history) => (await play(history)).switched);
} else {
  const { violations } = await play(order.history, (line) => say({ is: "trace", line }));
  const [first] = violations;
  if (first && order.shorten) {
    const isAlike = async (history: History) =>
      (await simulate(core, history)).violations.some(({ kind }) => kind === first.kind);
    say({ is: "shortest", history: await shortened(order.history, isAlike) });
  }
}
if (core.complaint) throw core.complaint;
say({ is: "done", ...totals });

async function play(history: History, trace?: (line: string) => void): Promise<Outcome> {
  const outcome = await simulate(core, history, trace);
  totals.histories++;
  totals.calls += outcome.calls;
  totals.events += outcome.events;
  if (outcome.violations.length > 0) say({ is: "violated", history, violations: outcome.violations });
  return outcome;
}
