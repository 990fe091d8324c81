// Memory and time are linear in the document, for the worst documents that we can think of. `npm run growth` prints the
// table that docs/core.md has. Time is counted in steps, so that a busy machine says the same.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { boundOf, MIB, stepsOf } from "../support/bounds.ts";
import { coreBytes, runFresh } from "../support/wasm.ts";
import { API_SERVER_BYTES, type Cost, costOf, MOST_BYTES } from "./growth.ts";
import { documentOf, shapes } from "./shapes.ts";

const SMALL_BYTES = 48_000;
/** Sorting takes n log n; what is quadratic would be 16. */
const MOST_GROWTH = 1.5;

describe.each(shapes)("$operation: $name", (shape) => {
  test("16 times the document takes about 16 times the steps, and memory and steps within their bounds", () => {
    const costs = [1, 4, 16].map((factor) => costOf(shape, factor * SMALL_BYTES));
    for (const cost of costs) {
      expect(cost.bytes).toBeLessThanOrEqual(boundOf(cost.size));
      expect(cost.steps).toBeLessThanOrEqual(stepsOf(cost.size, shape.module));
      const [small] = costs as [Cost];
      expect(cost.steps / cost.size).toBeLessThan((MOST_GROWTH * small.steps) / small.size);
    }
  });

  test("lint.wasm, which looks at more, keeps its bounds too", () => {
    for (const bytes of [SMALL_BYTES, API_SERVER_BYTES]) {
      const cost = costOf({ ...shape, module: "lint.wasm" }, bytes);
      expect(cost.bytes).toBeLessThanOrEqual(boundOf(cost.size));
      expect(cost.steps).toBeLessThanOrEqual(stepsOf(cost.size, "lint.wasm"));
    }
  });

  test("what an API server can hold takes at most 64 MiB, and 16 MiB take at most 256", () => {
    for (const [size, limit] of [
      [API_SERVER_BYTES, 64 * MIB],
      [MOST_BYTES, 256 * MIB],
    ] as const) {
      const document = documentOf(shape, size);
      expect(document.length).toBeLessThanOrEqual(size);
      const module = shape.module && new WebAssembly.Module(coreBytes(shape.module));
      expect(runFresh(shape.operation, document, module).bytes).toBeLessThanOrEqual(limit);
    }
  });
});

test("docs/core.md has a row for each of them, whose numbers keep the bounds and do not grow", () => {
  const text = readFileSync(new URL("../../docs/core.md", import.meta.url), "utf8");
  for (const { operation, name } of shapes) {
    const row = text.split("\n").find((line) => line.startsWith(`| ${operation}: ${name} |`));
    const [, , steps = "", , most = "", all = ""] = row?.split("|") ?? [];
    const [first = 0, , last = 0] = steps.split("·").map(Number);
    expect([row, last / first < MOST_GROWTH, Number(most) <= 64, Number(all) <= 256]).toEqual([
      expect.any(String),
      true,
      true,
      true,
    ]);
  }
});
