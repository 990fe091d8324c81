// Waiting, on a clock of the test's own.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { until } from "../support/until.ts";

const clock = vi.hoisted(() => ({ nowMs: 0, slowness: 1 }));
vi.mock("node:timers/promises", () => ({
  setTimeout: (ms: number, _: unknown, options?: object) => {
    if (options) return new Promise(() => undefined); // the limit of an answer, which none here comes to
    clock.nowMs += ms;
    return Promise.resolve();
  },
}));
vi.mock("../support/pace.ts", () => ({ measureSlowness: () => clock.slowness }));

const LIMIT = Number(process.env.PLEXUS_SLOWNESS ?? 1) * 10;

beforeEach(() => {
  clock.nowMs = 0;
  clock.slowness = 1;
  vi.spyOn(performance, "now").mockImplementation(() => clock.nowMs);
});
afterEach(() => {
  vi.restoreAllMocks();
});

test("the answer is what was asked for, once it is there", async () => {
  const answers = [undefined, false, 7] as const;
  let asked = 0;
  expect(await until("there is a number", () => answers[asked++])).toBe(7);
  expect(asked).toBe(3);
});

test("a wait in vain says what it was for, how long it was, how far that was, and what went wrong", async () => {
  const waiting = until(
    "all pods run",
    (tell) => {
      tell("87 of 100 run");
      throw new Error("connection refused");
    },
    10,
  );
  await expect(waiting).rejects.toThrow(
    /^waited \d+\.\d s in vain until all pods run: 87 of 100 run: connection refused$/,
  );
  expect(clock.nowMs / 1000).toBeCloseTo(LIMIT, -1);
});

test("a wait begins anew with each progress", async () => {
  const start = () => clock.nowMs / 1000;
  const all = LIMIT * 3;
  const wait = until(
    "all pods run",
    (tell) => {
      tell(`${Math.floor(start() / (LIMIT / 2))} run`);
      return start() > all;
    },
    10,
  );
  expect(await wait).toBe(true);
});

test("what was told before is no progress", async () => {
  let times = 0;
  const waiting = until(
    "it is well",
    (tell) => tell(times++ % 2 === 0 ? "it is up" : "it is down") as undefined,
    10,
  );
  await expect(waiting).rejects.toThrow(/it is (up|down)$/);
});

test("a machine that has become slower since the start of the run has more time", async () => {
  clock.slowness = LIMIT; // ten times what it was
  const waiting = until("it is well", () => clock.nowMs / 1000 > 5 * LIMIT, 10);
  expect(await waiting).toBe(true);
});
