// Requests to Multus's `/delegate`: how many are carried out at once, and that one always ends. The rest is kube/delegate.
import { expect, test } from "vitest";
import type { Sandbox } from "../../launcher/host/host.ts";
import { Delegating, readRequest } from "../../launcher/resident/delegating.ts";

const request = (verb = "DEL") =>
  Buffer.from(
    JSON.stringify({
      env: {
        CNI_COMMAND: verb,
        CNI_CONTAINERID: "c1",
        CNI_NETNS: "/run/netns/n",
        CNI_IFNAME: "x",
        CNI_ARGS: "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p;K8S_POD_UID=u",
      },
      config: Buffer.from('{"name":"a","type":"bridge"}').toString("base64"),
      interfaceAttributes: { ips: ["10.0.0.1/24"], "cni-args": null, other: 1 },
    }),
  );
const SANDBOX: Sandbox = {
  name: "c1@eth0",
  life: "attached",
  env: {
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/var/run/netns/n",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p;K8S_POD_UID=u",
  },
};

test("of a request what is used is read, and nothing else", () => {
  expect(readRequest(request())).toMatchObject({
    verb: "DEL",
    ifname: "x",
    conf: '{"name":"a","type":"bridge"}',
    asked: { ips: ["10.0.0.1/24"] },
  });
  expect(Object.keys(readRequest(request()).asked)).toEqual(["ips"]);
});

test("three are carried out at once, by jobs for the sandbox; all are", async () => {
  let [atOnce, most, done] = [0, 0, 0];
  const delegating = new Delegating({
    isThere: true,
    sandboxes: async () => [SANDBOX],
    work: async (sandbox, verb) => {
      expect([sandbox.name, verb]).toEqual(["c1@eth0", "ADD"]);
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 5));
      [atOnce, done] = [atOnce - 1, done + 1];
    },
  });
  const answers = await Promise.all(Array.from({ length: 10 }, () => delegating.answer(request())));
  expect([most, done]).toEqual([3, 10]);
  expect(new Set(answers.map(({ status, text }) => `${status}${text}`))).toEqual(new Set(["200"]));
});

test("one that an executor never ends is answered with code 11 all the same, and takes nobody's turn", async () => {
  const never = () => new Promise<never>(() => undefined);
  let hangs = true;
  const hands = {
    isThere: true,
    sandboxes: () => (hangs ? never() : Promise.resolve([SANDBOX])),
    work: async () => undefined,
  };
  const delegating = new Delegating(hands, 20);
  for (const { status, text } of await Promise.all(
    Array.from({ length: 4 }, () => delegating.answer(request())),
  ))
    expect([status, JSON.parse(text).code]).toEqual([503, 11]);
  hangs = false;
  expect(await delegating.answer(request())).toEqual({ status: 200, text: "" });
});

test("a DEL of a sandbox that the runtime deletes has nothing to do", async () => {
  const hands = {
    isThere: true,
    sandboxes: async (): Promise<Sandbox[]> => [{ ...SANDBOX, name: "c1@eth0~", life: "ended" }],
    work: () => Promise.reject(new Error("no job is needed")),
  };
  expect(await new Delegating(hands).answer(request())).toEqual({ status: 200, text: "" });
  const { status, text } = await new Delegating(hands).answer(request("ADD"));
  expect([status, JSON.parse(text)]).toEqual([
    400,
    expect.objectContaining({ code: 3, msg: expect.stringContaining("it is being deleted") }),
  ]);
});

test("a client that has gone does not wait for its turn any more: whoever hangs up and comes again piles nothing up", async () => {
  const ends: (() => void)[] = [];
  let begun = 0;
  const delegating = new Delegating({
    isThere: true,
    sandboxes: async () => [SANDBOX],
    work: () => {
      begun++;
      return new Promise<void>((resolve) => ends.push(resolve));
    },
  });
  const gone = new AbortController();
  const working = Array.from({ length: 3 }, () => delegating.answer(request()));
  const left = Array.from({ length: 50 }, () => delegating.answer(request(), gone.signal));
  const stays = delegating.answer(request());
  await expect.poll(() => begun).toBe(3);
  gone.abort();
  const never = new Promise((resolve) => setTimeout(resolve, 1000, "never"));
  const answers = await Promise.race([Promise.all(left), never]);
  expect(answers).toEqual(Array(50).fill(expect.objectContaining({ status: 503 })));
  for (const end of ends.splice(0)) end();
  await Promise.all(working);
  await expect.poll(() => begun).toBe(4);
  for (const end of ends) end();
  expect(await stays).toEqual({ status: 200, text: "" });
});
