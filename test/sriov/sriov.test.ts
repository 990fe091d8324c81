// The cases of cases.ts, which run in a VM, each as a test of its own here.
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureVm } from "../../scripts/provide/vm.ts";
import { binary } from "../support/binary.ts";
import { cases } from "./cases.ts";
import { runInVm } from "./vm.ts";

/** Its processor is emulated: minutes on an idle machine, and many more on one that has other work. */
const VM_WITHIN_MS = 45 * 60_000;

interface Outcome {
  name: string;
  error: string;
}

const outcomes = new Map<string, Outcome>();
const console_: string[] = [];
let exitCode: number | undefined;

beforeAll(async () => {
  const run = fileURLToPath(new URL("run.ts", import.meta.url));
  exitCode = await runInVm([process.execPath, run, binary, ensurePlugins(), ensureVm().testpmd], (line) => {
    console_.push(line);
    if (!line.startsWith("case ")) return;
    const outcome = JSON.parse(line.slice("case ".length)) as Outcome;
    outcomes.set(outcome.name, outcome);
  });
}, VM_WITHIN_MS);

test.each(Object.keys(cases))("%s", (name) => {
  const outcome = outcomes.get(name);
  if (!outcome) throw new Error(`the VM did not run this case:\n${console_.slice(-60).join("\n")}`);
  if (outcome.error !== "") throw new Error(outcome.error);
});

test("the VM ends by itself, with success", () => {
  expect(exitCode, console_.slice(-30).join("\n")).toBe(0);
});
