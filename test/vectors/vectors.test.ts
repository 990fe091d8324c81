import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Case, callEssence, essence, type PluginCall, Replay, type Vector } from "./replay.ts";

const fixtures = new URL("../fixtures/", import.meta.url);

function load<T>(folder: string): [string, T][] {
  return readdirSync(new URL(folder, fixtures))
    .sort()
    .map((name) => [name, JSON.parse(readFileSync(new URL(folder + name, fixtures), "utf8")) as T]);
}

describe("Plexus does what Multus was recorded to do", () => {
  test.each(load<Vector>("vectors/"))("%s", (_, vector) => {
    const replay = new Replay(vector.case);
    try {
      const departs = vector.departs ?? [];
      const steps = (vector.case.steps ?? ["ADD", "DEL"]).map((step) => essence(replay.step(step)));
      const recorded = vector.recorded.steps.map(essence);
      expect(without(steps, departs)).toEqual(without(recorded, departs));
    } finally {
      replay.close();
    }
  });
});

describe("where Multus leaks or loses something, Plexus does not", () => {
  const vectors = new Map(load<Vector>("vectors/"));
  const run = (name: string) => {
    const { case: given } = vectors.get(name) as Vector;
    const replay = new Replay(given);
    try {
      return (given.steps ?? ["ADD", "DEL"]).map((step) => replay.step(step));
    } finally {
      replay.close();
    }
  };

  test("a DEL with a scratch file truncated to nothing detaches by the result cache, and leaves nothing", () => {
    const [added, deleted] = run("25-truncated-to-zero-state.json");
    expect(added?.exit).toBe(0);
    expect(deleted?.exit).toBe(0);
    expect(deleted?.calls.map(({ plugin, env }) => [plugin, env.CNI_COMMAND])).toEqual([["bridge", "DEL"]]);
    expect(deleted?.state).toEqual([]);
  });

  test("a plugin name with a slash is refused before anything is saved or executed", () => {
    const [added, deleted] = run("13-plugin-name-with-slash.json");
    expect(added).toMatchObject({ exit: 1, calls: [], state: [], error: { code: 7 } });
    expect(deleted).toMatchObject({ exit: 0, calls: [], state: [] });
  });

  test("CNI_ARGS with values that hold `=` are passed on, and what is no pair is left out", () => {
    const [added, deleted] = run("23-extra-cni-args.json");
    for (const step of [added, deleted]) {
      expect(step?.exit).toBe(0);
      expect(step?.calls[0]?.env.CNI_ARGS).toContain("FOO=a=b");
      expect(step?.calls[0]?.env.CNI_ARGS).not.toContain("junk");
    }
  });
});

describe("a pod that Multus added is deleted by Plexus as Multus would", () => {
  type Left = { case: Case; files: Record<string, string>; delCalls: PluginCall[] };
  test.each(load<Left>("state/"))("%s", (_, left) => {
    const replay = new Replay(left.case);
    try {
      replay.write(
        Object.fromEntries(Object.entries(left.files).map(([name, text]) => [`cni/${name}`, text])),
      );
      const deleted = replay.step("DEL");
      expect(deleted.error).toBeUndefined();
      expect(deleted.calls.map(callEssence)).toEqual(left.delCalls.map(callEssence));
      expect(deleted.state).toEqual([]);
    } finally {
      replay.close();
    }
  });
});

/** The value without what the paths (such as `.steps[1].state`) name. */
function without(steps: object[], paths: string[]): unknown {
  const copy = { steps: structuredClone(steps) } as Record<string, unknown>;
  for (const path of paths) {
    const keys = path.split(/[.[\]]+/).filter((key) => key !== "");
    const last = keys.pop() as string;
    const owner = keys.reduce<Record<string, unknown> | undefined>(
      (value, key) => value?.[key] as Record<string, unknown> | undefined,
      copy,
    );
    if (owner) delete owner[last];
  }
  return copy;
}
