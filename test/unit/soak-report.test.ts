import { expect, test } from "vitest";
import { plot, type Sample, tableOf } from "../bench/soak-report.ts";

/** After so many calls. */
function sample(calls: number, more: Partial<Sample> = {}): Sample {
  return {
    calls,
    minutes: calls / 1000,
    isAtRest: false,
    rssMB: 90,
    anonymousMB: 35,
    descriptors: 28,
    threads: 3,
    cpuMs: 3,
    addMs: 70,
    add99Ms: 200,
    longestMs: 300,
    delMs: 40,
    failed: 0,
    unready: 0,
    broken: 1,
    renewed: 0,
    restarted: 0,
    ...more,
  };
}

const REST = { isAtRest: true, rssMB: 80, anonymousMB: 27, addMs: undefined, add99Ms: undefined };

test("a soak's table has a line for each rest, with the latency of the calls before it", () => {
  const lines = tableOf([sample(1000), sample(1004, REST), sample(2000, { addMs: 71 })]).split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^\| 1,004 \| 1 \| 80\.0 \| 27\.0 \| 28 \| 3 \| 70\.0 \| 200 \|/);
});

test("a soak's plot marks the restarts of the API server where they were", () => {
  const samples = [sample(1000), sample(1004, REST), sample(2000, { restarted: 1 })];
  const upright = plot(samples).match(/<path d="M[\d.]+ [\d.]+V[\d.]+" stroke="#ddd"\/>/g) ?? [];
  expect(upright).toHaveLength(5); // one in each panel
  expect(new Set(upright.map((line) => line.match(/M([\d.]+)/)?.[1]))).toEqual(new Set(["880.0"]));
});

test("a soak's plot keeps what was seen at rest apart from the rest", () => {
  const drawn = plot([sample(1000), sample(1004, REST), sample(2000), sample(2004, REST)]);
  expect(drawn).toContain('points="469.2,'); // the samples before the rests
  expect(drawn.match(/stroke-width="2"/g)).toHaveLength(3);
});
