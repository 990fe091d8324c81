import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 600_000 } },
      { test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], testTimeout: 600_000 } },
      { test: { name: "sim", include: ["test/sim/**/*.test.ts"], testTimeout: 600_000 } },
      { test: { name: "shim", include: ["test/shim/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "vectors", include: ["test/vectors/**/*.test.ts"], testTimeout: 60_000 } },
      {
        // Two at a time gain nothing on two cores, and make what a failing one prints hard to read.
        test: {
          name: "netns",
          include: ["test/netns/**/*.test.ts"],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        // The same tests once more, through the shim and a resident process.
        test: {
          name: "resident",
          include: ["test/netns/**/*.test.ts", "test/resident/**/*.test.ts", "test/kube/pods.test.ts"],
          env: { PLEXUS_MODE: "resident" },
          globalSetup: "test/kube/setup.ts",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // After the others: an API server, and then a node, take the machine for themselves.
        test: {
          name: "kube",
          include: ["test/kube/**/*.test.ts"],
          globalSetup: "test/kube/setup.ts",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "runtime",
          include: ["test/runtime/**/*.test.ts"],
          globalSetup: "test/runtime/setup.ts",
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // A VM, which takes what processors there are.
        test: {
          name: "sriov",
          include: ["test/sriov/**/*.test.ts"],
          hookTimeout: 600_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
