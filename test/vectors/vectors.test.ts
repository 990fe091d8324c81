import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type Case,
  CONTAINER,
  callEssence,
  clean,
  essence,
  type PluginCall,
  Replay,
  type Vector,
} from "./replay.ts";

const fixtures = new URL("../fixtures/", import.meta.url);

function load<T>(folder: string): [string, T][] {
  return readdirSync(new URL(folder, fixtures))
    .sort()
    .map((name) => [name, JSON.parse(readFileSync(new URL(folder + name, fixtures), "utf8")) as T]);
}

describe("Plexus does what Multus was recorded to do", () => {
  test.each(load<Vector>("vectors/"))("%s", async (_, { case: given, recorded, departs = [] }) => {
    const replay = await Replay.of(given);
    try {
      const steps = [];
      for (const step of given.steps ?? ["ADD", "DEL"]) steps.push(essence(await replay.step(step)));
      const networkStatus = replay.networkStatus();
      const expected = {
        steps: recorded.steps.map(essence),
        networkStatus: clean(recorded.networkStatus ?? {}),
      };
      expect(without({ steps, networkStatus }, departs)).toEqual(without(expected, departs));
    } finally {
      await replay.close();
    }
  });
});

describe("where Multus leaks or loses something, Plexus does not", () => {
  const vectors = new Map(load<Vector>("vectors/"));
  const run = async (name: string) => {
    const { case: given } = vectors.get(name) as Vector;
    const replay = await Replay.of(given);
    try {
      const steps = [];
      for (const step of given.steps ?? ["ADD", "DEL"]) steps.push(await replay.step(step));
      return steps;
    } finally {
      await replay.close();
    }
  };

  test("a DEL with a scratch file truncated to nothing detaches by the result cache, and leaves nothing", async () => {
    const [added, deleted] = await run("25-truncated-to-zero-state.json");
    expect(added?.exit).toBe(0);
    expect(deleted?.exit).toBe(0);
    expect(deleted?.calls.map(({ plugin, env }) => [plugin, env.CNI_COMMAND])).toEqual([["bridge", "DEL"]]);
    expect(deleted?.state).toEqual([]);
  });

  test("a plugin name with a slash is refused before anything is saved or executed", async () => {
    const [added, deleted] = await run("13-plugin-name-with-slash.json");
    expect(added).toMatchObject({ exit: 1, calls: [], state: [], error: { code: 7 } });
    expect(deleted).toMatchObject({ exit: 0, calls: [], state: [] });
  });

  test("DEL gives an auxiliary chain's plugins the conf that ADD gave them", async () => {
    const [added, deleted] = await run("80-auxiliary-chain.json");
    const confOf = (step: typeof added) => step?.calls.find(({ plugin }) => plugin === "tuning")?.stdin;
    expect(confOf(added)).toMatchObject({ sysctl: { a: "b" } });
    expect(confOf(deleted)).toMatchObject({ sysctl: { a: "b" } });
    expect(confOf(deleted)).not.toHaveProperty("ipam");
  });

  test("CNI_ARGS with values that hold `=` are passed on, and what is no pair is left out", async () => {
    const [added, deleted] = await run("23-extra-cni-args.json");
    for (const step of [added, deleted]) {
      expect(step?.exit).toBe(0);
      expect(step?.calls[0]?.env.CNI_ARGS).toContain("FOO=a=b");
      expect(step?.calls[0]?.env.CNI_ARGS).not.toContain("junk");
    }
  });

  test("DEL gives plugins the port mappings and the bandwidth that ADD gave them", async () => {
    const [added, deleted] = await run("35-json-portmappings-bandwidth.json");
    const given = (step: typeof added) => {
      const call = step?.calls.find(({ plugin }) => plugin === "portmap");
      return (call?.stdin as { runtimeConfig?: object } | undefined)?.runtimeConfig;
    };
    expect(given(added)).toMatchObject({ portMappings: [{ hostPort: 81 }] });
    expect(given(deleted)).toEqual(given(added));
  });

  test("DEL's CNI_ARGS have the addresses that ADD's had", async () => {
    const [added, deleted] = await run("33-json-ips-mac.json");
    const argsOf = (step: typeof added) =>
      step?.calls.find(({ env }) => env.CNI_IFNAME === "net9")?.env.CNI_ARGS;
    expect(argsOf(added)).toContain("MAC=02:11:22:33:44:55");
    expect(argsOf(deleted)).toEqual(argsOf(added));
  });
});

