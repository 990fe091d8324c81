// A DEL at Multus's endpoint while the API server is away.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Call } from "../../launcher/attach/call.ts";
import { remember } from "../../launcher/attach/remember.ts";
import { Fault } from "../../launcher/fault.ts";
import { localHost } from "../../launcher/host/local.ts";
import { delegateDel } from "../../launcher/hotplug/delegate.ts";
import { State } from "../../launcher/state/state.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();
let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-delegate-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

const confOf = (name: string) => JSON.stringify({ cniVersion: "1.0.0", name, type: "fake" });

test("detaches, and its log says that network-status stays, and why", async () => {
  const logged: string[] = [];
  const host = {
    ...localHost,
    find: async (name: string) => `/bin/${name}`,
    execute: async () => ({ exitCode: 0, stdout: "", stderr: "" }),
  };
  const args = "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p;K8S_POD_UID=u";
  const runtime = { containerId: "c1", netns: "/n", ifname: "eth0", args, network: "plexus" };
  const call = {
    core,
    host,
    runtime,
    clock: { now: () => 0, sleep: async () => undefined },
    state: new State(host, dir),
    log: { write: (_level: string, text: string) => logged.push(text) },
    settings: { delegateTimeoutSeconds: 0, attach: "sequential" },
    cluster: { pod: () => Promise.reject(new Fault(11, "the API server is away")) },
    env: {},
    pluginDirs: ["/bin"],
    builtIns: [],
  } as unknown as Call;
  const networks = [
    { conf: confOf("first"), source: "a test" },
    { conf: confOf("second"), source: "a test", selection: { interface: "x" } },
  ];
  const { delegates, scratch } = core.plan({ runtime, networks });
  await call.state.writeScratch("c1", scratch);
  for (const delegate of delegates)
    await remember(call, { delegate, result: '{"cniVersion":"1.0.0","interfaces":[]}' });
  await delegateDel(call, { ifname: "x", conf: confOf("second"), asked: {} });
  const { caches } = await call.state.read("c1");
  expect([...caches.keys()]).toEqual([delegates[0]?.cacheFile]);
  expect(logged).toContainEqual(
    expect.stringMatching(/ns\/p.*: network-status stays: the API server is away$/),
  );
});
