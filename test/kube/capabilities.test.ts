// Requests of a pod that no plugin of the network takes: `capabilityCheck`.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { Site } from "../support/site.ts";

let api: ApiServer;
let site: Site;
beforeAll(async () => {
  api = await ApiServer.start();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
  await site.nad("a", { ...site.lab.bridge("", 1), name: undefined }); // claims no capability
  // As bridge and host-local do, but without what they take of CNI_ARGS.
  const made = `{"cniVersion":"1.1.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}]}`;
  site.lab.fake("fake-deaf", { ADD: `echo '${made}'` });
  await site.nad("deaf", { cniVersion: "1.1.0", type: "fake-deaf" });
});
afterEach(() => site.close());

const request = [{ name: "a", ips: ["10.222.1.77/24"], mac: "c2:b0:57:49:47:f1" }];
const told =
  /network \S+\/\w+ on net1: `ips`, `mac` is asked for, .*"capabilities": {"ips": true, "mac": true}.* \[missing-capability]/;

it("by default the pod is attached, and warned of in an event that has the line to add", async () => {
  const pod = await site.pod([{ ...request[0], name: "deaf" }]);
  expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 0 });
  const events = await site.events(pod, 2);
  expect(events[0]).toMatch(/^Normal AddedInterface /);
  expect(events.filter((one) => /^Warning CapabilityNotClaimed /.test(one))).toEqual([
    expect.stringMatching(told),
  ]);
  expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0 });
});

it("what plugins take of CNI_ARGS is not warned of, as it is there", async () => {
  const pod = await site.pod(request);
  expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 0 });
  expect(await site.events(pod)).toEqual([
    expect.stringMatching(/^Normal AddedInterface .*net1 \[10\.222\.1\.77\/24\]/),
  ]);
  const link = await site.lab.inside(pod.container, "ip", "link", "show", "net1");
  expect(link).toContain("c2:b0:57:49:47:f1");
  expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0 });
});

it("with `fail` it is refused before anything is attached", async () => {
  const pod = await site.pod(request);
  const { answer } = await site.run("ADD", pod, site.conf({ capabilityCheck: "fail" }));
  expect(answer.code).toBe(7);
  expect(answer.msg).toMatch(told);
  expect(await site.lab.leftovers()).toEqual([]);
});

it("with `off` nobody is told", async () => {
  const pod = await site.pod(request);
  const conf = site.conf({ capabilityCheck: "off" });
  expect(await site.run("ADD", pod, conf)).toMatchObject({ exitCode: 0 });
  expect(await site.events(pod)).toEqual([expect.stringMatching(/^Normal AddedInterface /)]);
  expect(await site.run("DEL", pod, conf)).toMatchObject({ exitCode: 0 });
});