type Left = { case: Case; files: Record<string, string>; delCalls: PluginCall[] };

describe("a pod that Multus added", () => {
  const inState = async ({ case: given, files }: Left): Promise<Replay> => {
    const replay = await Replay.of(given);
    replay.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`cni/${name}`, text])));
    return replay;
  };
  /** Which plugin was to undo which interface. */
  const undone = (calls: PluginCall[]) =>
    calls.map(({ plugin, env }) => [plugin, env.CNI_COMMAND, env.CNI_IFNAME]);

  test.each(load<Left>("state/"))("is deleted by Plexus as Multus would: %s", async (_, left) => {
    const replay = await inState(left);
    try {
      const deleted = await replay.step("DEL");
      expect(deleted.error).toBeUndefined();
      expect(deleted.calls.map(callEssence)).toEqual(left.delCalls.map(callEssence));
      expect(deleted.state).toEqual([]);
    } finally {
      await replay.close();
    }
  });

  test.each(load<Left>("state/"))("is checked by Plexus, and kept or cleared by GC: %s", async (_, left) => {
    const replay = await inState(left);
    try {
      const checked = await replay.step("CHECK");
      expect(checked.error).toBeUndefined();
      const attached = [...left.delCalls].reverse();
      expect(checked.calls.map(({ env }) => env.CNI_IFNAME).sort()).toEqual(
        attached.map(({ env }) => env.CNI_IFNAME).sort(),
      );
      for (const { env, stdin } of checked.calls) {
        expect(env.CNI_COMMAND).toBe("CHECK");
        expect(stdin).toHaveProperty("prevResult");
      }
      const gc = (attachments: object[]) =>
        replay.step({ verb: "GC", conf: { cniVersion: "1.1.0", "cni.dev/valid-attachments": attachments } });
      const kept = await gc([{ containerID: CONTAINER, ifname: "eth0" }]);
      expect([kept.exit, undone(kept.calls).filter(([, verb]) => verb === "DEL")]).toEqual([0, []]);
      expect(kept.state).toEqual(Object.keys(left.files).sort());
      const cleared = await gc([]);
      expect(undone(cleared.calls).filter(([, verb]) => verb === "DEL")).toEqual(undone(left.delCalls));
      expect(cleared.state).toEqual([]);
    } finally {
      await replay.close();
    }
  });
});

describe("a pod that Plexus adds is one that Multus can delete: its files say the same", () => {
  test.each(load<Left>("state/"))("%s", async (_, left) => {
    const replay = await Replay.of(left.case);
    try {
      expect(await replay.step("ADD")).toMatchObject({ exit: 0 });
      const files = replay.stateFiles();
      expect(Object.keys(files).sort()).toEqual(Object.keys(left.files).sort());
      for (const [name, text] of Object.entries(files)) {
        expect(whatMultusReads(text), name).toEqual(whatMultusReads(left.files[name] ?? ""));
      }
    } finally {
      await replay.close();
    }
  });

  /**
   * A scratch file, or a cache file, as Go reads it: JSON in base64 decoded, repeated arguments once, and without what
   * Multus never reads back (pkg/types.DelegateNetConf, libcni's cachedInfo).
   */
  function whatMultusReads(text: string): unknown {
    const decode = (base64: unknown) => JSON.parse(Buffer.from(String(base64), "base64").toString());
    const file = JSON.parse(text) as Record<string, unknown> | Record<string, unknown>[];
    if (!Array.isArray(file)) {
      const { runtimeIfName, runtimeNetwork, config, cniArgs, result, ...rest } = file;
      const args = Object.fromEntries(
        (cniArgs as [string, string][]).filter(([key]) => key !== "IgnoreUnknown"),
      );
      return { ...rest, config: decode(config), cniArgs: args, result: clean(result) };
    }
    return file.map(({ ifName, runtimeIfName, runtimeNetwork, CNINetworkConfigList, Bytes, ...rest }) => {
      const { capabilityArgs, portMappingsRequest, bandwidthRequest, ...read } = rest;
      return {
        ...JSON.parse(JSON.stringify(read), (key, value) => (key === "ipam" ? undefined : value)),
        Bytes: decode(Bytes),
      };
    });
  }
});

/** The value without what the paths (such as `.steps[1].state`) name. */
function without(value: object, paths: string[]): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
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
