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
vi.mock("../support/pace.ts", () => ({ SLOWNESS: 2, measureSlowness: () => clock.slowness }));

beforeEach(() => {
  clock.nowMs = 0;
  clock.slowness = 1;
  vi.spyOn(performance, "now").mockImplementation(() => clock.nowMs);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A wait of ten seconds on a quiet machine: of twenty on this one. */
const wait = <T>(what: string, ask: Parameters<typeof until<T>>[1]) => until(what, ask, 10);
const isAfter = (seconds: number) => clock.nowMs > seconds * 1000;

test("the answer is what was asked for, once it is there", async () => {
  const answers = [undefined, false, 7] as const;
  let asked = 0;
  expect(await wait("there is a number", () => answers[asked++])).toBe(7);
  expect(asked).toBe(3);
});

test("a wait in vain says what it was for, how long it was, how far that was, and what went wrong", async () => {
  const waiting = wait("all pods run", (tell) => {
    tell("87 of 100 run");
    throw new Error("connection refused");
  });
  await expect(waiting).rejects.toThrow(
    /^waited 20\.\d s in vain until all pods run: 87 of 100 run: connection refused$/,
  );
});

test("a wait begins anew with each progress", async () => {
  const waiting = wait("all pods run", (tell) => {
    tell(`${Math.floor(clock.nowMs / 15_000)} run`);
    return isAfter(60);
  });
  expect(await waiting).toBe(true);
});

test("a wait whose progress has no end ends all the same", async () => {
  const waiting = wait("all pods run", (tell) => {
    tell(`pod ${clock.nowMs} is there`);
    return false;
  });
  await expect(waiting).rejects.toThrow(/^waited 2[12]\d\.\d s in vain until all pods run: pod /);
});

test("what was told before is no progress", async () => {
  let times = 0;
  const waiting = wait("it is well", (tell) => {
    tell(times++ % 2 === 0 ? "it is up" : "it is down");
    return isAfter(60);
  });
  await expect(waiting).rejects.toThrow(/^waited 20\.\d s in vain until it is well: it is (up|down)$/);
});

test("a machine that has become slower since the start of the run has more time", async () => {
  clock.slowness = 10;
  expect(await wait("it is well", () => isAfter(90))).toBe(true);
});
