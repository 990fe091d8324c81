// What a pod asked for and did not get, of a plugin that claims to give it, and does not.
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
});
afterEach(() => site.close());

const mac = "c2:b0:57:49:47:f1";

it.each(["the binary", "the resident process"])(
  "a MAC address: %s warns in an event, and attaches",
  async (who) => {
    if (who === "the resident process") await site.lab.reside();
    // ptp knows nothing of MAC addresses, whatever its conf says.
    const conf = {
      cniVersion: "1.0.0",
      type: "ptp",
      capabilities: { mac: true },
      ipam: site.lab.hostLocal(1),
    };
    await site.nad("a", conf);
    const pod = await site.pod([{ name: "a", mac }]);
    const added = await site.run("ADD", pod);
    expect(added, added.answer.msg).toMatchObject({ exitCode: 0, stderr: "" });
    const { mac: given } = (await site.status(pod))[1] ?? {};
    expect(given).not.toBe(mac);
    const events = await site.events(pod, 2);
    expect(events[0]).toMatch(/^Normal AddedInterface /);
    expect(events[1]).toContain(
      `Warning RequestNotMet network ${site.namespace}/a on net1: \`mac\` asks for "${mac}", and its plugins gave "${given}"; `,
    );
    expect(events[1]).toMatch(/ \[mac-not-given]$/);
    expect(events).toHaveLength(2);
    expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await site.lab.leftovers()).toEqual([]);
  },
);
