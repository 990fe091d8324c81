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
});
afterEach(() => site.close());

const request = [{ name: "a", ips: ["10.222.1.77/24"], mac: "c2:b0:57:49:47:f1" }];
const told =
  /network \S+\/a on net1: `ips`, `mac` is asked for, .*"capabilities": {"ips": true, "mac": true}.* \[missing-capability]/;

it("by default the pod is attached, and warned of in an event that has the line to add", async () => {
  const pod = await site.pod(request);
  expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 0 });
  expect(await site.events(pod, 2)).toEqual([
    expect.stringMatching(/^Normal AddedInterface /),
    // The address is there, as host-local takes `IP` of CNI_ARGS.
    expect.stringMatching(
      /^Warning CapabilityNotClaimed network \S+\/a on net1: `mac` is asked for, .*"capabilities": {"mac": true}/,
    ),
  ]);
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
