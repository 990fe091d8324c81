// `npm run sim`: plays histories of the simulator, as many as one likes, or one step by step.
//   --seed N            the first seed; without it, one of the time of day
//   --histories M       how many; without it, the one of the seed, with its trace
//   --history FILE      one history, as JSON, with its trace
//   --no-shorten        do not look for the shortest that is violated in the same way
//   --edits             histories of pods whose annotation is edited while they run
//   --defects           breaks defects in, and says what finds each
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.ts";
import { DEFECTS } from "./defects.ts";
import { editedOf } from "./edits.ts";
import { type History, historyOf, printed } from "./history.ts";
import { hunt, rowOf } from "./hunt.ts";
import { knownClass } from "./known.ts";
import type { Violation } from "./machine.ts";
import { inThread, playSeeds } from "./threads.ts";

/** After so many that were violated in ways that are not known, a run ends. */
const LIMIT = 1_000;
/** For each defect. */
const DEFECT_HISTORIES = 5_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    histories: { type: "string" },
    history: { type: "string" },
    "no-shorten": { type: "boolean" },
    edits: { type: "boolean" },
    defects: { type: "boolean" },
  },
});
const seed = values.seed === undefined ? Date.now() : Number(values.seed);
const script = await bundle("worker");
if (values.defects) {
  await breakIn();
} else if (values.history !== undefined) {
  await replay(JSON.parse(readFileSync(values.history, "utf8")) as History);
} else if (values.histories === undefined) {
  await replay(values.edits ? editedOf(seed) : historyOf(seed));
} else {
  await playMany(Number(values.histories));
}

/** One history, with all that happens in it; and the shortest that is violated in the same way. */
async function replay(history: History): Promise<void> {
  console.log(`${printed(history)}\n`);
  let shortest: History | undefined;
  let violations: Violation[] = [];
  await inThread(script, { play: "one", history, shorten: !values["no-shorten"] }, (report) => {
    if (report.is === "trace") console.log(report.line);
    if (report.is === "violated") ({ violations } = report);
    if (report.is === "shortest") shortest = report.history;
  });
  for (const { kind, text } of violations) console.log(`\n${kind}: ${text}`);
  if (violations.length === 0) console.log("\nnothing was violated");
  if (shortest) console.log(`\nthe shortest like it:\n${printed(shortest)}\n${JSON.stringify(shortest)}`);
  if (violations.some((violation) => knownClass(violation) === undefined)) process.exitCode = 1;
}

/** Prints the table in docs/testing.md. */
async function breakIn(): Promise<void> {
  for (const defect of DEFECTS) {
    const found = await hunt(defect, DEFECT_HISTORIES);
    console.log(rowOf(defect, found));
    if (found === undefined) process.exitCode = 1;
  }
}

/** Many, each kind of violation with the seed of the first. */
async function playMany(count: number): Promise<void> {
  const began = performance.now();
  const kinds = new Map<string, { times: number; seed: number; text: string }>();
  const totals = await playSeeds(
    script,
    { first: seed, count, limit: LIMIT, edits: values.edits ?? false },
    (report) => {
      if (report.is !== "violated") return undefined;
      const first = report.violations.find((violation) => knownClass(violation) === undefined);
      for (const violation of [first ?? report.violations[0]].flatMap((one) => one ?? [])) {
        const known = knownClass(violation);
        const kind = known ? `${known.name} (known)` : violation.kind;
        const before = kinds.get(kind) ?? { times: 0, seed: report.history.seed, text: violation.text };
        const isEarlier = report.history.seed < before.seed;
        const earliest = isEarlier ? { seed: report.history.seed, text: violation.text } : before;
        kinds.set(kind, { ...before, ...earliest, times: before.times + 1 });
        if (!known) process.exitCode = 1;
      }
    },
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const { histories, calls, events } = totals;
  console.log(`${histories} histories from seed ${seed} on, ${calls} calls, ${events} events, ${seconds} s`);
  for (const [kind, { times, seed: first, text }] of kinds) {
    console.log(
      `${times} times ${kind}, first with ${values.edits ? "--edits " : ""}--seed ${first}: ${text}`,
    );
  }
}
