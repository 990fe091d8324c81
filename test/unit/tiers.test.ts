// What becomes of a tier whose parts cannot be had.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: { assertionResults: { status: string; failureMessages: string[] }[] }[];
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-tiers-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("each of its tests fails with the tier's name and the reason, none of its hooks runs, and other tiers run", () => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const root = fileURLToPath(new URL("../fixtures/tiers", import.meta.url));
  const [hooks, file] = [join(dir, "hooks"), join(dir, "report.json")];
  const { status, stderr } = spawnSync(
    process.execPath,
    [vitest, "run", "--root", root, "--reporter=json", `--outputFile=${file}`],
    { encoding: "utf8", env: { ...process.env, HOOKS: hooks } },
  );
  expect(status, stderr).toBe(1);
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  expect(report).toMatchObject({ numPassedTests: 2, numFailedTests: 2, numPendingTests: 0 });
  const failed = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "failed");
  for (const { failureMessages } of failed) {
    expect(failureMessages.join("\n")).toContain("tier broken: its parts cannot be had: the mirror is away");
  }
  expect(readFileSync(hooks, "utf8")).toBe("a hook has run\n"); // the one of the whole tier
});
