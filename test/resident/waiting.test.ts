// Nothing waits behind what waits: with more calls that wait than there are slots, the others are answered first.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import type { Outcome } from "../support/outcome.ts";
import { Site } from "../support/site.ts";
import { until } from "../support/until.ts";

const OK = { exitCode: 0, stdout: "" };

let api: ApiServer;
let site: Site;
beforeAll(async () => {
  api = await ApiServer.start();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
  const resident = await site.lab.reside();
  await resident.start(["resident", "--replace", "--slots", "2"]);
});
afterEach(() => site.close());

/** Calls that run, and how many have ended. */
function watched(outcomes: Promise<Outcome>[]) {
  const state = { ended: 0, outcomes };
  for (const outcome of outcomes) void outcome.then(() => state.ended++);
  return state;
}

it("while ADDs wait for the readiness file, STATUS, CHECK, and another container's ADD and DEL are answered", async () => {
  const { lab } = site;
  const conf = lab.conf([lab.bridge("a", 1)]);
  const waiting = { ...conf, readinessindicatorfile: join(lab.dir, "ready") };
  const containers = [await lab.container(), await lab.container(), await lab.container()];
  const adds = watched(containers.map((container) => lab.start("ADD", waiting, { container }).outcome));
  await sleep(500); // until all of them wait; if some do not yet, they have less to be in the way of
  const container = await lab.container();
  for (const verb of ["STATUS", "ADD", "CHECK", "DEL"]) {
    const target = verb === "STATUS" ? undefined : { container };
    expect(await lab.run(verb, conf, target), verb).toMatchObject({ exitCode: 0 });
  }
  expect(await lab.run("STATUS", waiting)).toMatchObject({ answer: { code: 50 } });
  expect(adds.ended).toBe(0);
  fs.writeFileSync(join(lab.dir, "ready"), "");
  for (const outcome of adds.outcomes) expect(await outcome).toMatchObject({ exitCode: 0 });
  for (const one of containers) expect(await lab.run("DEL", conf, { container: one })).toMatchObject(OK);
  expect(await lab.leftovers()).toEqual([]);
});

it("while ADDs wait for an API server that hangs, DELs and STATUS are answered, and then the ADDs succeed", async () => {
  const attached = await site.pod();
  expect(await site.run("ADD", attached)).toMatchObject({ exitCode: 0 });
  const pods = [await site.pod(), await site.pod(), await site.pod()];
  api.pause();
  const adds = watched(pods.map((pod) => site.run("ADD", pod)));
  try {
    await sleep(500);
    expect(await site.run("DEL", attached)).toMatchObject(OK);
    expect(await site.lab.run("STATUS", site.conf())).toMatchObject(OK);
    expect(adds.ended).toBe(0);
  } finally {
    api.resume();
  }
  for (const outcome of adds.outcomes) expect(await outcome).toMatchObject({ exitCode: 0 });
  for (const pod of pods) expect(await site.run("DEL", pod)).toMatchObject(OK);
  expect(await site.lab.leftovers()).toEqual([]);
});

it("STATUS does not wait for a plugin that was well a moment ago, and asks anew as soon as it answers", async () => {
  const { lab } = site;
  const [hold, broken] = [join(lab.dir, "hold"), join(lab.dir, "broken")];
  lab.fake("fake-slow", {
    STATUS:
      `while [ -e ${hold} ]; do sleep 0.02; done; ` +
      `if [ -e ${broken} ]; then echo '{"cniVersion":"1.1.0","code":50,"msg":"no link"}'; exit 1; fi`,
  });
  const conf = lab.conf([{ cniVersion: "1.1.0", name: "a", type: "fake-slow" }]);
  expect(await lab.run("STATUS", conf)).toMatchObject(OK);
  fs.writeFileSync(hold, "");
  expect(await lab.run("STATUS", conf)).toMatchObject(OK);
  fs.writeFileSync(broken, "");
  fs.rmSync(hold);
  await until("STATUS says what the plugin says", async () => {
    const { answer } = await lab.run("STATUS", conf);
    return answer.code === 50;
  });
});

it.each(["1", "0", "x", "2.5"])("--slots %s is refused", (slots) => {
  for (const command of [["resident"], ["daemon", "--node-name", "n"]]) {
    const { status, stderr } = spawnSync(binary, [...command, "--slots", slots], { encoding: "utf8" });
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(`--slots ${slots}: a whole number from 2 to `),
    ]);
  }
});
