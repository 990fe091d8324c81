// How slow this machine is just now, measured: limits of time are for a quiet machine with two cores of 2023, and are
// longer by this factor elsewhere. What else the machine does counts, as it counts for the tests.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Above this it is not the machine's pace that makes a test wait. */
const SLOWEST = 30;
/** What tests spend their time with, and the milliseconds that it takes on that machine. */
const TASKS: [quietMs: number, () => void][] = [
  [90, compute],
  [110, execute],
  [80, sync],
];

/** How slow it was at the start of this run, as vitest.config.ts has measured it; 1 for what is not a run of tests. */
export const SLOWNESS = Number(process.env.PLEXUS_SLOWNESS ?? 1);

/**
 * Measures the machine, in a third of a second if it is quiet.
 *
 * @returns how many times longer than on a quiet machine the slowest of the tasks takes; at least 1
 */
export function measureSlowness(): number {
  const ratios = TASKS.map(([quietMs, task]) => {
    const begun = performance.now();
    task();
    return (performance.now() - begun) / quietMs;
  });
  return Math.min(SLOWEST, Math.max(1, ...ratios));
}

function compute(): void {
  let state = 1;
  for (let step = 0; step < 60_000_000; step++) state = (Math.imul(state, 1664525) + 1013904223) | 0;
  if (state === 0) throw new Error("the generator has come to its fixed point, which it does not have"); // it is used
}

function execute(): void {
  for (let run = 0; run < 40; run++) spawnSync("/bin/true");
}

function sync(): void {
  const dir = fs.mkdtempSync(join(tmpdir(), "plexus-pace-"));
  try {
    for (let run = 0; run < 15; run++)
      fs.writeFileSync(join(dir, `${run}`), "x".repeat(4096), { flush: true });
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}
