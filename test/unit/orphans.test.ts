// Orphans on a real disk: how many are kept, which go first, and how long GC tries them.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Call } from "../../launcher/attach/call.ts";
import { clearOrphans, orphan } from "../../launcher/attach/orphans.ts";
import type { Host } from "../../launcher/host/host.ts";
import { localHost } from "../../launcher/host/local.ts";
import { State } from "../../launcher/state/state.ts";
import type { Delegate } from "../../packages/core/index.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();
let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-orphans-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

const kept = () => fs.readdirSync(join(dir, "orphans")).filter((name) => !name.startsWith("."));

/** A call whose plugins take so long, and fail. */
function fakeCall(containerId: string, tookMs = 0) {
  const logged: string[] = [];
  const tried: string[] = [];
  let now = 0;
  const host: Host = {
    ...localHost,
    find: async (name) => `/bin/${name}`,
    execute: async (_path, { env }) => {
      tried.push(env.CNI_CONTAINERID ?? "");
      now += tookMs;
      return { exitCode: 1, stdout: '{"code":7,"msg":"refused"}', stderr: "" };
    },
  };
  const call = {
    core,
    host,
    clock: { now: () => now, sleep: async () => undefined },
    state: new State(host, dir),
    log: { write: (_level: string, text: string) => logged.push(text) },
    settings: { delegateTimeoutSeconds: 0 },
    runtime: { containerId, netns: "/run/netns/x", ifname: "eth0", args: "" },
    env: {},
    pluginDirs: ["/bin"],
    builtIns: [],
  } as unknown as Call;
  return { call, logged, tried };
}

function delegateFor(containerId: string, more = ""): Delegate {
  const conf = JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "fake" });
  const { delegates } = core.plan({
    runtime: { containerId, ifname: "eth0", args: "" },
    networks: [{ conf, source: "a test" }],
  });
  return { ...(delegates[0] as Delegate), conf: JSON.stringify({ ...JSON.parse(conf), more }) };
}

async function orphanMany(from: number, to: number, wasAttached: boolean, more = "") {
  const logged: string[] = [];
  for (let number = from; number <= to; number++) {
    const one = fakeCall(`c${number}`);
    await orphan(one.call, delegateFor(`c${number}`, more), { why: "refused", wasAttached });
    logged.push(...one.logged);
  }
  return logged;
}

test("a user whose pods fail for ever leaves a hundred orphans at most: the oldest go, with a line in the log, and none that was attached", async () => {
  await orphanMany(1, 3, true);
  const logged = await orphanMany(4, 113, false);
  expect(kept()).toHaveLength(103);
  expect(kept().filter((name) => name.includes("-attached-"))).toHaveLength(3);
  expect(kept().some((name) => name.includes("-c13-"))).toBe(false);
  expect(kept().some((name) => name.includes("-c14-"))).toBe(true);
  expect(logged).toHaveLength(10);
  expect(logged[0]).toMatch(/orphan \d+-never-c4-eth0 is given up.*network n; refused/);
});

test("all orphans together take 64 MiB at most", async () => {
  const logged = await orphanMany(1, 10, true, "x".repeat(4_000_000));
  const bytes = kept().reduce((sum, name) => sum + fs.statSync(join(dir, "orphans", name)).size, 0);
  expect(bytes).toBeLessThan(64 << 20);
  expect(kept().length + logged.length).toBe(10);
  expect(kept().at(-1)).toContain("-c10-");
});

test("a DEL that is cut off, and done again, keeps one orphan of an attachment", async () => {
  await orphanMany(1, 1, true);
  await orphanMany(1, 1, true);
  expect(kept()).toEqual(["0000000001-attached-c1-eth0"]);
});

test("GC tries orphans for a bounded time, and the next one goes on behind the last", async () => {
  await orphanMany(1, 10, true);
  const tried: string[] = [];
  for (let round = 0; round < 2; round++) {
    const gc = fakeCall("", 4000);
    await clearOrphans(gc.call, () => false);
    tried.push(gc.tried.join(" "));
  }
  expect(tried).toEqual(["c1 c2 c3", "c4 c5 c6"]);
  expect(kept()).toHaveLength(10);
});

test("GC leaves the orphan of a container that the runtime has again", async () => {
  await orphanMany(1, 2, true);
  const { call, tried } = fakeCall("");
  await clearOrphans(call, (containerId) => containerId === "c1");
  expect(tried).toEqual(["c2"]);
});

test.each(["", "{", "null", "[]", "5", '{"containerId":"c1"}', '{"containerId":1,"delegate":{}}'])(
  "an orphan's file that is %j is told of, and disturbs nobody",
  async (text) => {
    await orphanMany(1, 1, true);
    fs.writeFileSync(join(dir, "orphans", "stray"), text);
    fs.mkdirSync(join(dir, "orphans", "directory"));
    const { call, logged, tried } = fakeCall("");
    await clearOrphans(call, () => false);
    expect(tried).toEqual(["c1"]);
    expect(logged.filter((line) => line.includes("stray"))).toEqual([
      expect.stringContaining("its file cannot be read; remove it"),
    ]);
  },
);
