// network-status is on its way while an ADD still writes: what becomes of it if that fails.
import { expect, test } from "vitest";
import { add } from "../../launcher/attach/add.ts";
import type { Call } from "../../launcher/attach/call.ts";
import { filesOf, imaginedHost } from "../../launcher/explain/node.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import { State } from "../../launcher/state/state.ts";
import { loadCore } from "../support/core.ts";

const CONF = {
  cniVersion: "1.0.0",
  name: "plexus",
  type: "plexus",
  kubeconfig: "/k",
  delegates: [{ cniVersion: "1.0.0", name: "net", type: "bridge" }],
};
const pod = { namespace: "default", name: "web", uid: "u", annotations: {} };

test("a failed ADD does not end while its network-status may still be written: it would come behind the next ADD's", async () => {
  const core = loadCore();
  const settings = core.netconf(Buffer.from(JSON.stringify(CONF)));
  const host = {
    ...imaginedHost({
      files: filesOf(new Map()),
      hasPlugin: () => true,
      answer: () => '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/n"}],"ips":[]}',
    }),
    settle: async () => Promise.reject(new Fault(Code.ioFailure, "the disk is full")),
  };
  const order: string[] = [];
  let isAsked = false;
  let answer: (isThere: boolean) => void = () => undefined;
  const answered = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const cluster = {
    startConnecting: async () => undefined,
    pod: async () => pod,
    annotate: async () => {
      isAsked = true;
      const isThere = await answered;
      order.push("network-status is written");
      return isThere;
    },
    recordEvent: async () => undefined,
  };
  const ended = add({
    ...{ core, host, cluster, settings, state: new State(host, settings.cniDir) },
    ...{ env: { CNI_COMMAND: "ADD" }, pluginDirs: [settings.binDir], linter: undefined, builtIns: [] },
    runtime: {
      ...{ containerId: "c", netns: "/n", ifname: "eth0" },
      args: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=u",
    },
    log: { write: () => true },
    aside: (wait: () => unknown) => wait(),
    together: (_: string, look: () => unknown) => look(),
    recently: (_: string, ask: () => unknown) => ask(),
    clock: { now: () => 0, sleep: async () => undefined },
    outbox: { put: () => undefined },
    witness: undefined,
  } as unknown as Call)
    .catch((error: unknown) => Fault.of(error).message)
    .then((said) => void order.push(`ADD: ${said}`));
  for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
  expect([isAsked, order]).toEqual([true, []]);
  answer(true);
  await ended;
  expect(order).toEqual(["network-status is written", expect.stringContaining("the disk is full")]);
});
