// The tiers of tests, one project each.
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { bindsTokensToNodes, servesClaims } from "./scripts/provide/kubernetes.ts";
import { measureSlowness } from "./test/support/pace.ts";

const slowness = process.env.VITEST ? measureSlowness() : 1; // other tools read this file too
process.env.PLEXUS_SLOWNESS = `${slowness}`; // for all processes of this run
if (slowness > 1.5) console.error(`Limits are ${slowness.toFixed(1)} times longer: the machine is slow now.`);

/** Not there rather than skipped: a test that is skipped is one that somebody has to ask about. */
const unserved = [
  ...(process.env.VITEST && servesClaims() ? [] : ["test/*/claims.test.ts"]),
  ...(process.env.VITEST && bindsTokensToNodes() ? [] : ["test/kube/restricted.test.ts"]),
];

/** For files that share what is one on a machine, or work all the time: two of them at a time gain nothing on two cores. */
const ONE_BY_ONE = { fileParallelism: false } as const;

/**
 * Makes a tier's project.
 *
 * @param minutes for one test, or one hook, on a quiet machine; more than any wait in there (test/support/until.ts), as
 *   it is the wait that says what it was for
 */
function tier(
  name: string,
  minutes: number,
  more: TestProjectInlineConfiguration["test"] = {},
): TestProjectInlineConfiguration {
  const limitMs = minutes * 60_000 * slowness;
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      exclude: unserved,
      runner: "test/support/runner.ts",
      testTimeout: limitMs,
      hookTimeout: limitMs,
      ...more,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", "./test/support/failures.ts"],
    maxWorkers: "100%", // by itself vitest leaves one processor idle
    projects: [
      tier("unit", 10),
      tier("fuzz", 10),
      tier("sim", 10),
      tier("vectors", 3),
      tier("shim", 3, { globalSetup: "test/shim/setup.ts" }),
      tier("page", 5, { globalSetup: "test/page/setup.ts", ...ONE_BY_ONE }),
      tier("embed", 5, { globalSetup: "test/embed/setup.ts" }),
      tier("netns", 5, { globalSetup: "test/netns/setup.ts", ...ONE_BY_ONE }),
      tier("resident", 10, {
        // The tests of netns once more, through the shim and a resident process.
        include: ["test/netns/**/*.test.ts", "test/resident/**/*.test.ts", "test/kube/pods.test.ts"],
        exclude: [...unserved, "test/netns/pages.test.ts"], // how Plexus is run there, the page says
        env: { PLEXUS_MODE: "resident" },
        globalSetup: "test/kube/setup.ts",
        sequence: { groupOrder: 1 },
      }),
      // Two files of these three at a time: each has an API server of its own, and waits more than it works.
      tier("kube", 5, { globalSetup: "test/kube/setup.ts", sequence: { groupOrder: 1 } }),
      tier("hostile", 5, {
        globalSetup: ["test/shim/setup.ts", "test/kube/setup.ts"],
        sequence: { groupOrder: 1 },
      }),
      // After the others: two nodes at a time, each a machine of its own, then the VM.
      tier("runtime", 30, {
        include: ["test/runtime/**/*.test.ts", "test/docs/**/*.test.ts"],
        globalSetup: "test/runtime/setup.ts",
        sequence: { groupOrder: 2 },
      }),
      tier("sriov", 30, { globalSetup: "test/sriov/setup.ts", sequence: { groupOrder: 3 } }),
    ],
  },
});
